"""What a server tells of its work: a log line, a count and a time for every request.

A line names the route, never the path, and of an error its kind and place, never its message: no
name of a film or a patient gets into a log.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from pathlib import Path
from typing import NotRequired, TypedDict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
LOG = logging.getLogger("infmap.web")
# A proxy's own id is kept where it is one; anything longer or stranger could forge log lines.
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# 5 ms to 5 s: a stroke is saved in tens of milliseconds, a whole film takes a second.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

DEEPEST = 20
"""Frames of an error that are logged."""


class RequestLine(TypedDict):
    """One line of the log."""

    time: str
    level: str
    request: str
    method: str
    route: str
    status: int
    milliseconds: float
    bytes: int
    error: NotRequired[str]
    stack: NotRequired[list[str]]


class RequestMetrics:
    """Counts and times of requests of one application, in Prometheus' text format.

    Args:
        prefix: of the names, such as "infmap_annotation".
    """

    def __init__(self, prefix: str) -> None:
        self.registry = CollectorRegistry()
        names = ["method", "route", "status"]
        self.requests = Counter(
            f"{prefix}_requests", "Requests answered.", names, registry=self.registry
        )
        self.seconds = Histogram(
            f"{prefix}_request_seconds",
            "Seconds until an answer was sent.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.active = Gauge(
            f"{prefix}_requests_active", "Requests being answered.", registry=self.registry
        )

    def page(self) -> Response:
        """The metrics as Prometheus reads them."""
        return Response(generate_latest(self.registry), media_type="text/plain; version=0.0.4")


class Observed:
    """ASGI middleware: gives every request an id, counts it, and logs one JSON line.

    Args:
        app: the application.
        metrics: what is counted.
    """

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request
        status, sent, sent_head, began = 500, 0, False, time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status, sent, sent_head
            if message["type"] == "http.response.start":
                sent_head = True
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request
            sent += len(message.get("body", b""))
            await send(message)

        self.metrics.active.inc()
        error: Exception | None = None
        try:
            await self.app(scope, receive, send_counted)
        except Exception as raised:
            error = raised
            if not sent_head:
                await internal_error()(scope, receive, send_counted)
        finally:
            seconds = time.perf_counter() - began
            route, method = _route(scope), _method(scope)
            self.metrics.active.dec()
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            line: RequestLine = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "level": "error" if status >= 500 else "info",
                "request": request,
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": round(1000.0 * seconds, 1),
                "bytes": sent,
            }
            if error is not None:
                line |= {"error": type(error).__name__, "stack": _stack(error)}
            LOG.log(logging.ERROR if status >= 500 else logging.INFO, json.dumps(line))


def internal_error() -> Response:
    """The answer where something went wrong that nobody foresaw; the log says what."""
    return JSONResponse({"error": "something went wrong here; the log says what"}, 500)


def _route(scope: Scope) -> str:
    """The route's pattern; a path that no route answers could hold anything."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"


def _stack(error: Exception) -> list[str]:
    """Where an error was raised, innermost last; its message may be of a patient and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[-DEEPEST:]]


def _method(scope: Scope) -> str:
    # Clients may send any word as a method, and each would be a time series of its own.
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "other"


def lose_quietly() -> None:
    """Say nothing of lines that cannot be written, as into a file on a full disk.

    Logging would print a traceback for each, into the same file.
    """
    logging.raiseExceptions = False


def log_to_stderr() -> None:
    """Write the log of requests to standard error, one JSON object a line; on a terminal errors."""
    lose_quietly()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOG.handlers[:] = [handler]
    LOG.propagate = False
    # Who starts a server by hand reads its address there, and not ten lines a second.
    LOG.setLevel(logging.ERROR if sys.stderr.isatty() else logging.INFO)
