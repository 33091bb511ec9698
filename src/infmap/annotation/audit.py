"""The audit log: who did what and when, each entry chained to the one before by its digest.

An entry that is changed, removed or inserted breaks the chain at that place. Who can write to the
database can also write a whole new chain; so keep the digest that ``verify`` returns (every backup
holds it) where that person cannot reach it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from infmap.annotation import schema
from infmap.annotation.store import now
from infmap.web.columns import TableRow

FIRST = "0" * 64
"""The digest before the first entry."""

Detail = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        seq: 1, 2, ... without a gap.
        at: UTC milliseconds since 1970.
        user: name; empty where the station itself acted.
        verb: such as "decide".
        subject: what was acted on: an identifier or a name, never a patient's.
        detail: the rest.
        digest: of this entry and the digest before it.
    """

    seq: int
    at: int
    user: str
    verb: str
    subject: str
    detail: Detail
    digest: str


@dataclass(frozen=True)
class Chain:
    """What ``verify`` found.

    Attributes:
        entries: how many hold together from the first on.
        digest: of the last of these.
        broken: one line about the first that does not; None where all do.
    """

    entries: int
    digest: str
    broken: str | None


def note(
    c: Connection,
    user: str | None,
    verb: str,
    subject: str,
    detail: Detail | None = None,
    at: int | None = None,
) -> Entry:
    """Add an entry, in the transaction of what it tells of.

    Call it last in the transaction: it holds a lock until the end, for which all writers wait.

    Args:
        c: a writing transaction.
        user: name of who acts; None for the station itself.
        verb: at most 32 characters.
        subject: at most 128 characters.
        detail: nothing of a patient.
        at: UTC milliseconds; this moment by default.
    """
    head = schema.audit_head
    seq, previous = c.execute(
        select(head.c.seq, head.c.digest).with_for_update(key_share=True)
    ).one()
    at = now() if at is None else at
    text = json.dumps(dict(detail or {}), sort_keys=True, allow_nan=False)
    values = {"seq": seq + 1, "at": at, "user_name": user or "", "verb": verb}
    values |= {"subject": subject, "detail": text, "previous": previous}
    digest = _digest(seq + 1, at, user or "", verb, subject, text, previous)
    c.execute(schema.audit.insert().values(**values, digest=digest))
    c.execute(update(head).values(seq=seq + 1, digest=digest))
    return Entry(seq + 1, at, user or "", verb, subject, detail or {}, digest)


def entries(c: Connection, after: int = 0, most: int = 1000) -> list[Entry]:
    """Entries after a number, oldest first."""
    table = schema.audit
    query = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(most)
    return [
        Entry(r.seq, r.at, r.user_name, r.verb, r.subject, json.loads(r.detail), r.digest)
        for r in c.execute(query)
    ]


def verify(c: Connection) -> Chain:
    """Hold every entry against its digest and the entry before, and the last against the head."""
    done, digest = 0, FIRST
    for row in _rows(c):
        whole = _digest(
            row.seq, row.at, row.user_name, row.verb, row.subject, row.detail, row.previous
        )
        if row.seq != done + 1:
            return Chain(done, digest, f"audit: expected entry {done + 1}, found {row.seq}")
        if row.previous != digest or row.digest != whole:
            return Chain(done, digest, f"audit: entry {row.seq} is not as it was written")
        done, digest = row.seq, row.digest
    head = c.execute(select(schema.audit_head)).one()
    if (head.seq, head.digest) != (done, digest):
        return Chain(done, digest, f"audit: expected {head.seq} entries, found {done}")
    return Chain(done, digest, None)


def _rows(c: Connection) -> Iterator[TableRow]:
    """All entries in order, 1,000 at a time: a log of years does not fit into memory."""
    table, after = schema.audit, -1
    while True:
        query = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(1000)
        rows = c.execute(query).all()
        yield from rows
        if not rows:
            return
        after = rows[-1].seq


def _digest(*fields: str | int) -> str:
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
