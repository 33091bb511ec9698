"""Accounts and the audit log, for administrators."""

from __future__ import annotations

import secrets

import anyio
from fastapi import APIRouter

from infmap.annotation import audit, users
from infmap.annotation.answers import AccountAnswer, AuditAnswer
from infmap.annotation.bodies import MOST_AT_ONCE, After, ChangedUser, NameInPath, NewUser
from infmap.annotation.callers import AtDesk, Calling, GuardedRoute
from infmap.annotation.errors import NotFound
from infmap.annotation.users import User

router = APIRouter(route_class=GuardedRoute)


def one_time_password() -> str:
    """A password to be told once and changed at the first sign-in: 96 bits."""
    return secrets.token_urlsafe(12)


@router.get("/api/users")
def list_users(caller: Calling, desk: AtDesk) -> list[AccountAnswer]:
    """All accounts by name."""
    with desk.store.read() as c:
        return [_account(user) for user in users.every(c)]


@router.post("/api/users", status_code=201)
async def add_user(body: NewUser, caller: Calling, desk: AtDesk) -> AccountAnswer:
    """Make an account; a one-time password is made and told once where none is given."""
    password = body.password or one_time_password()

    def add() -> User:
        with desk.store.begin() as c:
            return users.add(
                c, body.name, password, body.role, must_change=True, by=caller.user.name
            )

    made = _account(await anyio.to_thread.run_sync(add, limiter=desk.hashing))
    if body.password is None:
        made["password"] = password
    return made


@router.patch("/api/users/{name}")
async def change_user(
    name: NameInPath, body: ChangedUser, caller: Calling, desk: AtDesk
) -> AccountAnswer:
    """Give an account another role or a one-time password, close it or open it again."""
    password, by = one_time_password(), caller.user.name

    def change() -> User:
        with desk.store.begin() as c:
            user = users.named(c, name)
            if user is None:
                raise NotFound("user")
            if body.role is not None and body.role != user.role:
                users.set_role(c, user, body.role, by=by)
            if body.disabled is not None and body.disabled != user.disabled:
                users.disable(c, user, body.disabled, by=by)
            if body.new_password:
                users.set_password(c, user, password, must_change=True, by=by)
            return users.get(c, user.id)

    changed = _account(await anyio.to_thread.run_sync(change, limiter=desk.hashing))
    if body.new_password:
        changed["password"] = password
    return changed


@router.get("/api/audit")
def list_audit(caller: Calling, desk: AtDesk, after: After = 0) -> AuditAnswer:
    """Entries after a number, at most ``MOST_AT_ONCE``, and whether the whole chain is intact."""
    with desk.store.read() as c:
        entries = audit.entries(c, after, MOST_AT_ONCE)
        chain = audit.verify(c)
    return {
        "entries": [
            {
                "seq": entry.seq,
                "at": entry.at,
                "user": entry.user,
                "verb": entry.verb,
                "subject": entry.subject,
                "detail": dict(entry.detail),
                "digest": entry.digest,
            }
            for entry in entries
        ],
        "intact": chain.broken is None,
        "broken": chain.broken,
    }


def _account(user: User) -> AccountAnswer:
    return {
        "name": user.name,
        "role": user.role,
        "must_change_password": user.must_change,
        "disabled": user.disabled,
    }
