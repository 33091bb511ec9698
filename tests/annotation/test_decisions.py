"""Decisions: immutable revisions with parent and origin; of two that collide both are kept."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from infmap.annotation import decisions, drafts, outcomes, schema, tasks
from infmap.annotation.decisions import Conflict, Revision
from infmap.annotation.errors import NotFound, WrongSequence
from infmap.annotation.tasks import Task
from infmap.core.errors import UsageError
from infmap.web.masks import decode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON, Station, box  # noqa: E402

MASKS = (box(1, 1, 9, 9), box(20, 20, 30, 30))


@pytest.fixture
def task(station: Station) -> Task:
    """A choice between two proposals, given to ann."""
    station.propose(station.film(), MASKS)
    station.plan()
    task = station.next(station.ann)
    assert task is not None and task.kind == "choose"
    return task


def mask_of(station: Station, revision: Revision) -> np.ndarray:
    with station.store.read() as c:
        return decode(decisions.mask(c, revision.id))


def origin_of(station: Station, task: Task, side: str) -> str:
    """Name of the network behind a side."""
    p, n = schema.proposals, schema.networks
    with station.store.read() as c:
        query = select(n.c.name).join(p, p.c.network_id == n.c.id)
        return c.execute(query.where(p.c.id == station.origins(task)[side])).scalar_one()


def test_a_chosen_candidate_is_the_mask_and_names_its_network(station: Station, task: Task) -> None:
    made = station.decide(task, station.ann, "choose", side="B", active_ms=1500)
    assert isinstance(made, Revision)
    assert (made.kind, made.side, made.parent, made.active_ms) == ("choose", "B", None, 1500)
    assert made.origin == origin_of(station, task, "B")
    with station.store.read() as c:
        assert decisions.mask(c, made.id) == tasks.candidate(c, task.id, "B", station.ann)
        assert tasks.get(c, task.id, station.ann).state == "decided"


def test_an_edited_candidate_says_what_it_was_edited_from(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12), base="A")
    made = station.decide(task, station.ann, "edit", draft=draft)
    assert isinstance(made, Revision)
    assert made.origin == f"edited from {origin_of(station, task, 'A')}" and made.side == "A"
    assert np.array_equal(mask_of(station, made), box(3, 3, 12, 12))


def test_a_drawn_mask_is_by_hand(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12))
    made = station.decide(task, station.ann, "draw", draft=draft)
    assert isinstance(made, Revision) and (made.origin, made.side) == ("hand", None)
    assert np.array_equal(mask_of(station, made), box(3, 3, 12, 12))


def test_strokes_after_the_number_named_do_not_count(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12))
    station.draw(task, station.ann, box(3, 3, 20, 20))
    with pytest.raises(WrongSequence):
        station.decide(task, station.ann, "draw", draft=draft, seq=3)
    made = station.decide(task, station.ann, "draw", draft=draft, seq=1)
    assert isinstance(made, Revision)
    assert np.array_equal(mask_of(station, made), box(3, 3, 12, 12))


def test_candidates_that_are_all_rejected_are_followed_by_a_drawing(
    station: Station, task: Task
) -> None:
    made = station.decide(task, station.ann, "reject", reason="both miss the left base")
    assert isinstance(made, Revision) and made.mask is None
    with station.store.read() as c, pytest.raises(NotFound):
        decisions.mask(c, made.id)
    assert station.state(task.film) == "open"
    assert station.next(station.ben) is None
    following = station.read(station.ann, box(5, 5, 9, 9))
    assert following is not None
    assert (following.film, following.kind, following.candidates) == (task.film, "draw", ())
    assert station.state(task.film) == "approved"


def test_a_rejection_may_bring_what_was_drawn_instead(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12))
    made = station.decide(task, station.ann, "reject", reason="both are wrong", draft=draft)
    assert isinstance(made, Revision) and made.mask is not None and made.origin == "hand"
    assert station.state(task.film) == "approved"
    assert station.next(station.ann) is None


def test_a_film_rejected_by_its_reader_is_unusable(station: Station) -> None:
    film = station.film()
    station.plan()
    station.read(station.ann, None)
    assert station.state(film) == "unusable"
    assert station.plan().made == 0


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("choose", {"side": "C"}),
        ("choose", {}),
        ("draw", {}),
        ("edit", {}),
        ("reject", {}),
        ("choose", {"side": "A", "reason": "fine"}),
        ("reject", {"reason": "x" * 501}),
        ("approve", {"side": "A"}),
        ("choose", {"side": "A", "active_ms": -1}),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    station: Station, task: Task, kind: str, given: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        station.decide(task, station.ann, kind, **given)
    assert station.state(task.film) == "open"


def test_a_drawing_is_not_decided_as_an_edit(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12))
    with pytest.raises(UsageError, match="starts from nothing"):
        station.decide(task, station.ann, "edit", draft=draft)


def test_the_same_decision_sent_again_counts_once(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(3, 3, 12, 12))
    made = station.decide(task, station.ann, "draw", draft=draft, seq=1)
    assert station.decide(task, station.ann, "draw", draft=draft, seq=1) == made
    with station.store.read() as c:
        assert decisions.of_task(c, task.id) == [made]


def test_two_tabs_that_decide_both_are_kept_and_one_counts(station: Station, task: Task) -> None:
    first = station.decide(task, station.ann, "choose", side="A")
    second = station.decide(task, station.ann, "choose", side="B")
    assert isinstance(first, Revision) and isinstance(second, Conflict)
    assert second.theirs == first and second.yours.conflict
    assert station.decide(task, station.ann, "choose", side="B") == second  # sent again
    with station.store.read() as c:
        assert decisions.of_task(c, task.id) == [first, second.yours]
        now = tasks.get(c, task.id, station.ann)
    assert now.head == first.id
    # Having seen both, the reader decides again.
    third = station.decide(now, station.ann, "choose", side="B", parent=first.id)
    assert isinstance(third, Revision) and (third.parent, third.number) == (first.id, 3)
    with station.store.read() as c:
        assert tasks.get(c, task.id, station.ann).head == third.id
        assert [a.revisions for a in outcomes.approved(c, station.project)] == [(third,)]


def test_a_stale_parent_is_a_conflict(station: Station, task: Task) -> None:
    first = station.decide(task, station.ann, "choose", side="A")
    assert isinstance(first, Revision)
    with station.store.read() as c:
        now = tasks.get(c, task.id, station.ann)
    assert isinstance(station.decide(now, station.ann, "choose", side="B"), Conflict)
    stale = station.decide(now, station.ann, "choose", side="B", parent="another")
    assert isinstance(stale, Conflict) and stale.theirs == first


def test_two_readers_on_one_task_keep_both_and_a_senior_decides(station: Station) -> None:
    film = station.film()
    station.plan()
    mine = station.next(station.ann, NOON)
    assert mine is not None and mine.deadline is not None
    draft = station.draw(mine, station.ann, box(1, 1, 9, 9))
    theirs = station.next(station.ben, mine.deadline)
    assert theirs is not None
    late = station.decide(mine, station.ann, "draw", draft=draft)
    assert isinstance(late, Conflict) and late.theirs is None
    assert station.state(film) == "open"
    other = station.draw(theirs, station.ben, box(20, 20, 30, 30))
    counts = station.decide(theirs, station.ben, "draw", draft=other)
    assert isinstance(counts, Revision)
    assert station.state(film) == "disputed"
    task = station.next(station.sue)
    assert task is not None and task.kind == "adjudicate"
    shown = set(station.origins(task).values())
    assert shown == {late.yours.id, counts.id}


def test_a_decision_that_a_senior_goes_on_from_is_not_changed(station: Station) -> None:
    station.rules(readers_per_film=2)
    station.film()
    station.plan()
    first = station.read(station.ann, box(1, 1, 9, 9))
    station.read(station.ben, box(20, 20, 30, 30))
    assert first is not None and station.next(station.sue) is not None
    with station.store.read() as c:
        now = tasks.get(c, first.id, station.ann)
        draft = drafts.of_task(c, first.id, station.ann.id)
    assert draft is not None
    station.draw(first, station.ann, box(20, 20, 30, 30))
    late = station.decide(now, station.ann, "draw", draft=draft.id, parent=now.head)
    assert isinstance(late, Conflict) and late.theirs is not None and late.theirs.id == now.head


def test_nobody_else_decides(station: Station, task: Task) -> None:
    draft = station.draw(task, station.ann, box(1, 1, 5, 5))
    for user in (station.ben, station.sue, station.olga, station.admin):
        with pytest.raises(NotFound):
            station.decide(task, user, "draw", draft=draft)


def test_a_mask_that_was_replayed_before_is_the_decisions_mask(station: Station) -> None:
    station.film()
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    first, second = box(1, 1, 9, 9), box(1, 1, 12, 12)
    draft = station.draw(task, station.ann, first)
    with station.store.read() as c:
        early = drafts.replayed(c, draft, station.ann.id)
        assert early is not None and early.seq == 1
        assert drafts.replayed(c, draft, station.ben.id) is None
        assert drafts.replayed(c, draft, station.ann.id, 2) is None
        assert drafts.replayed(c, "none", station.ann.id) is None
    # A stroke that came after it counts all the same.
    station.draw(task, station.ann, second)
    made = station.decide(task, station.ann, "draw", draft=draft, replayed=early)
    assert isinstance(made, Revision)
    with station.store.read() as c:
        np.testing.assert_array_equal(decode(decisions.mask(c, made.id)), second)
        late = drafts.replayed(c, draft, station.ann.id)
        assert late is not None and late.mask == decisions.mask(c, made.id)
