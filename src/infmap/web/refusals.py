"""What every server refuses in the same way, and in which words: one line, ``{"error": ...}``."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from infmap.web.csrf import is_same_origin
from infmap.web.database import is_full
from infmap.web.limits import RateLimit
from infmap.web.observe import internal_error
from infmap.web.sessions import is_loopback

ROOM_SECONDS = 60
"""After which somebody may have made room on a full disk."""
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")
"""Headers by which a proxy says that a request came from elsewhere."""


def take(limit: RateLimit, key: str) -> None:
    """Count a request.

    Raises:
        HTTPException: 429, there were too many.
    """
    seconds = limit.wait(key)
    if seconds:
        text = f"too many requests; try again in {seconds} s"
        raise HTTPException(429, text, headers={"Retry-After": str(seconds)})


def check_origin(request: HTTPConnection) -> None:
    """Refuse what another site's page sends.

    Raises:
        HTTPException: 403.
    """
    if not is_same_origin(request):
        raise HTTPException(403, "the request comes from another site's page")


def check_length(request: HTTPConnection, largest: int) -> None:
    """Refuse a body that is not short before any of it is read.

    Raises:
        HTTPException: 411 or 413.
    """
    stated = request.headers.get("content-length", "")
    if not stated.isdecimal():
        raise HTTPException(411, "expected the header Content-Length")
    if int(stated) > largest:
        raise HTTPException(413, f"expected a body of at most {largest} bytes")


def is_from_here(request: HTTPConnection) -> bool:
    """Whether a request comes from this machine itself.

    A proxy on this machine passes on what comes from elsewhere.
    """
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and is_loopback(request.client.host if request.client else "")


async def invalid(request: Request, error: Exception) -> Response:
    """What a request should have brought; never what it did bring, which may be of a patient."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{place}: {first['msg']}"}, 422)


async def refused(request: Request, error: Exception) -> Response:
    """The line of an ``HTTPException``."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def unavailable(request: Request, error: Exception) -> Response:
    """The database is busy, restarts or is away: nothing was kept, send it again."""
    if isinstance(error, OperationalError) and is_full(error):
        return no_room()
    text = "the database does not answer; send it again"
    return JSONResponse({"error": text}, 503, headers={"Retry-After": "1"})


def no_room() -> Response:
    """The disk is full: nothing was kept."""
    text = "the server's disk is full; nothing was kept, send it again when there is room"
    return JSONResponse({"error": text}, 507, headers={"Retry-After": str(ROOM_SECONDS)})


async def internal(request: Request, error: Exception) -> Response:
    """What nobody foresaw; see ``infmap.web.observe.internal_error``."""
    return internal_error()
