"""Tests of `infmap.annotation.answers`."""

from __future__ import annotations

from small_station import Station, box

from infmap.annotation.answers import GUIDES, TaskAnswer, seconds_left, task_answer
from infmap.annotation.store import now


def test_a_task_answer_has_the_fields_of_its_type_and_no_others(station: Station) -> None:
    station.propose(station.film(), [box(5, 5, 20, 20), box(6, 5, 21, 20)])
    station.plan()
    task = station.next(station.ann, now())
    assert task is not None
    with station.store.read() as c:
        answer = task_answer(c, task)
    assert set(answer) == set(TaskAnswer.__annotations__)
    assert answer["guide"] == GUIDES["choose"]


def test_a_deadline_that_is_over_leaves_no_seconds() -> None:
    assert seconds_left(None) == 0
    assert seconds_left(now() - 5000) == 0
    assert seconds_left(now() + 90_500) in (89, 90)
