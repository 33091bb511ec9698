"""The station as an ASGI application."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from infmap.annotation import (
    routes_admin,
    routes_drafts,
    routes_films,
    routes_projects,
    routes_results,
    routes_session,
    routes_station,
    routes_tasks,
)
from infmap.annotation.access import Forbidden
from infmap.annotation.callers import Desk, Limits, MustChange
from infmap.annotation.errors import Fenced, NotFound, Taken, WrongSequence
from infmap.annotation.store import Store
from infmap.core.errors import InfmapError
from infmap.web import refusals
from infmap.web.headers import SecurityHeaders
from infmap.web.limits import BodyLimit
from infmap.web.observe import Observed, RequestMetrics
from infmap.web.sessions import TrustedProxies
from infmap.web.static import WEB, PageFiles

# 8 MiB: 100 strokes that each cover a whole film in fine noise are smaller.
LARGEST_BODY = 8 * 2**20
BODY_SECONDS = 60.0
# Passwords hashed at one time, 64 MiB each: more would only slow each other down.
HASHING = 2
REPORTS = 1
ROUTERS = (
    routes_session.router,
    routes_tasks.router,
    routes_drafts.router,
    routes_films.router,
    routes_projects.router,
    routes_results.router,
    routes_admin.router,
    routes_station.router,
)


@dataclass(frozen=True)
class AppSettings:
    """What an application is built with besides its store.

    Attributes:
        proxies: reverse proxies that are believed.
        limits: how often one may ask.
    """

    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    limits: Limits = field(default_factory=Limits)


def create_app(store: Store, settings: AppSettings | None = None) -> ASGIApp:
    """The whole application: the interface behind limits, security headers and the log.

    Args:
        store: the open station.
        settings: the rest.
    """
    settings = settings or AppSettings()
    api = create_api(store, settings)
    bounded = BodyLimit(api, LARGEST_BODY, BODY_SECONDS)
    return Observed(SecurityHeaders(bounded, settings.proxies), api.state.metrics)


def create_api(store: Store, settings: AppSettings) -> FastAPI:
    """The interface alone.

    Args:
        store: the open station.
        settings: the rest.

    Raises:
        KeyError: an endpoint has no rule in ``access.TABLE``.
    """
    # No description is served: it would tell strangers what to try, and its page loads scripts
    # from elsewhere.
    api = FastAPI(title="infmap annotation station", openapi_url=None)
    api.state.desk = Desk(
        store,
        settings.proxies,
        settings.limits,
        anyio.CapacityLimiter(HASHING),
        anyio.CapacityLimiter(REPORTS),
    )
    api.state.metrics = RequestMetrics("infmap_annotation")
    api.mount("/web", PageFiles(WEB))
    api.mount("/station", PageFiles(routes_station.STATIC))
    for router in ROUTERS:
        api.include_router(router)
    api.add_exception_handler(InfmapError, _domain_error)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(RequestValidationError, refusals.invalid)
    api.add_exception_handler(OperationalError, refusals.unavailable)
    api.add_exception_handler(PoolTimeout, refusals.unavailable)
    api.add_exception_handler(Exception, refusals.internal)
    return api


async def _domain_error(request: Request, error: Exception) -> Response:
    """Errors of the domain; what a page needs to go on stands beside the line."""
    status, more = 422, {}
    if isinstance(error, NotFound):
        status = 404
    elif isinstance(error, Forbidden):
        status = 403
    elif isinstance(error, WrongSequence):
        status, more = 409, {"seq": error.seq}
    elif isinstance(error, Fenced):
        status, more = 423, {"epoch": error.epoch}
    elif isinstance(error, Taken):
        status, more = 409, {"version": error.version}
    return JSONResponse({"error": str(error), **more}, status)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    content: dict[str, str | bool] = {"error": error.detail}
    if isinstance(error, MustChange):
        content["must_change_password"] = True
    return JSONResponse(content, error.status_code, headers=error.headers)
