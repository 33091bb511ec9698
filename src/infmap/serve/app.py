"""The server as an ASGI application."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from infmap import __version__
from infmap.core.errors import InfmapError
from infmap.inference import Manifest
from infmap.serve import routes_films, routes_jobs, routes_server, routes_session
from infmap.serve.callers import Desk, Limits, Model, Working
from infmap.serve.errors import NotFound, UploadRefused
from infmap.serve.measures import QueueMeasures
from infmap.serve.notices import Notices
from infmap.serve.store import Store
from infmap.web import refusals
from infmap.web.headers import SecurityHeaders
from infmap.web.hosts import LoopbackOnly
from infmap.web.limits import BodyLimit
from infmap.web.observe import LOG, Observed, RequestMetrics
from infmap.web.sessions import TrustedProxies
from infmap.web.static import WEB, PageFiles

# Bytes of one upload: a folder of 30 films of 3000 x 3000 in one zip file.
LARGEST = 512 * 2**20
# Seconds for a whole upload: 512 MB over 1 MB/s, a slow line of a hospital.
BODY_SECONDS = 600.0
# Reports and objects that are made at one time: each is a process with a film in it.
MAKING = 2
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TROUBLES = (
    *FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT, errno.ENOTDIR,
    errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip
"""Of a disk or the system, which pass without a restart."""
ROUTERS = (
    routes_server.router,
    routes_session.router,
    routes_jobs.router,
    routes_films.router,
)
DESCRIPTION = (
    "Reads chest X-rays: infection map, severity, detection of COVID-19. Research use only."
)


@dataclass(frozen=True)
class AppSettings:
    """What an application is built with besides its store.

    Attributes:
        proxies: reverse proxies that are believed.
        limits: how often one may ask.
        open: the server is for its own machine, and asks nobody there for a key.
        largest: bytes of one upload.
    """

    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    limits: Limits = field(default_factory=Limits)
    open: bool = True
    largest: int = LARGEST


def create_app(
    store: Store,
    models: Mapping[str, Manifest],
    working: Working,
    notices: Notices,
    settings: AppSettings | None = None,
) -> ASGIApp:
    """The whole application: the interface behind limits, security headers and the log.

    Args:
        store: the open server.
        models: that ``working`` has, by name; the first is the default.
        working: who reads the films.
        notices: is told by whoever reads the films.
        settings: the rest.
    """
    settings = settings or AppSettings()
    api = create_api(store, models, working, notices, settings)
    bounded: ASGIApp = BodyLimit(api, settings.largest, BODY_SECONDS)
    if settings.open:
        bounded = LoopbackOnly(bounded)
    return Observed(SecurityHeaders(bounded, settings.proxies), api.state.metrics)


def create_api(
    store: Store,
    models: Mapping[str, Manifest],
    working: Working,
    notices: Notices,
    settings: AppSettings,
) -> FastAPI:
    """The interface alone; see ``create_app``.

    Raises:
        KeyError: an endpoint has no rule in ``access.TABLE``.
    """
    # The description has a route of its own: a page that shows it loads scripts from elsewhere.
    api = FastAPI(title="infmap", description=DESCRIPTION, version=__version__, openapi_url=None)
    known = {name: Model(manifest, manifest.sha256) for name, manifest in models.items()}
    desk = Desk(
        store, known, settings.proxies, settings.limits, notices, working, settings.open,
        settings.largest, anyio.CapacityLimiter(MAKING),
    )  # fmt: skip
    api.state.desk = desk
    api.state.metrics = RequestMetrics("infmap_serve")
    api.state.metrics.registry.register(QueueMeasures(desk))
    api.mount("/web", PageFiles(WEB))
    api.mount("/viewer", PageFiles(routes_server.STATIC))
    for router in ROUTERS:
        api.include_router(router)
    api.add_exception_handler(InfmapError, _domain_error)
    api.add_exception_handler(OSError, _disk_error)
    api.add_exception_handler(HTTPException, refusals.refused)
    api.add_exception_handler(RequestValidationError, refusals.invalid)
    api.add_exception_handler(OperationalError, refusals.unavailable)
    api.add_exception_handler(PoolTimeout, refusals.unavailable)
    api.add_exception_handler(Exception, refusals.internal)
    return api


async def _domain_error(request: Request, error: Exception) -> Response:
    """The line of an error of the domain."""
    status = 422
    if isinstance(error, NotFound):
        status = 404
    elif isinstance(error, UploadRefused):
        status = 413 if error.too_large else 400
    return JSONResponse({"error": str(error)}, status)


async def _disk_error(request: Request, error: Exception) -> Response:
    """A disk that is full, read-only or gone is said; any other failure is an internal one."""
    if not isinstance(error, OSError) or error.errno not in TROUBLES:
        raise error
    told = {"level": "error", "disk": errno.errorcode[error.errno]}
    LOG.error(json.dumps(told))
    if error.errno in FULL:
        return refusals.no_room()
    text = "the server's folder cannot be used now; whoever runs the server finds why in its log"
    return JSONResponse({"error": text}, 503, headers={"Retry-After": str(refusals.ROOM_SECONDS)})
