"""Tests of `infmap.annotation.progress`."""

from __future__ import annotations

import pytest
from small_station import Station, box

from infmap.annotation.errors import NotFound
from infmap.annotation.progress import progress


def test_work_is_counted_by_film_stage_reader_and_network(station: Station) -> None:
    masks = [box(5, 5, 20, 20), box(6, 5, 21, 20)]
    for name in "abc":
        station.propose(station.film(name), masks)
    station.plan()
    first = station.next(station.ann)
    assert first is not None
    station.decide(first, station.ann, "choose", side="A", active_ms=90_000)
    second = station.next(station.ann)
    assert second is not None
    draft = station.draw(second, station.ann, box(0, 0, 9, 9), base="A")
    station.decide(second, station.ann, "edit", draft=draft, active_ms=30_000)
    with station.store.read() as c:
        told = progress(c, station.project)
    assert told["films"] == {"open": 1, "disputed": 0, "approved": 2, "unusable": 0}
    assert told["stages"] == [{"stage": 2, "done": 2, "left": 1}]
    readers = {reader["name"]: (reader["done"], reader["minutes"]) for reader in told["readers"]}
    assert readers == {"ann": (2, 2.0), "ben": (0, 0.0), "olga": (0, 0.0), "sue": (0, 0.0)}
    assert [(n["name"], n["proposed"], n["shown"]) for n in told["networks"]] == [
        ("net0@1", 3, 2), ("net1@1", 3, 2)
    ]  # fmt: skip
    assert sum(network["chosen"] for network in told["networks"]) == 1
    assert sum(network["edited"] for network in told["networks"]) == 1


def test_a_project_that_is_not_there_has_none(station: Station) -> None:
    with station.store.read() as c, pytest.raises(NotFound):
        progress(c, "nowhere")
