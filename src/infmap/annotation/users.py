"""Accounts, passwords and sessions."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, delete, select, update

from infmap.annotation import audit, schema
from infmap.annotation.errors import NotFound
from infmap.annotation.store import new_id, now
from infmap.core.errors import UsageError
from infmap.web.columns import TableRow

ROLES = ("administrator", "senior", "reader", "observer")
SESSION_MS = 12 * 3_600_000
"""A session's life: one working day, so that a forgotten one ends over night."""
# Characters. NIST SP 800-63B asks for 8 at least and for 64 at least to be allowed; the upper bound
# keeps a stranger from making the station hash megabytes.
SHORTEST, LONGEST = 8, 256
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,62}[^\s\x00-\x1f\x7f])?")


@dataclass(frozen=True)
class User:
    """An account.

    Attributes:
        id: random text.
        name: for signing in.
        role: one of ``ROLES``: the most that this user is in any project.
        disabled: may not sign in.
        must_change: the password is a one-time one.
    """

    id: str
    name: str
    role: str
    disabled: bool = False
    must_change: bool = False


def add(
    c: Connection,
    name: str,
    password: str,
    role: str,
    *,
    must_change: bool = False,
    by: str | None = None,
) -> User:
    """Make an account.

    Args:
        c: a writing transaction.
        name: 1 to 64 characters, no space at its ends.
        password: 8 to 256 characters.
        role: one of ``ROLES``.
        must_change: the password is a one-time one.
        by: name of the administrator who makes it; None for the station itself.

    Raises:
        UsageError: the name is taken, or one of these is not as said.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("user: expected a name of 1 to 64 characters, no space at its ends")
    _check_role(role)
    hashed = _hash(password)
    if named(c, name) is not None:
        raise UsageError(f"user: {name} is there already; choose another name")
    user = User(new_id(), name, role, must_change=must_change)
    c.execute(
        schema.users.insert().values(
            id=user.id, name=name, password=hashed, role=role, disabled=False,
            must_change=must_change, created=now(),
        )
    )  # fmt: skip
    audit.note(c, by, "add user", name, {"role": role})
    return user


def check(c: Connection, name: str, password: str) -> User | None:
    """The user of a name and password; None where they do not fit or the account is disabled.

    It takes some 50 ms of one core and 64 MiB, on purpose, and as long for a name that there is
    not as for one that there is: call it away from an event loop.
    """
    row = c.execute(select(schema.users).where(schema.users.c.name == name)).one_or_none()
    hashed = row.password if row is not None else _nobody()
    try:
        fits = len(password) <= LONGEST and _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        fits = False
    if row is None or not fits or row.disabled:
        return None
    return _of(row)


def named(c: Connection, name: str) -> User | None:
    """The user of a name, disabled or not; for a proxy that has signed somebody in."""
    row = c.execute(select(*_columns()).where(schema.users.c.name == name)).one_or_none()
    return _of(row) if row is not None else None


def every(c: Connection) -> list[User]:
    """All accounts by name."""
    return [_of(row) for row in c.execute(select(*_columns()).order_by(schema.users.c.name))]


def set_password(
    c: Connection, user: User, password: str, *, must_change: bool = False, by: str | None = None
) -> None:
    """Give a new password; the user's sessions end.

    Args:
        c: a writing transaction.
        user: whose.
        password: 8 to 256 characters.
        must_change: it is a one-time one, which an administrator gives.
        by: name of who gives it; the user by default.

    Raises:
        UsageError: the password is too short or too long.
    """
    table = schema.users
    values = {"password": _hash(password), "must_change": must_change}
    c.execute(update(table).where(table.c.id == user.id).values(values))
    _end_all(c, user)
    audit.note(c, by or user.name, "set password", user.name)


def set_role(c: Connection, user: User, role: str, by: str | None = None) -> None:
    """Give another role.

    Raises:
        UsageError: none of ``ROLES``, or the last administrator would be gone.
    """
    _check_role(role)
    if role != "administrator":
        _keep_one(c, user)
    c.execute(update(schema.users).where(schema.users.c.id == user.id).values(role=role))
    audit.note(c, by, "set role", user.name, {"role": role})


def disable(c: Connection, user: User, disabled: bool = True, by: str | None = None) -> None:
    """Close an account, or open it again; the user's work stays, the sessions end.

    Raises:
        UsageError: the last administrator would be gone.
    """
    if disabled:
        _keep_one(c, user)
    c.execute(update(schema.users).where(schema.users.c.id == user.id).values(disabled=disabled))
    _end_all(c, user)
    audit.note(c, by, "disable user" if disabled else "enable user", user.name)


def start(c: Connection, user: User, now: int) -> str:
    """Begin a session; returns its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    c.execute(delete(schema.sessions).where(schema.sessions.c.expires <= now))
    c.execute(
        schema.sessions.insert().values(
            token=_digest(token), user_id=user.id, started=now, expires=now + SESSION_MS
        )
    )
    audit.note(c, user.name, "sign in", user.name, at=now)
    return token


def user_of(c: Connection, token: str, now: int) -> User | None:
    """Whose session a token is; None where it has ended or the account is disabled."""
    table = schema.sessions
    query = (
        select(*_columns())
        .join(table, table.c.user_id == schema.users.c.id)
        .where(table.c.token == _digest(token), table.c.expires > now, ~schema.users.c.disabled)
    )
    row = c.execute(query).one_or_none()
    return _of(row) if row is not None else None


def end(c: Connection, token: str) -> None:
    """End a session; nothing happens where there is none."""
    c.execute(delete(schema.sessions).where(schema.sessions.c.token == _digest(token)))


def get(c: Connection, user: str) -> User:
    """The user of an identifier.

    Raises:
        NotFound: there is none.
    """
    row = c.execute(select(*_columns()).where(schema.users.c.id == user)).one_or_none()
    if row is None:
        raise NotFound("user")
    return _of(row)


def _columns() -> list[ColumnElement[object]]:
    """All but the password."""
    u = schema.users.c
    return [u.id, u.name, u.role, u.disabled, u.must_change]


def _of(row: TableRow) -> User:
    return User(row.id, row.name, row.role, row.disabled, row.must_change)


def _end_all(c: Connection, user: User) -> None:
    c.execute(delete(schema.sessions).where(schema.sessions.c.user_id == user.id))


def _keep_one(c: Connection, user: User) -> None:
    """Refuse to take away the last administrator: nobody could make another."""
    query = select(*_columns()).where(
        schema.users.c.role == "administrator", ~schema.users.c.disabled
    )
    # Locked: two administrators who close each other's account at one moment do not both succeed.
    left = [row.id for row in c.execute(query.with_for_update(key_share=True))]
    if left == [user.id]:
        raise UsageError(f"user: {user.name} is the only administrator; make another one first")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageError(f"role: expected one of {', '.join(ROLES)}, got {role!r}")


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            f"password: expected {SHORTEST} to {LONGEST} characters, got {len(password)}"
        )
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id with the parameters of RFC 9106 for little memory


@cache
def _nobody() -> str:
    """A hash that no password has, for names that there are not."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
