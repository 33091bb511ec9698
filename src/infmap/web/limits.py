"""How much one client may ask: bytes of a body, seconds to send it, requests in a time."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyRefused(Exception):
    """A body is larger than allowed, or did not arrive in time."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body that is too large and 408 to one too slow.

    Args:
        app: the application.
        largest: bytes of a body.
        seconds: for the whole body to arrive: a client that sends a byte a minute holds nothing.
    """

    def __init__(self, app: ASGIApp, largest: int, seconds: float) -> None:
        self.app = app
        self.largest = largest
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > self.largest:
            await _too_large(self.largest)(scope, receive, send)
            return
        body = _BoundedBody(receive, self.largest, self.seconds)
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            # A framework may make an answer of its own of the error; ours says what to do.
            if started or body.refusal is None:
                started = True
                await send(message)

        try:
            await self.app(scope, body, send_on)
        except BodyRefused:
            if started:  # too late for another status: the server closes the connection
                raise
        if body.refusal is not None and not started:
            await body.refusal(scope, receive, send)


class _BoundedBody:
    """Receives a body of bounded size in bounded time; what comes after it is waited for."""

    def __init__(self, receive: Receive, largest: int, seconds: float) -> None:
        self.receive = receive
        self.largest = largest
        self.left = largest
        self.until = time.monotonic() + seconds
        self.more = True
        self.refusal: Response | None = None

    async def __call__(self) -> Message:
        if not self.more:  # a disconnect: comes when it comes
            return await self.receive()
        try:
            with anyio.fail_after(max(0.0, self.until - time.monotonic())):
                message = await self.receive()
        except TimeoutError as error:
            self.refusal = _answer(408, "the body did not arrive in time; send it again")
            raise BodyRefused from error
        self.left -= len(message.get("body", b""))
        self.more = bool(message.get("more_body", False))
        if self.left < 0:
            self.refusal = _too_large(self.largest)
            raise BodyRefused
        return message


def _too_large(largest: int) -> Response:
    return _answer(413, f"expected a body of at most {largest} bytes; send less at once")


def _answer(status: int, text: str) -> Response:
    # What is left of the body is not read: the connection cannot be used again.
    return JSONResponse({"error": text}, status, headers={"Connection": "close"})


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """Token buckets by key: so many at once, then so many in a time.

    Args:
        burst: how many at once.
        seconds: until one more is allowed.
        keys: how many keys are remembered; the one unused longest is forgotten first.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        burst: int,
        seconds: float,
        keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.burst = burst
        self.seconds = seconds
        self.keys = keys
        self.clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> int:
        """Take one: 0 where it is allowed, else whole seconds until it is."""
        now = self.clock()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(self.burst, now))
            self._buckets.move_to_end(key)
            if len(self._buckets) > self.keys:
                self._buckets.popitem(last=False)
            gained = (now - bucket.at) / self.seconds
            bucket.tokens, bucket.at = min(self.burst, bucket.tokens + gained), now
            if bucket.tokens >= 1.0:
                bucket.tokens -= 1.0
                return 0
            return max(1, math.ceil((1.0 - bucket.tokens) * self.seconds))

    def forgive(self, key: str) -> None:
        """Forget what a key has used: a user who signed in owes nothing."""
        with self._lock:
            self._buckets.pop(key, None)
