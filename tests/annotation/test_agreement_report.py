from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.annotation import tasks
from infmap.annotation.agreement_report import Report, as_json, of_project
from infmap.annotation.proposals import add
from infmap.web.masks import encode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

LEFT, RIGHT, WIDER = box(5, 5, 20, 15), box(5, 25, 20, 40), box(5, 5, 20, 20)


def report(station: Station) -> Report:
    with station.store.read() as c:
        return of_project(c, station.project, draws=20)


def propose(station: Station, film: str, **masks: np.ndarray) -> None:
    with station.store.begin() as c:
        for name, mask in masks.items():
            add(c, film, f"{name}@1", encode(mask), 1)
    station.plan()


def test_two_readers_of_a_film_are_compared(station: Station) -> None:
    station.rules(readers_per_film=2)
    station.film()
    station.plan()
    station.read(station.ann, LEFT)
    station.read(station.ben, WIDER)
    found = report(station)
    (row,) = [
        a
        for a in found.agreement
        if a.readers == ("ann", "ben") and a.label == "infection" and a.zone == "all"
    ]
    assert row.dice.value == pytest.approx(2 * 150 / (150 + 225)) and row.dice.n == 1
    assert 0 < row.kappa.value < 1
    assert found.fleiss["infection"].n == 1 and found.films == 1


def test_a_choice_counts_for_the_network_and_a_seniors_change_against_it(station: Station) -> None:
    station.rules(readers_per_film=2)
    film = station.film()
    propose(station, film, a=LEFT, b=RIGHT)
    for reader, proposal in ((station.ann, LEFT), (station.ben, RIGHT)):
        task = station.next(reader)
        assert task is not None
        wanted = encode(proposal)
        side = next(s for s in task.candidates if candidate(station, task.id, s, reader) == wanted)
        station.decide(task, reader, "choose", side=side)
    assert station.state(film) == "disputed"
    task = station.next(station.sue)
    assert task is not None
    side = next(s for s in task.candidates if candidate(station, task.id, s, station.sue) == wanted)
    station.decide(task, station.sue, "choose", side=side)
    rows = {row.network: row for row in report(station).networks if row.round is None}
    a, b = rows["a@1"], rows["b@1"]
    assert a.win_rate.value == b.win_rate.value == 0.5 and a.win_rate.n == 2
    assert (a.overturn_rate.value, b.overturn_rate.value) == (1, 0)
    assert a.as_it_is.value == 1 and a.edit_distance.value == 0 and a.by_chance == 0.5


def test_an_edited_proposal_has_its_edit_distance(station: Station) -> None:
    film = station.film()
    propose(station, film, a=LEFT)
    task = station.next(station.ann)
    assert task is not None
    draft = station.draw(task, station.ann, WIDER, base="A")
    station.decide(task, station.ann, "edit", draft=draft, active_ms=90_000)
    found = report(station)
    (row,) = [row for row in found.networks if row.round is None]
    assert row.win_rate.value == 1 and row.as_it_is.value == 0
    assert row.edit_distance.value == pytest.approx(75 / 225)
    (time,) = [time for time in found.times if time.reader == "ann"]
    assert (time.kind, time.median.value, time.minutes) == ("choose", 90, 1.5)


def test_a_project_without_decisions_has_an_empty_report_of_json(station: Station) -> None:
    found = report(station)
    assert found.films == 0 and not found.agreement and not found.networks and not found.times
    text = json.dumps(as_json(found), allow_nan=False)
    assert json.loads(text)["fleiss"]["infection"]["value"] is None


def candidate(station: Station, task: str, side: str, user: object) -> bytes:
    with station.store.read() as c:
        return tasks.candidate(c, task, side, user)  # type: ignore[arg-type]
