"""Who asks: the key or the session behind a request, checked before its body is read.

Three ways to be somebody: an API key in ``Authorization: Bearer``, the cookie that a page got for
one, or, where the server is for its own machine, to be on it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

import anyio
from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from infmap.inference import Manifest
from infmap.serve import access, keys
from infmap.serve.access import Rule
from infmap.serve.errors import NotFound
from infmap.serve.keys import Key
from infmap.serve.notices import Notices
from infmap.serve.store import Store
from infmap.web.csrf import HEADER, SAFE_METHODS, csrf_token, is_token
from infmap.web.guard import guarded_by
from infmap.web.limits import RateLimit
from infmap.web.refusals import check_length, check_origin, is_from_here, take
from infmap.web.sessions import SessionCookie, TrustedProxies

# A working day; then the page asks for the key again.
SESSION_SECONDS = 12 * 3600
COOKIE = SessionCookie("infmap", SESSION_SECONDS)
HERE = "this machine"
"""What CSRF tokens are bound to where nobody needs a key."""


class Working(Protocol):
    """Who reads the films; ``infmap.serve.worker.Workers``."""

    def wake(self) -> None:
        """Films were queued."""

    @property
    def alive(self) -> int:
        """Number of processes that can read films."""


@dataclass(frozen=True)
class Model:
    """A model and its checksum, which takes longer to make than most answers.

    Attributes:
        manifest: of the model folder.
        sha256: ``manifest.sha256``.
    """

    manifest: Manifest
    sha256: str


class Limits:
    """How often one may ask; kept in memory, anew with every start.

    Attributes:
        requests: of one key.
        strangers: of one address that brings no key, or a wrong one.
    """

    def __init__(self, per_second: float = 100.0) -> None:
        # A script sends a folder in one burst; the rate is far above what one machine reads.
        self.requests = RateLimit(burst=max(10, round(10 * per_second)), seconds=1 / per_second)
        # A key has 256 bits: this keeps the database free, the key needs no such wall.
        self.strangers = RateLimit(burst=60, seconds=1.0)


@dataclass(frozen=True)
class Desk:
    """What every request needs: the application's own state.

    Attributes:
        store: the open server.
        models: by name; the first is taken where a request names none.
        proxies: who is believed about addresses and TLS.
        limits: how often one may ask.
        notices: who waits for news of jobs.
        working: who reads the films.
        open: whoever is on this machine needs no key.
        largest: bytes of one upload.
        making: how many reports and objects are made at one time.
    """

    store: Store
    models: Mapping[str, Model]
    proxies: TrustedProxies
    limits: Limits
    notices: Notices
    working: Working
    open: bool
    largest: int
    making: anyio.CapacityLimiter


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        key: the API key; None on this machine itself, where all may be seen.
        session: what CSRF tokens are bound to; None for a script, which needs none.
    """

    key: Key | None
    session: str | None

    @property
    def id(self) -> str | None:
        """Identifier of the key."""
        return self.key.id if self.key is not None else None


# Both are coroutines: a plain function is sent to a thread and back, which costs more than it does.
async def desk_of(request: Request) -> Desk:
    """The application's state."""
    desk: Desk = request.app.state.desk
    return desk


async def caller_of(request: Request) -> Caller:
    """Who asks; only where the endpoint's rule is not public."""
    caller: Caller = request.state.caller
    return caller


AtDesk = Annotated[Desk, Depends(desk_of)]
Calling = Annotated[Caller, Depends(caller_of)]


async def _guard(request: Request, rule: Rule) -> None:
    desk: Desk = request.app.state.desk
    if rule.scope == "public":
        if request.method not in SAFE_METHODS:
            check_origin(request)
            check_length(request, rule.body or 0)
        return
    if rule.scope == "machine" and is_from_here(request):
        return
    # Read by the framework as a whole: its length has to be known before.
    if rule.body is not None and request.method in ("POST", "PUT", "PATCH"):
        check_length(request, rule.body)
    # On the machine itself most requests bring nothing that is to be looked up.
    if desk.open and rule.scope == "key" and not {"authorization", "cookie"} & set(request.headers):
        request.state.caller = _checked(request, desk, Caller(None, HERE))
    else:
        request.state.caller = await run_in_threadpool(_identify, request, desk, rule)


