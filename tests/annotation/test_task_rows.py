"""Tasks as rows: drawn sides, and which of them may be withdrawn."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from infmap.annotation import schema, tasks
from infmap.annotation.store import Store
from infmap.annotation.task_rows import uniform, withdraw

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON, Station, box  # noqa: E402


def test_draws_are_uniform_and_the_same_for_the_same_arguments() -> None:
    drawn = [uniform(0, "x", k) for k in range(2000)]
    assert drawn == [uniform(0, "x", k) for k in range(2000)]
    assert all(0 <= value < 1 for value in drawn)
    # Four standard errors of the mean of 2,000 uniform numbers.
    assert sum(drawn) / 2000 == pytest.approx(0.5, abs=4 * (1 / 12 / 2000) ** 0.5)
    assert uniform(1, "x", 0) != drawn[0] and uniform(0, "y", 0) != drawn[0]
    assert uniform(0, "x", "1") != uniform(0, "x", 1)


def test_the_same_films_have_the_same_sides_in_a_station_made_again(tmp_path: Path) -> None:
    sides = []
    for folder in ("one", "two"):
        store = Store.open(tmp_path / folder)
        station = Station(store)
        for k in range(8):
            station.propose(station.film(f"film {k}"), [box(1, 1, 9, 9), box(9, 9, 30, 30)])
        station.plan()
        s, t, f = schema.presentations, schema.tasks, schema.films
        query = select(f.c.sha256, s.c.side, s.c.mask)
        query = query.join(t, t.c.id == s.c.task_id).join(f, f.c.id == t.c.film_id)
        with store.read() as c:
            sides.append(sorted(map(tuple, c.execute(query))))
        store.close()
    assert sides[0] == sides[1]
    assert len({row[2] for row in sides[0] if row[1] == "A"}) == 2


def gone(station: Station, task: str) -> bool:
    with station.store.begin() as c:
        return withdraw(c, [task]) == 1


def test_what_somebody_began_is_not_withdrawn(station: Station) -> None:
    for name in "abc":
        station.propose(station.film(name), [box(1, 1, 9, 9)])
    station.plan()
    task = station.next(station.ann, NOON)
    assert task is not None
    assert not gone(station, task.id)
    station.draw(task, station.ann, box(2, 2, 9, 9), base="A")
    with station.store.begin() as c:
        tasks.release(c, task.id, station.ann, task.version)
    assert not gone(station, task.id)  # its strokes are there


def test_what_was_given_back_unread_is_withdrawn_with_all_that_hangs_on_it(
    station: Station,
) -> None:
    station.propose(station.film(), [box(1, 1, 9, 9)])
    station.plan()
    task = station.next(station.ann, NOON)
    assert task is not None
    with station.store.begin() as c:
        tasks.release(c, task.id, station.ann, task.version)
    assert gone(station, task.id) and not gone(station, task.id)
    assert station.next(station.ann) is None
