"""The queue: who reads which film next."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from infmap.annotation import audit, schema, tasks
from infmap.annotation.errors import NotFound, Taken
from infmap.annotation.tasks import Counts

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON, Station, box  # noqa: E402

MINUTE = 60_000


def test_a_reader_draws_a_film(station: Station) -> None:
    film = station.film()
    assert station.plan().made == 1
    task = station.next(station.ann)
    assert task is not None and (task.film, task.kind, task.version) == (film, "draw", 1)
    draft = station.draw(task, station.ann, box(1, 2, 9, 9))
    station.decide(task, station.ann, "draw", draft=draft)
    assert station.state(film) == "approved"
    assert station.next(station.ann) is None


def test_asking_again_gives_the_same_task_and_extends_the_lease(station: Station) -> None:
    station.film("a")
    station.film("b")
    station.plan()
    first = station.next(station.ann, NOON)
    later = station.next(station.ann, NOON + MINUTE)
    assert first is not None and later is not None
    assert (later.id, later.version) == (first.id, first.version)
    assert (first.deadline, later.deadline) == (NOON + 30 * MINUTE, NOON + 31 * MINUTE)


def test_two_readers_get_two_films_and_a_third_none(station: Station) -> None:
    station.film("a")
    station.film("b")
    station.plan()
    mine, theirs = station.next(station.ann), station.next(station.ben)
    assert mine is not None and theirs is not None and mine.film != theirs.film
    assert station.next(station.sue) is None


def test_a_lease_that_ran_out_goes_to_another_reader(station: Station) -> None:
    station.film()
    station.plan()
    mine = station.next(station.ann, NOON)
    assert mine is not None and mine.deadline is not None
    assert station.next(station.ben, mine.deadline - 1) is None
    theirs = station.next(station.ben, mine.deadline)
    assert theirs is not None and (theirs.id, theirs.version) == (mine.id, mine.version + 1)
    with station.store.begin() as c, pytest.raises(Taken) as taken:
        tasks.renew(c, mine.id, station.ann, mine.version, mine.deadline)
    assert taken.value.version == theirs.version


def test_a_lease_that_ran_out_is_renewed_while_nobody_has_the_task(station: Station) -> None:
    station.film()
    station.plan()
    task = station.next(station.ann, NOON)
    assert task is not None and task.deadline is not None
    with station.store.begin() as c:
        until = tasks.renew(c, task.id, station.ann, task.version, task.deadline + MINUTE)
    assert until == task.deadline + 31 * MINUTE
    assert station.next(station.ben, until - 1) is None


def test_a_film_given_back_comes_last_to_who_gave_it_back(station: Station) -> None:
    station.film("a")
    station.film("b")
    station.plan()
    first = station.next(station.ann)
    assert first is not None
    with station.store.begin() as c:
        tasks.release(c, first.id, station.ann, first.version)
    second = station.next(station.ann)
    assert second is not None and second.film != first.film
    station.decide(
        second, station.ann, "draw", draft=station.draw(second, station.ann, box(1, 1, 5, 5))
    )
    again = station.next(station.ann)
    assert again is not None and again.id == first.id


def test_what_was_drawn_before_giving_back_is_there_again(station: Station) -> None:
    station.film()
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    draft = station.draw(task, station.ann, box(1, 1, 5, 5))
    with station.store.begin() as c:
        tasks.release(c, task.id, station.ann, task.version)
    again = station.next(station.ann)
    assert again is not None and again.draft is not None
    assert (again.draft.id, again.draft.seq) == (draft, 1)


def test_an_observer_and_a_stranger_read_nothing(station: Station) -> None:
    station.film()
    station.plan()
    for user in (station.olga, station.admin):
        with pytest.raises(NotFound):
            station.next(user)


def test_a_task_is_nobody_elses(station: Station) -> None:
    station.film()
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    with station.store.read() as c:
        assert tasks.get(c, task.id, station.ann) == task
        for user in (station.ben, station.sue, station.olga, station.admin):
            with pytest.raises(NotFound):
                tasks.get(c, task.id, user)
            with pytest.raises(NotFound):
                tasks.candidate(c, task.id, "A", user)


def test_a_reader_never_gets_a_film_in_two_slots_of_one_reading(station: Station) -> None:
    station.rules(readers_per_film=2)
    film = station.film()
    station.plan()
    first = station.read(station.ann, box(1, 1, 9, 9))
    assert first is not None
    assert station.next(station.ann) is None
    second = station.next(station.ben)
    assert second is not None and second.film == film and second.id != first.id


def test_the_next_film_is_held_for_the_reader_who_fetches_it_early(station: Station) -> None:
    for name in "abc":
        station.film(name)
    station.plan()
    with station.store.begin() as c:
        assert tasks.upcoming(c, station.project, station.ann, NOON) == []
    present = station.next(station.ann)
    assert present is not None
    with station.store.begin() as c:
        early = tasks.upcoming(c, station.project, station.ann, NOON)
        assert tasks.upcoming(c, station.project, station.ann, NOON) == early
    theirs = station.next(station.ben)
    assert theirs is not None and len(early) == 1
    assert len({present.film, theirs.film, *early}) == 3
    station.read(station.ann, box(1, 1, 5, 5))
    following = station.next(station.ann)
    assert following is not None and following.film == early[0]


def test_counts_leave_nothing_out_and_nothing_in(station: Station) -> None:
    for name in "abc":
        station.film(name)
    station.plan()
    station.read(station.ann, box(1, 1, 5, 5))
    station.next(station.ann)
    with station.store.read() as c:
        assert tasks.counts(c, station.project, station.ann, NOON) == Counts(1, 2)
        assert tasks.counts(c, station.project, station.ben, NOON) == Counts(0, 1)


def test_many_readers_at_one_moment_get_different_films(station: Station) -> None:
    for k in range(12):
        station.film(f"film {k}")
    station.plan()
    given: list[str] = []
    start = threading.Barrier(8)

    def read(user: object) -> None:
        start.wait()
        task = station.next(user)
        given.append(task.film if task else "none")

    users = [station.new_reader(f"reader {k}") for k in range(8)]
    threads = [threading.Thread(target=read, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 8 and "none" not in given
    with station.store.read() as c:
        assert audit.verify(c).broken is None


def test_two_tabs_of_one_reader_at_one_moment_get_one_task(station: Station) -> None:
    for k in range(4):
        station.film(f"film {k}")
    station.plan()
    given: list[str] = []
    start = threading.Barrier(4)

    def read() -> None:
        start.wait()
        task = station.next(station.ann)
        assert task is not None
        given.append(task.id)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4 and len(set(given)) == 1


def test_a_task_that_is_being_given_out_is_passed_over(station: Station) -> None:
    if station.store.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: it waits")
    station.film("a")
    station.film("b")
    station.plan()
    t = schema.tasks
    best = select(t.c.film_id).order_by(t.c.score.desc(), t.c.tie).limit(1).with_for_update()
    with station.store.begin() as another:
        locked = another.execute(best).scalar_one()
        mine = station.next(station.ann)
    assert mine is not None and mine.film != locked
