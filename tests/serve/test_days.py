"""Films go by the days on which the server ran, whatever its clock says."""

from __future__ import annotations

import pytest
from small_server import DAY_MS, NOON, SmallServer
from sqlalchemy import select, update

from infmap.serve import days, deleting, housekeeping, schema

KEEP = 30.0
HALF = DAY_MS // 2


def run(small: SmallServer, *moments: int) -> list[int]:
    """Rounds of housekeeping at times of the clock; returns the rounds in which a film went."""
    gone = []
    with small.store.begin() as c:
        for number, at in enumerate(moments):
            days.note(c, at)
            before = at - round(KEEP * DAY_MS)
            if deleting.aged(c, before, days.recent(c, KEEP)).films:
                gone.append(number)
    return gone


def came(small: SmallServer, name: str, at: int) -> None:
    """A film that was read at once, at a time of the clock."""
    small.job(name)
    small.finish(*small.claim())
    sha = small.upload(name)
    with small.store.begin() as c:
        for table in (schema.items, schema.uploads):
            own = table.c.sha256 == sha
            times = {"created": at} | ({"ended": at} if table is schema.items else {})
            c.execute(update(table).where(own).values(times))


def test_a_film_goes_within_a_day_after_its_time(small: SmallServer) -> None:
    came(small, "a", NOON)
    (gone,) = run(small, *(NOON + n * HALF for n in range(66)))
    assert KEEP <= gone / 2 <= KEEP + 1


@pytest.mark.parametrize("jump", [1, 29, 400])
def test_a_clock_that_jumps_ahead_deletes_nothing_more_than_a_day_early(
    small: SmallServer, jump: int
) -> None:
    came(small, "a", NOON)
    times = [NOON + n * HALF + (jump * DAY_MS if n > 5 else 0) for n in range(66)]
    (gone,) = run(small, *times)
    assert KEEP - 1 <= gone / 2 <= KEEP + 1


def test_a_clock_that_begins_in_1970_at_each_start_deletes_nothing_early(
    small: SmallServer,
) -> None:
    run(small, *(NOON + day * DAY_MS for day in range(40)))
    # Before the network tells the time films come, for the second time.
    for day in (41, 80):
        run(small, 1000)
        came(small, f"film of {day}", 2000)
        assert run(small, NOON + day * DAY_MS) == []
    assert run(small, *(NOON + day * DAY_MS for day in range(81, 125)))
    with small.store.read() as c:
        assert not list(c.execute(select(schema.uploads)))


def test_a_clock_that_was_ahead_and_was_put_back_deletes_nothing_early(small: SmallServer) -> None:
    came(small, "a", NOON)
    assert run(small, *(NOON + days * DAY_MS for days in (400, 1) * 40)) == []


def test_less_than_a_day_is_told_by_the_clock_alone(small: SmallServer) -> None:
    came(small, "a", NOON)
    with small.store.begin() as c:
        days.note(c, NOON)
        assert days.recent(c, 0.5) == []
        assert days.recent(c, 1.0) == [NOON // DAY_MS]
    assert housekeeping.expire(small.store, 0.5) and not housekeeping.expire(small.store, 0.5)
