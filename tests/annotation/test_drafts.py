"""Drafts: no stroke is lost, none counts twice, one tab writes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infmap.annotation import drafts, tasks
from infmap.annotation.drafts import Draft
from infmap.annotation.errors import Fenced, NotFound, WrongSequence
from infmap.core.errors import UsageError
from infmap.web.masks import decode
from infmap.web.strokes import Stroke

sys.path.insert(0, str(Path(__file__).parent))
from small_station import HEIGHT, WIDTH, Station, box, stroke  # noqa: E402

EMPTY = np.zeros((HEIGHT, WIDTH), np.uint8)


@pytest.fixture
def draft(station: Station) -> Draft:
    station.film()
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    with station.store.begin() as c:
        return drafts.open(c, task.id, station.ann.id, None, "one")


def three() -> list[Stroke]:
    """Strokes 1 to 3; the third takes the first back."""
    a, b = box(1, 1, 9, 9), box(5, 5, 20, 30)
    return [stroke(1, EMPTY, a), stroke(2, EMPTY, b), stroke(3, a, EMPTY)]


def add(station: Station, draft: Draft, expected: int, new: list[Stroke]) -> int:
    with station.store.begin() as c:
        return drafts.append(c, draft.id, draft.epoch, expected, new)


def kept(station: Station, draft: Draft) -> list[Stroke]:
    with station.store.read() as c:
        return drafts.strokes(c, draft.id)


def test_strokes_come_back_as_they_were_and_make_the_mask(station: Station, draft: Draft) -> None:
    assert add(station, draft, 0, three()) == 3
    assert kept(station, draft) == three()
    with station.store.read() as c:
        assert np.array_equal(decode(drafts.mask(c, draft.id)), box(5, 5, 20, 30))
        assert np.array_equal(decode(drafts.mask(c, draft.id, 1)), box(1, 1, 9, 9))
        assert not decode(drafts.mask(c, draft.id, 0)).any()
        assert drafts.strokes(c, draft.id, after=2) == three()[2:]
        assert drafts.get(c, draft.id).seq == 3


def test_strokes_sent_again_count_once(station: Station, draft: Draft) -> None:
    add(station, draft, 0, three()[:2])
    assert add(station, draft, 0, three()[:2]) == 2
    assert add(station, draft, 0, three()) == 3  # the first two known, the third new
    assert add(station, draft, 1, three()[1:]) == 3
    assert kept(station, draft) == three()


def test_a_gap_is_refused_and_the_answer_says_where_to_go_on(
    station: Station, draft: Draft
) -> None:
    add(station, draft, 0, three()[:1])
    for expected, new in (
        (2, three()[2:]),
        (1, three()[2:]),
        (1, [replace(three()[1], seq=3)]),
        (1, [three()[1], three()[1]]),
        (0, [replace(three()[0], uuid="another")]),  # drawn in another tab
    ):
        with pytest.raises(WrongSequence) as wrong:
            add(station, draft, expected, new)
        assert wrong.value.seq == 1
    assert kept(station, draft) == three()[:1]


def test_a_second_tab_takes_the_draft_over(station: Station, draft: Draft) -> None:
    add(station, draft, 0, three()[:1])
    with station.store.begin() as c:
        second = drafts.open(c, draft.task, draft.user, None, "two")
    assert (second.id, second.epoch, second.seq) == (draft.id, draft.epoch + 1, 1)
    with pytest.raises(Fenced) as fenced:
        add(station, draft, 1, three()[1:])
    assert fenced.value.epoch == second.epoch
    assert add(station, second, 1, three()[1:]) == 3
    with station.store.begin() as c:
        back = drafts.take_over(c, draft.id, "one")
    assert (back.epoch, back.seq) == (second.epoch + 1, 3)
    with pytest.raises(Fenced):
        add(station, second, 3, [])


def test_a_reload_of_the_same_tab_takes_nothing_over(station: Station, draft: Draft) -> None:
    with station.store.begin() as c:
        assert drafts.open(c, draft.task, draft.user, None, "one") == draft


def test_a_draft_starts_from_the_candidate_that_was_picked(station: Station) -> None:
    film = station.film()
    station.propose(film, [box(1, 1, 9, 9), box(20, 20, 30, 30)])
    station.plan()
    task = station.next(station.ann)
    assert task is not None and task.candidates == ("A", "B")
    with station.store.begin() as c:
        on_a = drafts.open(c, task.id, station.ann.id, "A", "one")
        assert drafts.mask(c, on_a.id) == tasks.candidate(c, task.id, "A", station.ann)
        on_b = drafts.open(c, task.id, station.ann.id, "B", "one")
        assert drafts.mask(c, on_b.id) == tasks.candidate(c, task.id, "B", station.ann)
        assert (on_b.id, on_b.base) == (on_a.id, "B")
        before = decode(drafts.mask(c, on_b.id))
        drafts.append(c, on_b.id, 1, 0, [stroke(1, before, before ^ box(0, 0, 3, 3))])
        # Strokes are changes of their base: with another one they would mean other pixels.
        assert drafts.open(c, task.id, station.ann.id, "A", "one").base == "B"
        with pytest.raises(UsageError, match="no candidate 'C'"):
            drafts.open(c, task.id, station.ann.id, "C", "one")


@pytest.mark.parametrize(
    "bad",
    [
        replace(three()[0], rect=(WIDTH - 1, 0, 4, 4), runs=b"\x00\x10"),
        replace(three()[0], runs=b"\x00\x01"),
        replace(three()[0], label=2),
    ],
    ids=["leaves the film", "does not fill its rectangle", "a label of other projects"],
)
def test_a_stroke_that_cannot_be_replayed_is_refused(
    station: Station, draft: Draft, bad: Stroke
) -> None:
    with pytest.raises(UsageError):
        add(station, draft, 0, [bad])
    assert kept(station, draft) == []


def test_a_draft_is_nobody_elses(station: Station, draft: Draft) -> None:
    with station.store.begin() as c:
        assert drafts.get(c, draft.id, station.ann.id) == draft
        with pytest.raises(NotFound):
            drafts.get(c, draft.id, station.ben.id)
        with pytest.raises(NotFound):
            drafts.open(c, draft.task, station.ben.id, None, "x")
        with pytest.raises(NotFound):
            drafts.get(c, "none")