GuardedRoute = guarded_by(_guard, access.TABLE)
"""A route that ``access.TABLE`` has a rule for."""


def _identify(request: Request, desk: Desk, rule: Rule) -> Caller:
    """The caller, who may call this endpoint.

    Raises:
        HTTPException: 401 no key; 403 a forged request; 429.
        NotFound: as of ``access.admit``.
    """
    if any("\0" in text or not text.isprintable() for text in request.path_params.values()):
        raise NotFound("thing")  # no identifier, and nothing that a database takes as text
    with desk.store.read() as c:
        caller = find(c, request, desk)
        if caller is None:
            take(desk.limits.strangers, desk.proxies.address(request))
            raise HTTPException(
                401,
                "expected an API key as Authorization: Bearer KEY; whoever runs the server makes "
                "one with infmap serve key add NAME",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if caller.id is not None:
            take(desk.limits.requests, caller.id)
        _checked(request, desk, caller)
        access.admit(c, rule, caller.id, request.path_params)
    return caller


def _checked(request: Request, desk: Desk, caller: Caller) -> Caller:
    """The caller, unless another site's page asks in its name.

    Raises:
        HTTPException: 403.
    """
    if request.method in SAFE_METHODS:
        return caller
    check_origin(request)
    # A browser always says where a changing request comes from; a script sends neither.
    browser = any(name in request.headers for name in ("origin", "sec-fetch-site"))
    token = request.headers.get(HEADER)
    if (
        caller.session is not None
        and (browser or caller.key is not None)
        and not is_token(desk.store.key, caller.session, token)
    ):
        raise HTTPException(403, f"expected the header {HEADER} that /v1/me tells")
    return caller


def find(c: Connection, request: Request, desk: Desk) -> Caller | None:
    """Who asks, by key, cookie or place; None for a stranger.

    Args:
        c: a transaction.
        request: as it came.
        desk: the application's state.
    """
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, secret = given.partition(" ")
        key = keys.of(c, secret.strip()) if scheme.lower() == "bearer" else None
        return Caller(key, None) if key is not None else None
    token = COOKIE.read(request, secure=desk.proxies.secure(request))
    key = key_of_session(c, desk.store.key, token) if token is not None else None
    if key is not None:
        return Caller(key, token)
    return Caller(None, HERE) if desk.open else None


def session_of(key: Key, secret: bytes) -> str:
    """What a cookie holds: the key's identifier, when it ends, and a seal on both.

    Nothing is kept for it: it ends by itself, or when the key is disabled.
    """
    stated = f"{key.id}.{int(time.time()) + SESSION_SECONDS}"
    return f"{stated}.{_seal(secret, stated)}"


def key_of_session(c: Connection, secret: bytes, token: str) -> Key | None:
    """The key behind a cookie; None where it is none of ours, over, or the key is disabled."""
    stated, _, seal = token.rpartition(".")
    expected = _seal(secret, stated)
    if not hmac.compare_digest(expected.encode(), seal.encode("utf-8", "replace")):
        return None
    identifier, _, ends = stated.partition(".")
    if time.time() > int(ends):
        return None
    found = [key for key in keys.every(c) if key.id == identifier and not key.disabled]
    return found[0] if found else None


def csrf(desk: Desk, caller: Caller) -> str | None:
    """What a page repeats with every changing request; None for a script."""
    return csrf_token(desk.store.key, caller.session) if caller.session is not None else None


def _seal(secret: bytes, stated: str) -> str:
    message = b"session\0" + stated.encode("utf-8", "replace")
    return hmac.new(secret, message, hashlib.sha256).hexdigest()
