"""The page on which a person confirms, moves, adds and drops boxes, as an ASGI application.

It is for the person who started it: this machine's names alone, and a secret in the address that
becomes a cookie, for others may have accounts on the machine.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from infmap.core.errors import InfmapError
from infmap.deidentify.boxes import Box
from infmap.deidentify.desk import Desk
from infmap.web import csrf, refusals
from infmap.web.film_encoding import encode_film, encode_preview
from infmap.web.headers import SecurityHeaders
from infmap.web.hosts import LoopbackOnly
from infmap.web.limits import BodyLimit
from infmap.web.sessions import SessionCookie, TrustedProxies
from infmap.web.static import WEB, PageFiles, page

STATIC = Path(__file__).parent / "static"
# 1000 boxes as JSON are below 100 kB.
LARGEST_BODY, BODY_SECONDS = 2**18, 30.0
# A working day: the page ends with the run.
COOKIE = SessionCookie("infmap-review", 12 * 3600)


class BoxBody(BaseModel):
    """A box as the page sends it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    x: int
    y: int
    width: int
    height: int


class DecisionBody(BaseModel):
    """What was decided on a film: boxes to paint, or that it is not written."""

    model_config = ConfigDict(extra="forbid", strict=True)
    boxes: list[BoxBody] | None


@dataclass(frozen=True)
class Pages:
    """What the handlers share.

    Attributes:
        desk: with the films.
        finish: called when all is decided.
        secret: of the address and the cookie.
        key: of the tokens that change something.
    """

    desk: Desk
    finish: Callable[[], None]
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    async def first(self, request: Request) -> Response:
        """The page; the address with the secret becomes one without it."""
        given = request.query_params.get("secret")
        if given is not None:
            self._check(given)
            answer = RedirectResponse("/", 303)
            COOKIE.set(answer, self.secret, secure=False)
            return answer
        self._admit(request)
        return page(STATIC / "review.html")

    async def films(self, request: Request) -> Response:
        """All films with their boxes and decisions, and the token for changes."""
        self._admit(request)
        desk = self.desk
        films = [
            {
                "number": look.number,
                "width": look.columns,
                "height": look.rows,
                "state": _state(desk, look.number),
                "boxes": [
                    {**_plain(one.box), "over_lungs": one.over_lungs} for one in look.candidates
                ],
                "decided": [_plain(box) for box in desk.boxes.get(look.number, ())],
            }
            for look in desk.looks.values()
        ]
        return JSONResponse({"csrf": csrf.csrf_token(self.key, self.secret), "films": films})

    async def full(self, request: Request) -> Response:
        """A film in full depth."""
        levels, bits = await self._film(request)
        data = await run_in_threadpool(encode_film, levels, bits)
        return Response(data, media_type="application/octet-stream")

    async def preview(self, request: Request) -> Response:
        """A film as a small picture; its bits are in a header."""
        levels, bits = await self._film(request)
        data = await run_in_threadpool(encode_preview, levels, bits)
        return Response(data, media_type="image/jpeg", headers={"X-Bits": str(bits)})

    async def decide(self, request: Request) -> Response:
        """Take a decision on a film."""
        self._admit(request)
        number = _number(request)
        try:
            body = DecisionBody.model_validate_json(await request.body())
            if body.boxes is None:
                self.desk.hold(number)
            else:
                boxes = [Box(b.x, b.y, b.width, b.height) for b in body.boxes]
                self.desk.decide(number, boxes)
        except ValidationError as error:
            raise HTTPException(422, "expected {boxes: [{x, y, width, height}]}") from error
        except KeyError as error:
            raise HTTPException(404, "no such film") from error
        except InfmapError as error:
            raise HTTPException(422, str(error)) from error
        return Response(status_code=204)

    async def end(self, request: Request) -> Response:
        """Write the films, once all are decided."""
        self._admit(request)
        if self.desk.open:
            raise HTTPException(409, f"{self.desk.open} films have no decision yet")
        self.finish()
        return Response(status_code=204)

    def _admit(self, request: Request) -> None:
        refusals.check_origin(request)
        self._check(COOKIE.read(request, secure=False) or "")
        if request.method not in csrf.SAFE_METHODS:
            given = request.headers.get(csrf.HEADER)
            if not csrf.is_token(self.key, self.secret, given):
                raise HTTPException(403, "the page is out of date; load it again")

    def _check(self, given: str) -> None:
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.secret.encode()):
            raise HTTPException(403, "open the address that was printed")

    async def _film(self, request: Request) -> tuple[NDArray[np.uint16], int]:
        self._admit(request)
        try:
            return await run_in_threadpool(self.desk.film, _number(request))
        except KeyError as error:
            raise HTTPException(404, "no such film") from error
        except InfmapError as error:
            raise HTTPException(410, "the film cannot be read any more") from error


def create_app(pages: Pages) -> ASGIApp:
    """The application behind its headers, limits and names.

    Args:
        pages: the handlers.
    """
    routes = [
        Route("/", pages.first),
        Route("/films", pages.films),
        Route("/films/{number:int}/full", pages.full),
        Route("/films/{number:int}/preview.jpg", pages.preview),
        Route("/films/{number:int}", pages.decide, methods=["PUT"]),
        Route("/finish", pages.end, methods=["POST"]),
        Mount("/web", PageFiles(WEB)),
        Mount("/review", PageFiles(STATIC)),
    ]
    handlers = {HTTPException: refusals.refused, Exception: refusals.internal}
    app: ASGIApp = Starlette(routes=routes, exception_handlers=handlers)
    app = LoopbackOnly(BodyLimit(app, LARGEST_BODY, BODY_SECONDS))
    return SecurityHeaders(app, TrustedProxies())


def _state(desk: Desk, number: int) -> str:
    if number in desk.held:
        return "held"
    return "decided" if number in desk.boxes else "open"


def _plain(box: Box) -> dict[str, int]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _number(request: Request) -> int:
    return int(request.path_params["number"])
