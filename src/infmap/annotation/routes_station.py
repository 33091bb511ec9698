"""Pages, health, readiness and metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from infmap.annotation.callers import COOKIE, AtDesk, Desk, GuardedRoute, find
from infmap.web.observe import RequestMetrics
from infmap.web.refusals import is_from_here
from infmap.web.static import page as page_of

STATIC = Path(__file__).parent / "static"
"""The station's own pages and modules."""
FIRST = "annotate"
PAGE = re.compile(r"[a-z-]{1,32}")

router = APIRouter(route_class=GuardedRoute)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(desk: AtDesk) -> dict[str, str]:
    """The database answers; 503 where it does not."""
    with desk.store.read() as c:
        c.execute(text("SELECT 1"))
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, desk: AtDesk) -> Response:
    """Counts and times of requests, for this machine and for administrators."""
    if not is_from_here(request) and not await run_in_threadpool(_administers, request, desk):
        raise HTTPException(403, "metrics are for this machine and for administrators")
    kept: RequestMetrics = request.app.state.metrics
    return kept.page()


@router.get("/", response_class=Response)
def first_page() -> Response:
    """The reader's page."""
    return page(FIRST)


@router.get("/{page}", response_class=Response)
def page(page: Annotated[str, InPath(max_length=64)]) -> Response:
    """Another page of the station."""
    path = STATIC / f"{page}.html"
    if not PAGE.fullmatch(page) or not path.is_file():
        raise HTTPException(404, "there is no such page")
    return page_of(path)


def _administers(request: Request, desk: Desk) -> bool:
    token = COOKIE.read(request, secure=desk.proxies.secure(request))
    with desk.store.read() as c:
        caller = find(c, request, desk, token)
    return caller is not None and caller.user.role == "administrator"
