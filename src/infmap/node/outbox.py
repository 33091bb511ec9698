"""Objects on their way to destinations: a row each, from the result until a peer has it.

A row is ``waiting`` until it is ``sent``, or ``dead`` where another try would fail the same way;
``stored`` in between where the destination commits, until it has. An attempt is noted before
anything is sent: after a crash the peer is asked for the object first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, func, select, update

from infmap.serve.items import SLACK_MS
from infmap.serve.schema import outbox as table
from infmap.web.database import inserting, new_id, now

State = Literal["waiting", "stored", "sent", "dead"]
STATES: tuple[State, ...] = ("waiting", "stored", "sent", "dead")
_OPEN = ("waiting", "stored")
_OF_ENTRY = [column for column in table.c if column is not table.c.noted]


@dataclass(frozen=True)
class Entry:
    """One object for one destination.

    Attributes:
        id: random text.
        film: identifier of the result.
        kind: of object.
        destination: name.
        sop_uid: of the object; None where nothing of it is there, as before the first attempt.
        state: waiting, stored, sent or dead.
        attempts: begun so far.
        next_at: UTC milliseconds since 1970 of the next one, or until when a report is waited for.
        status: the peer's last answer, four hexadecimal digits; None where it gave none.
        reason: what went wrong last; None where nothing did.
        created: UTC milliseconds since 1970.
        sent: the same; None where it is not.
        transaction: UID of the last request for storage commitment; None where none is open.
    """

    id: str
    film: str
    kind: str
    destination: str
    sop_uid: str | None
    state: State
    attempts: int
    next_at: int
    status: str | None
    reason: str | None
    created: int
    sent: int | None
    transaction: str | None


def plan(c: Connection, film: str, wanted: Iterable[tuple[str, str]]) -> None:
    """Put a film's objects into the outbox; those that are in it stay as they are.

    Args:
        c: a writing transaction.
        film: identifier of the result.
        wanted: destination and kind of each.
    """
    at = now()
    for destination, kind in wanted:
        row = {
            "id": new_id(), "film_id": film, "kind": kind, "destination": destination,
            "state": "waiting", "attempts": 0, "next_at": at, "created": at, "noted": at,
        }  # fmt: skip
        c.execute(inserting(c, table).values(row).on_conflict_do_nothing())


def due(c: Connection, destination: str, at: int, n: int, state: State = "waiting") -> list[Entry]:
    """Objects of a state whose time has come, the oldest first."""
    # Chosen at a time that is still to come: the clock was put back since, and nobody knows how
    # long this one has waited.
    early = table.c.noted > at + SLACK_MS
    query = (
        select(*_OF_ENTRY)
        .where(table.c.destination == destination, table.c.state == state)
        .where((table.c.next_at <= at) | early)
        .order_by(table.c.next_at, table.c.created, table.c.id)
        .limit(n)
    )
    return [Entry(*row) for row in c.execute(query)]


def begin(c: Connection, entry: str, sop_uid: str) -> None:
    """Note that an object is about to be sent."""
    attempts = table.c.attempts + 1
    _change(c, [entry], attempts=attempts, sop_uid=sop_uid)


def done(c: Connection, entry: str, status: int | None, reason: str | None = None) -> None:
    """The peer has it, and answers for it where it is one that commits."""
    _change(c, [entry], state="sent", status=_hex(status), reason=reason, sent=now())


def stored(c: Connection, entry: str, status: int | None) -> None:
    """The peer has it, and is to be asked whether it answers for it."""
    waits = {"reason": "stored there, not committed yet", "next_at": now()}
    _change(c, [entry], state="stored", status=_hex(status), transaction_uid=None, **waits)


def ask(c: Connection, entries: Sequence[str], transaction: str, until: int) -> None:
    """The peer is about to be asked, and has until then for its report."""
    waits = {"reason": "stored there, asked for commitment", "next_at": until}
    _change(c, entries, transaction_uid=transaction, **waits)


def unasked(c: Connection, entry: str, reason: str, next_at: int) -> None:
    """It could not be asked, and may later."""
    _change(c, [entry], transaction_uid=None, reason=reason, next_at=next_at)


def of_transaction(c: Connection, transaction: str) -> list[Entry]:
    """Objects that a report is about, also those that are no longer waited for."""
    own = (table.c.transaction_uid == transaction) & table.c.state.in_(_OPEN)
    query = select(*_OF_ENTRY).where(own)
    return [Entry(*row) for row in c.execute(query)]


def lost(c: Connection, entry: str, status: int, reason: str, next_at: int) -> None:
    """The peer had it, and does not answer for it: it is sent again without a look for it."""
    waits = {"status": _hex(status), "reason": reason, "next_at": next_at}
    _change(c, [entry], state="waiting", sop_uid=None, transaction_uid=None, **waits)


def again(c: Connection, entry: str, status: int | None, reason: str, next_at: int) -> None:
    """It did not work, and may later."""
    _change(c, [entry], state="waiting", status=_hex(status), reason=reason, next_at=next_at)


def bury(c: Connection, entry: str, status: int | None, reason: str) -> None:
    """It did not work, and will not."""
    _change(c, [entry], state="dead", status=_hex(status), reason=reason)


def every(c: Connection, state: State | None = None, most: int = 10_000) -> list[Entry]:
    """All rows, or those of a state, the oldest first."""
    query = select(*_OF_ENTRY).order_by(table.c.created, table.c.id).limit(most)
    if state is not None:
        query = query.where(table.c.state == state)
    return [Entry(*row) for row in c.execute(query)]


def counts(c: Connection) -> dict[State, int]:
    """Number of rows in every state."""
    query = select(table.c.state, func.count()).group_by(table.c.state)
    found = {row[0]: int(row[1]) for row in c.execute(query)}
    return {state: found.get(state, 0) for state in STATES}


def retry(c: Connection, entries: Sequence[str] | None = None) -> int:
    """Let dead letters be tried again now, all or some, and waiting ones at once.

    Returns:
        How many.
    """
    query = update(table).where(table.c.state != "sent")
    if entries is not None:
        query = query.where(table.c.id.in_(entries))
    # ``created`` as well: the time for which an object is tried begins anew.
    at = now()
    return c.execute(query.values(state="waiting", next_at=at, created=at, noted=at)).rowcount


def drop(c: Connection, entries: Sequence[str]) -> int:
    """Remove objects that are not sent, for good; returns how many."""
    return c.execute(delete(table).where(table.c.state != "sent", table.c.id.in_(entries))).rowcount


def _change(c: Connection, entries: Sequence[str], **values: object) -> None:
    # Never one that somebody dropped or sent meanwhile.
    still = table.c.state.in_(_OPEN) & table.c.id.in_(entries)
    c.execute(update(table).where(still).values(noted=now(), **values))


def _hex(status: int | None) -> str | None:
    return None if status is None else f"{status:04X}"
