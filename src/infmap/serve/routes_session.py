"""Signing in with a key, for the page; who asks; and the models."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from infmap.serve import keys
from infmap.serve.answers import MeAnswer, ModelAnswer, model_answer
from infmap.serve.bodies import SignIn
from infmap.serve.callers import (
    COOKIE,
    AtDesk,
    Caller,
    Calling,
    Desk,
    GuardedRoute,
    csrf,
    session_of,
)
from infmap.web.refusals import take

router = APIRouter(route_class=GuardedRoute)


@router.post("/v1/session")
def sign_in(request: Request, response: Response, body: SignIn, desk: AtDesk) -> MeAnswer:
    """Get a cookie for an API key."""
    take(desk.limits.strangers, desk.proxies.address(request))
    with desk.store.read() as c:
        key = keys.of(c, body.key)
    if key is None:
        raise HTTPException(401, "there is no such key, or it is disabled")
    caller = Caller(key, session_of(key, desk.store.key))
    COOKIE.set(response, caller.session or "", secure=desk.proxies.secure(request))
    return _answer(desk, caller)


@router.delete("/v1/session", status_code=204)
def sign_out(request: Request, response: Response, caller: Calling, desk: AtDesk) -> None:
    """Let the browser forget the cookie."""
    COOKIE.clear(response, secure=desk.proxies.secure(request))


@router.get("/v1/me")
def me(caller: Calling, desk: AtDesk) -> MeAnswer:
    """Who asks, and the token that a page repeats with changing requests."""
    return _answer(desk, caller)


@router.get("/v1/models")
def models(caller: Calling, desk: AtDesk) -> list[ModelAnswer]:
    """The models that films can be read with, the default one first."""
    return [
        model_answer(name, model.manifest, default=number == 0)
        for number, (name, model) in enumerate(desk.models.items())
    ]


def _answer(desk: Desk, caller: Caller) -> MeAnswer:
    name = caller.key.name if caller.key is not None else None
    return {"local": caller.key is None, "name": name, "csrf": csrf(desk, caller)}
