"""The page, health, readiness, metrics and the description of the interface."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text

from infmap.serve.callers import AtDesk, GuardedRoute
from infmap.serve.receiving import check_space
from infmap.web.observe import RequestMetrics
from infmap.web.static import page

STATIC = Path(__file__).parent / "static"
"""The viewer's own page and modules."""

router = APIRouter(route_class=GuardedRoute)


@router.get("/", response_class=Response)
def viewer() -> Response:
    """The viewer."""
    return page(STATIC / "viewer.html")


# Not in a thread: while the database is locked they may all be waiting for it.
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(desk: AtDesk) -> Response:
    """The database answers, somebody reads films, and there is room; 503 or 507 where not."""
    with desk.store.read() as c:
        c.execute(text("SELECT 1"))
    check_space(desk)
    if not desk.working.alive:
        return JSONResponse({"error": "no process reads films; they begin, or see the log"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Counts and times in Prometheus' text format."""
    kept: RequestMetrics = request.app.state.metrics
    return kept.page()


@router.get("/openapi.json")
def description(request: Request) -> Response:
    """This interface, as OpenAPI."""
    return JSONResponse(request.app.openapi())
