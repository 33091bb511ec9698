"""Signing in and out, and the own password."""

from __future__ import annotations

import anyio
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from infmap.annotation import users
from infmap.annotation.answers import SessionAnswer, user_answer
from infmap.annotation.bodies import NewPassword, SignIn
from infmap.annotation.callers import (
    COOKIE,
    AtDesk,
    Caller,
    Calling,
    Desk,
    GuardedRoute,
    take_sign_in,
)
from infmap.annotation.store import now

router = APIRouter(route_class=GuardedRoute)
REFUSED = "name and password do not fit, or the account is closed"


@router.post("/api/session")
async def sign_in(
    request: Request, response: Response, body: SignIn, desk: AtDesk
) -> SessionAnswer:
    """Sign in with a name and a password."""
    address, secure = desk.proxies.address(request), desk.proxies.secure(request)
    take_sign_in(desk, address, body.name)
    before = COOKIE.read(request, secure=secure)

    def start() -> Caller | None:
        with desk.store.read() as c:
            user = users.check(c, body.name, body.password)
        if user is None:
            return None
        with desk.store.begin() as c:
            if before is not None and before.isascii():
                users.end(c, before)  # a session that somebody planted does not become this one
            token = users.start(c, user, now())
        return Caller(user, token, token)

    # Away from the event loop, and few at a time: each takes 64 MiB.
    caller = await anyio.to_thread.run_sync(start, limiter=desk.hashing)
    if caller is None or caller.token is None:
        raise HTTPException(401, REFUSED)
    # Own typing errors are forgiven; the address keeps its count.
    desk.limits.sign_ins.forgive(f"{address} {body.name}")
    COOKIE.set(response, caller.token, secure=secure)
    return _answer(desk, caller)


@router.delete("/api/session", status_code=204)
def sign_out(request: Request, response: Response, caller: Calling, desk: AtDesk) -> None:
    """End the session."""
    if caller.token is not None:
        with desk.store.begin() as c:
            users.end(c, caller.token)
    COOKIE.clear(response, secure=desk.proxies.secure(request))


@router.get("/api/me")
def me(caller: Calling, desk: AtDesk) -> SessionAnswer:
    """Who is signed in, and the token that changing requests repeat."""
    return _answer(desk, caller)


@router.post("/api/password")
async def change_password(
    request: Request, response: Response, body: NewPassword, caller: Calling, desk: AtDesk
) -> SessionAnswer:
    """Choose a new password: all sessions end, and this one begins anew."""
    user, address = caller.user, desk.proxies.address(request)
    if caller.token is None:
        raise HTTPException(409, "the proxy before the station signs you in; change it there")
    if body.new == body.password:
        raise HTTPException(422, "expected a new password, got the old one")
    # A session left open is no way to guess its owner's password.
    take_sign_in(desk, address, user.name)

    def change() -> Caller | None:
        with desk.store.read() as c:
            if users.check(c, user.name, body.password) is None:
                return None
        with desk.store.begin() as c:
            users.set_password(c, user, body.new)
            token = users.start(c, user, now())
            return Caller(users.get(c, user.id), token, token)

    changed = await anyio.to_thread.run_sync(change, limiter=desk.hashing)
    if changed is None or changed.token is None:
        raise HTTPException(403, "the present password is another one")
    desk.limits.sign_ins.forgive(f"{address} {user.name}")
    COOKIE.set(response, changed.token, secure=desk.proxies.secure(request))
    return _answer(desk, changed)


def _answer(desk: Desk, caller: Caller) -> SessionAnswer:
    return {"user": user_answer(caller.user), "csrf": caller.csrf(desk.store.key)}
