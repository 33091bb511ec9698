"""Which films are to be read, in which order, with which candidates on which side."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scipy.stats import binom
from sqlalchemy import select

from infmap.annotation import outcomes, planning, schema
from infmap.annotation.decisions import Revision
from infmap.annotation.errors import NotFound
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box, new_store  # noqa: E402

MASK = box(1, 1, 21, 21)
FILMS = 60
"""That are read for the balance of sides."""


def kinds(station: Station) -> dict[str, int]:
    t = schema.tasks
    with station.store.read() as c:
        rows = list(c.execute(select(t.c.kind).where(t.c.state == "open")).scalars())
    return {kind: rows.count(kind) for kind in rows}


def test_films_whose_proposals_differ_most_come_first(station: Station) -> None:
    offsets = {"equal": 0, "near": 4, "far": 18, "middle": 10}
    ids = {}
    for name, by in offsets.items():
        ids[station.film(name)] = name
        film = next(i for i, n in ids.items() if n == name)
        station.propose(film, [MASK, box(1 + by, 1 + by, 21 + by, 21 + by)])
    station.plan()
    order = []
    for _ in offsets:
        task = station.next(station.ann)
        assert task is not None
        order.append(ids[task.film])
        station.decide(task, station.ann, "choose", side="A")
    assert order == ["far", "middle", "near", "equal"]


def test_equals_come_in_the_order_of_the_seed(tmp_path: Path) -> None:
    orders = []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        store = new_store(tmp_path / name)
        station = Station(store)
        station.rules(seed=seed, order="random")
        names = {station.film(f"film {k}"): k for k in range(12)}
        station.plan()
        orders.append([])
        while (task := station.read(station.ann, MASK)) is not None:
            orders[-1].append(names[task.film])
        store.close()
    assert sorted(orders[0]) == list(range(12))
    assert orders[0] == orders[1] != orders[2]


def test_each_film_has_as_many_tasks_as_readers(station: Station) -> None:
    station.rules(readers_per_film=3)
    for name in "ab":
        station.film(name)
    assert station.plan() == planning.Planned(6, 0)
    assert station.plan() == planning.Planned(0, 0)
    station.rules(readers_per_film=1)
    assert station.plan() == planning.Planned(0, 4)


def test_fewer_readers_settle_films_that_have_enough(station: Station) -> None:
    station.rules(readers_per_film=2)
    film = station.film()
    station.plan()
    station.read(station.ann, MASK)
    assert station.state(film) == "open"
    station.rules(readers_per_film=1)
    station.plan()
    assert station.state(film) == "approved"


def test_new_proposals_make_new_tasks_of_those_that_nobody_began(station: Station) -> None:
    films = [station.film(name) for name in "abc"]
    for film in films:
        station.propose(film, [MASK], round=1)
    station.plan()
    approved = station.next(station.ann)
    assert approved is not None
    station.decide(approved, station.ann, "choose", side="A")
    begun = station.next(station.ben)
    assert begun is not None
    for film in films:
        station.propose(film, [MASK, box(5, 5, 9, 9)], round=2)
    assert station.plan() == planning.Planned(1, 1)
    third = station.next(station.ann)
    assert third is not None and third.film not in (approved.film, begun.film)
    assert third.candidates == ("A", "B")
    same = station.next(station.ben)
    assert same is not None and (same.id, same.candidates) == (begun.id, ("A",))


def test_a_second_network_of_one_round_is_shown_too(station: Station) -> None:
    film = station.film()
    station.propose(film, [MASK])
    station.plan()
    station.propose(film, [MASK, box(5, 5, 9, 9)][1:], round=2)
    assert station.plan() == planning.Planned(1, 1)


def test_more_proposals_than_sides_are_refused(station: Station) -> None:
    station.propose(station.film(), [box(k, k, k + 5, k + 5) for k in range(8)])
    with pytest.raises(UsageError, match="at most 7 proposals"):
        station.plan()


def test_a_film_drawn_by_hand_is_compared_with_the_machine_in_stage_one(
    station: Station,
) -> None:
    station.rules(stage=1)
    film = station.film()
    station.plan()
    station.read(station.ann, MASK)
    assert (station.state(film), station.plan().made) == ("approved", 0)
    (proposal,) = station.propose(film, [box(2, 2, 22, 22)])
    assert station.plan().made == 1
    assert station.plan().made == 0
    task = station.next(station.ben)
    assert task is not None and (task.kind, task.candidates) == ("compare", ("A", "B"))
    sides = station.origins(task)
    machine = next(side for side, origin in sides.items() if origin == proposal)
    kept = station.decide(task, station.ben, "choose", side=machine)
    assert isinstance(kept, Revision) and kept.origin == "net0@1"
    with station.store.read() as c:
        (approved,) = outcomes.approved(c, station.project)
    assert approved.revisions == (kept,)
    station.propose(film, [box(3, 3, 22, 22)], round=2)
    assert station.plan().made == 0  # it is compared once


def test_who_drew_the_mask_compares_it_last(station: Station) -> None:
    station.rules(stage=1)
    films = [station.film(name) for name in "ab"]
    station.plan()
    first = station.read(station.ann, MASK)
    second = station.read(station.ben, MASK)
    assert first is not None and second is not None
    for film in films:
        station.propose(film, [box(2, 2, 22, 22)])
    station.plan()
    mine, theirs = station.next(station.ann), station.next(station.ben)
    assert mine is not None and theirs is not None
    assert (mine.film, theirs.film) == (second.film, first.film)


def test_a_corrected_proposal_is_not_compared_as_if_drawn_by_hand(station: Station) -> None:
    station.rules(stage=1)
    film = station.film()
    station.propose(film, [MASK])
    station.plan()
    task = station.next(station.ann)
    assert task is not None and task.kind == "choose"
    draft = station.draw(task, station.ann, box(1, 1, 20, 20), base="A")
    station.decide(task, station.ann, "edit", draft=draft)
    station.propose(film, [box(2, 2, 22, 22)], round=2)
    assert station.plan().made == 0


def within(count: int, n: int, share: float) -> bool:
    """Whether a count lies in the central 95 % of a binomial distribution."""
    low, high = binom.interval(0.95, n, share)
    return low <= count <= high


def test_sides_are_balanced_and_a_share_of_films_has_no_candidates(tmp_path: Path) -> None:
    store = new_store(tmp_path / "station")
    station = Station(store)
    station.rules(unaided_share=0.1)
    other = box(1, 1, 20, 20)
    first = {}
    for k in range(300):
        film = station.film(f"film {k}")
        first[film] = station.propose(film, [MASK, other])[0]
    station.plan()
    t, s = schema.tasks, schema.presentations
    with store.read() as c:
        tasks = c.execute(select(t)).all()
        shown = c.execute(select(s, t.c.film_id).join(t, t.c.id == s.c.task_id)).all()
    unaided = [task for task in tasks if task.unaided]
    assert {task.kind for task in unaided} == {"draw"}
    assert {task.kind for task in tasks if not task.unaided} == {"choose"}
    assert within(len(unaided), 300, 0.1)
    on_a = sum(row.side == "A" and row.proposal_id == first[row.film_id] for row in shown)
    assert within(on_a, 300 - len(unaided), 0.5)
    # The side says nothing of which films come first either.
    half = sorted(tasks, key=lambda task: (-task.score, task.tie))[:150]
    early = {task.film_id for task in half if not task.unaided}
    on_a = sum(
        row.side == "A" and row.proposal_id == first[row.film_id]
        for row in shown
        if row.film_id in early
    )
    assert within(on_a, len(early), 0.5)
    store.close()


def sides_of(station: Station, kind: str) -> dict[str, dict[str, str]]:
    """Film to side to revision or proposal, of the tasks of a kind."""
    t, s = schema.tasks, schema.presentations
    query = select(s, t.c.film_id).join(t, t.c.id == s.c.task_id).where(t.c.kind == kind)
    found: dict[str, dict[str, str]] = {}
    with station.store.read() as c:
        for row in c.execute(query):
            found.setdefault(row.film_id, {})[row.side] = row.proposal_id or row.revision_id
    return found


@pytest.mark.parametrize("kind", ["compare", "adjudicate"])
def test_sides_are_balanced_between_hand_and_machine_and_between_readers(
    tmp_path: Path, kind: str
) -> None:
    store = new_store(tmp_path / "station")
    station = Station(store)
    stage, readers = (1, 1) if kind == "compare" else (2, 2)
    station.rules(stage=stage, readers_per_film=readers)
    films = [station.film(f"film {k}") for k in range(FILMS)]
    station.plan()
    first: dict[str, str] = {}
    while (task := station.next(station.ann)) is not None:
        made = station.decide(
            task, station.ann, "draw", draft=station.draw(task, station.ann, MASK)
        )
        assert isinstance(made, Revision)
        first[task.film] = made.id
    if kind == "compare":
        for film in films:
            station.propose(film, [box(2, 2, 22, 22)])
        station.plan()
    else:
        while station.read(station.ben, box(22, 22, 30, 30)) is not None:
            pass
    sides = sides_of(station, kind)
    assert set(sides) == set(films)
    assert all(list(shown) == ["A", "B"] for shown in sides.values())
    assert within(sum(shown["A"] == first[film] for film, shown in sides.items()), FILMS, 0.5)
    store.close()


def test_an_unknown_project_is_not_planned(station: Station) -> None:
    with station.store.begin() as c, pytest.raises(NotFound):
        planning.plan(c, "none")


def test_disagreement_is_measured_before_planning_as_planning_would(station: Station) -> None:
    films = [station.film(name) for name in "ab"]
    station.propose(films[0], [MASK, box(5, 5, 25, 25)])
    f = schema.films
    kept = select(f.c.disagreement).where(f.c.id == films[0])
    assert planning.measure(station.store, station.project) == 1
    assert planning.measure(station.store, station.project) == 0
    with station.store.begin() as c:
        measured = c.execute(kept).scalar_one()
        c.execute(f.update().values(disagreement=None))
    station.plan()
    with station.store.read() as c:
        assert c.execute(kept).scalar_one() == measured > 0
