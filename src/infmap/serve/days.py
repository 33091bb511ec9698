"""Days on which the server ran: what the age of films is counted in, beside the clock.

A clock may be put forward by a month, or start in 1970 until the network tells it the time. A look
at it alone would then take new films for old ones, and deleting cannot be undone. So films are
kept that came on one of the last days on which the server ran, whatever these days are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from sqlalchemy import ColumnElement, Connection, delete, func, select, union

from infmap.serve.schema import days as table
from infmap.serve.schema import items, uploads

DAY_MS = 24 * 3600 * 1000


def note(c: Connection, at: int) -> None:
    """The server runs today, and ran on the days on which films came.

    Args:
        c: a writing transaction.
        at: this moment, UTC milliseconds since 1970.
    """
    noted = list(c.execute(select(table.c.day).order_by(table.c.seq)).scalars())
    came = union(*(select(t.c.created // DAY_MS) for t in (uploads, items)))
    today = at // DAY_MS
    new = sorted(set(c.execute(came).scalars()) - {*noted, today})
    # A day that comes again, as 1970 does at each start of some machines, is the newest again.
    if new or noted[-1:] != [today]:
        c.execute(delete(table).where(table.c.day == today))
        last = c.execute(select(func.max(table.c.seq))).scalar() or 0
        rows = [{"seq": last + n, "day": day} for n, day in enumerate((*new, today), 1)]
        c.execute(table.insert(), rows)


def recent(c: Connection, keep: float) -> list[int]:
    """The last days on which the server ran, as days since 1970: one more than films are kept for.

    A clock that jumps adds one day at most: a film is deleted at most a day too early, however far
    the clock went. None where films are kept for less than a day: nothing but the clock tells that.
    """
    if keep < 1.0:
        return []
    query = select(table.c.day).order_by(table.c.seq.desc()).limit(floor(keep) + 1)
    return list(c.execute(query).scalars())


def on(moment: ColumnElement[int], days: Sequence[int]) -> ColumnElement[bool]:
    """Condition: a time, UTC milliseconds since 1970, is on one of some days."""
    return (moment // DAY_MS).in_(days)
