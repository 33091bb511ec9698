"""Who asks: the session or the proxy behind a request, checked before its body is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import anyio
from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from infmap.annotation import access, users
from infmap.annotation.access import Rule
from infmap.annotation.errors import NotFound
from infmap.annotation.film_counts import DecidedFilm, FilmCounts
from infmap.annotation.store import Store, now
from infmap.annotation.users import SESSION_MS, User
from infmap.web.csrf import HEADER, SAFE_METHODS, csrf_token, is_token
from infmap.web.guard import guarded_by
from infmap.web.limits import RateLimit
from infmap.web.refusals import check_length, check_origin, take
from infmap.web.sessions import SessionCookie, TrustedProxies

COOKIE = SessionCookie("infmap-station", SESSION_MS // 1000)
# Bytes of a body before anybody has signed in: a name and a password are far shorter.
LARGEST_UNSIGNED = 4096


class Limits:
    """How often one may ask; kept in memory, anew with every start.

    Attributes:
        requests: of one session or address.
        sign_ins: with one name from one address.
        addresses: sign-ins from one address.
    """

    def __init__(self) -> None:
        # A page sends some ten requests a film and one a stroke; 50 in a second no reader makes.
        self.requests = RateLimit(burst=600, seconds=1 / 50)
        # Five typing errors, then two tries a minute: a password of 8 characters lasts for ages.
        self.sign_ins = RateLimit(burst=5, seconds=30.0)
        # A whole department behind one address signs in at eight.
        self.addresses = RateLimit(burst=60, seconds=2.0)


@dataclass(frozen=True)
class Desk:
    """What every request needs: the application's own state.

    Attributes:
        store: the open station.
        proxies: who is believed about users, addresses and TLS.
        limits: how often one may ask.
        hashing: how many passwords are hashed at one time.
        reports: how many reports and exports are made at one time: one.
        counts: of films, by project: what the last report kept for the next.
    """

    store: Store
    proxies: TrustedProxies
    limits: Limits
    hashing: anyio.CapacityLimiter
    reports: anyio.CapacityLimiter
    counts: dict[str, dict[DecidedFilm, FilmCounts]] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        user: the account.
        token: of the session; None behind a proxy.
        session: what CSRF tokens are bound to: the token, or the proxy's user.
    """

    user: User
    token: str | None
    session: str

    def csrf(self, key: bytes) -> str:
        """What a request of this user that changes something repeats."""
        return csrf_token(key, self.session)


def desk_of(request: Request) -> Desk:
    """The application's state."""
    desk: Desk = request.app.state.desk
    return desk


def caller_of(request: Request) -> Caller:
    """Who asks; only where the endpoint's rule is not public."""
    caller: Caller = request.state.caller
    return caller


AtDesk = Annotated[Desk, Depends(desk_of)]
Calling = Annotated[Caller, Depends(caller_of)]


async def _guard(request: Request, rule: Rule) -> None:
    desk = desk_of(request)
    if rule.scope == "public":
        take(desk.limits.requests, desk.proxies.address(request))
        if request.method not in SAFE_METHODS:
            check_origin(request)
            check_length(request, LARGEST_UNSIGNED)
        return
    request.state.caller = await run_in_threadpool(_identify, request, desk, rule)


GuardedRoute = guarded_by(_guard, access.TABLE)
"""A route that ``access.TABLE`` has a rule for."""


def _identify(request: Request, desk: Desk, rule: Rule) -> Caller:
    """The caller, who may call this endpoint.

    Raises:
        HTTPException: 401 not signed in; 403 a forged request or a one-time password; 429.
        NotFound, Forbidden: as of ``access.admit``.
    """
    token = COOKIE.read(request, secure=desk.proxies.secure(request))
    # By session, so that a department behind one address shares nothing; a made-up cookie brings
    # its own bucket and is refused at the price of one look at the database.
    take(desk.limits.requests, token or desk.proxies.address(request))
    if any("\0" in text or not text.isprintable() for text in request.path_params.values()):
        raise NotFound("thing")  # no identifier, and nothing that a database takes as text
    with desk.store.read() as c:
        caller = find(c, request, desk, token)
        if caller is None:
            raise HTTPException(401, "sign in first; your strokes are kept on this page")
        if request.method not in SAFE_METHODS:
            check_origin(request)
            if not is_token(desk.store.key, caller.session, request.headers.get(HEADER)):
                raise HTTPException(403, f"expected the header {HEADER} that /api/me tells")
        if caller.user.must_change and rule.scope != "own":
            raise MustChange
        access.admit(c, rule, caller.user, request.path_params)
    return caller


def find(c: Connection, request: Request, desk: Desk, token: str | None) -> Caller | None:
    """The signed-in user of a request: whom a trusted proxy names, else whose session it is.

    Args:
        c: a transaction.
        request: as it came.
        desk: the application's state.
        token: of the session, where the request brought one.
    """
    name = desk.proxies.user(request)
    if name is not None:
        user = users.named(c, name) if name.isprintable() else None
        if user is None or user.disabled:
            raise HTTPException(403, "you have no account here; ask an administrator for one")
        # The proxy has checked the password; the station's own is not in use.
        return Caller(replace(user, must_change=False), None, f"proxy {user.id}")
    if token is None or not token.isascii():
        return None
    user = users.user_of(c, token, now())
    return Caller(user, token, token) if user is not None else None


class MustChange(HTTPException):
    """The password is a one-time one."""

    def __init__(self) -> None:
        super().__init__(403, "choose your own password first")


def take_sign_in(desk: Desk, address: str, name: str) -> None:
    """Count a try to sign in.

    Raises:
        HTTPException: 429, there were too many.
    """
    take(desk.limits.addresses, address)
    take(desk.limits.sign_ins, f"{address} {name}")
