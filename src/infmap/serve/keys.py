"""API keys: a secret each, shown once and kept as its digest alone."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from infmap.core.errors import UsageError
from infmap.serve.errors import NotFound
from infmap.serve.schema import keys as table
from infmap.web.columns import TableRow
from infmap.web.database import new_id, now

PREFIX = "infmap_"
"""Every secret begins with it, so that scanners for leaked secrets can tell one."""
MOST_LETTERS = 64


@dataclass(frozen=True)
class Key:
    """Who may ask the server.

    Attributes:
        id: random text.
        name: given by who made it.
        created: UTC milliseconds since 1970.
        disabled: it opens nothing any more.
    """

    id: str
    name: str
    created: int
    disabled: bool


def create(c: Connection, name: str) -> tuple[Key, str]:
    """Make a key; its secret is known to the caller alone from then on.

    Raises:
        UsageError: there is a key of this name, or it is no name.
    """
    if not name.strip() or len(name) > MOST_LETTERS or not name.isprintable():
        raise UsageError(f"key: expected a name of 1 to {MOST_LETTERS} printable characters")
    # 256 random bits need no slow hash: nobody can try them all.
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(new_id(), name, now(), False)
    try:
        with c.begin_nested():
            c.execute(
                table.insert().values(
                    id=key.id, name=name, hash=_digest(secret), created=key.created, disabled=False
                )
            )
    except IntegrityError as error:
        raise UsageError(f"key: there is one named {name!r}; choose another name") from error
    return key, secret


def of(c: Connection, secret: str) -> Key | None:
    """The key of a secret; None where there is none, or it is disabled."""
    query = select(table).where(table.c.hash == _digest(secret), table.c.disabled.is_(False))
    row = c.execute(query).one_or_none()
    return None if row is None else _of(row)


def disable(c: Connection, name: str) -> None:
    """Let a key open nothing any more; its jobs go on.

    Raises:
        NotFound: there is none of this name.
    """
    if not c.execute(update(table).where(table.c.name == name).values(disabled=True)).rowcount:
        raise NotFound("key")


def every(c: Connection) -> list[Key]:
    """All keys, the oldest first."""
    return [_of(row) for row in c.execute(select(table).order_by(table.c.created, table.c.name))]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _of(row: TableRow) -> Key:
    return Key(row.id, row.name, row.created, row.disabled)
