"""What follows from decisions: approval, a senior's task, unannounced repeats."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from infmap.annotation import outcomes, projects, schema, tasks, users
from infmap.annotation.decisions import Revision
from infmap.annotation.settling import REPEAT_GAP

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

MASK, NEAR, FAR = box(1, 1, 21, 21), box(1, 1, 21, 20), box(20, 20, 39, 39)


@pytest.fixture
def two(station: Station) -> Station:
    """A film that two readers read."""
    station.rules(readers_per_film=2)
    station.film()
    station.plan()
    return station


def approved(station: Station) -> list[outcomes.Approved]:
    with station.store.read() as c:
        return outcomes.approved(c, station.project)


def test_readers_who_agree_approve_a_film(two: Station) -> None:
    first, second = two.read(two.ann, MASK), two.read(two.ben, NEAR)
    assert first is not None and second is not None
    (film,) = approved(two)
    assert [r.task for r in film.revisions] == [first.id, second.id] and not film.adjudicated
    assert two.next(two.sue) is None


def test_readers_who_disagree_call_a_senior_who_sees_both_masks(two: Station) -> None:
    film = two.read(two.ann, MASK)
    two.read(two.ben, FAR)
    assert film is not None and two.state(film.film) == "disputed" and approved(two) == []
    assert two.next(two.ann) is None
    task = two.next(two.sue)
    assert task is not None and (task.kind, task.candidates) == ("adjudicate", ("A", "B"))
    made = two.decide(task, two.sue, "choose", side="A")
    assert isinstance(made, Revision) and made.origin == "hand"
    (done,) = approved(two)
    assert (done.revisions, done.adjudicated) == ((made,), True)


def test_the_projects_threshold_says_who_disagrees(two: Station) -> None:
    two.rules(agreement_dice=0.99)  # MASK and NEAR have 0.974
    two.read(two.ann, MASK)
    film = two.read(two.ben, NEAR)
    assert film is not None and two.state(film.film) == "disputed"


def test_a_film_that_one_of_two_rejects_goes_to_a_senior(two: Station) -> None:
    two.read(two.ann, MASK)
    film = two.read(two.ben, None)
    assert film is not None and two.state(film.film) == "disputed"
    task = two.next(two.sue)
    assert task is not None and task.candidates == ("A",)
    two.decide(task, two.sue, "reject", reason="rotated")
    assert two.state(film.film) == "unusable"


def test_a_senior_does_not_judge_between_another_and_herself(two: Station) -> None:
    eva = two.new_reader("eva")
    with two.store.begin() as c:
        projects.member(c, two.project, eva, "senior")
    two.read(two.ann, MASK)
    film = two.read(two.sue, FAR)
    assert film is not None and two.state(film.film) == "disputed"
    assert two.next(two.sue) is None
    task = two.next(eva)
    assert task is not None and (task.kind, task.film) == ("adjudicate", film.film)


@pytest.mark.parametrize("others", ["none", "reads too", "disabled"])
def test_a_film_does_not_wait_for_ever_where_every_senior_has_read_it(
    two: Station, others: str
) -> None:
    partner = two.ann
    if others != "none":
        partner = two.new_reader("eva")
        with two.store.begin() as c:
            projects.member(c, two.project, partner, "senior")
    if others == "disabled":
        with two.store.begin() as c:
            users.disable(c, partner)
        partner = two.ann
    two.read(partner, MASK)
    film = two.read(two.sue, FAR)
    assert film is not None and two.state(film.film) == "disputed"
    task = two.next(two.sue)
    assert task is not None and (task.kind, task.candidates) == ("adjudicate", ("A", "B"))
    assert isinstance(two.decide(task, two.sue, "choose", side="A"), Revision)
    assert two.state(film.film) == "approved"


def test_a_reader_who_decides_again_may_end_a_dispute(two: Station) -> None:
    first = two.read(two.ann, MASK)
    two.read(two.ben, FAR)
    assert first is not None
    with two.store.read() as c:
        now = tasks.get(c, first.id, two.ann)
    draft = two.draw(first, two.ann, FAR)
    two.decide(now, two.ann, "draw", draft=draft, parent=now.head)
    assert two.state(first.film) == "approved"
    assert two.next(two.sue) is None


def test_repeats_come_unannounced_after_a_gap_and_never_count_for_the_film(
    station: Station,
) -> None:
    station.rules(repeat_share=0.1)
    for k in range(60):
        station.film(f"film {k}")
    station.plan()
    read: list[str] = []
    versions = set()
    while (task := station.read(station.ann, MASK)) is not None:
        read.append(task.film)
        versions.add((task.kind, task.version, task.state, task.candidates))
    t = schema.tasks
    with station.store.read() as c:
        repeats = c.execute(select(t).where(t.c.repeat_of.is_not(None))).all()
        films = outcomes.approved(c, station.project)
        counting = outcomes.every(c, station.project)
    assert len(read) == 60 + len(repeats) and len(set(read)) == 60
    assert len(repeats) in (5, 6, 7)
    assert len(versions) == 1  # nothing a reader sees tells a repeat
    twice = [film for film in set(read) if read.count(film) == 2]
    gaps = [read[read.index(film) + 1 :].index(film) for film in twice]
    assert sorted(gaps)[1] >= REPEAT_GAP  # the last one may come early, when nothing else is left
    assert len(films) == 60 and all(len(film.revisions) == 1 for film in films)
    assert sum(d.repeat_of is not None for d in counting) == len(repeats)


def test_a_repeat_goes_to_the_same_reader_with_the_same_candidates(station: Station) -> None:
    station.rules(repeat_share=0.5)
    for k in range(4):
        station.propose(station.film(f"film {k}"), [MASK, NEAR, FAR])
    station.plan()
    seen: dict[str, list[set[str]]] = {}
    for _ in range(4):
        task = station.next(station.ann)
        assert task is not None
        station.decide(task, station.ann, "choose", side="A")
        seen.setdefault(task.film, []).append(set(station.origins(task).values()))
    assert station.next(station.ben) is None
    while (task := station.next(station.ann)) is not None:
        station.decide(task, station.ann, "choose", side="A")
        seen[task.film].append(set(station.origins(task).values()))
    twice = [shown for shown in seen.values() if len(shown) == 2]
    assert len(twice) == 2 and all(first == second for first, second in twice)
