"""A server that this machine alone reaches answers to this machine's names alone.

A page of any site can let its own name point at 127.0.0.1 (DNS rebinding): the browser then takes
the server here for that site's own and lets the page read what it answers. The name stands in the
request.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from infmap.web.refusals import FORWARDED
from infmap.web.sessions import is_loopback


class LoopbackOnly:
    """ASGI middleware that answers 421 to whoever asks by another name or through a proxy.

    Args:
        app: the application, which asks nobody who they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            reason = _reason(HTTPConnection(scope))
            if reason is not None:
                await JSONResponse({"error": reason}, 421)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _reason(request: HTTPConnection) -> str | None:
    name = host_name(request.headers.get("host", ""))
    if name != "localhost" and not is_loopback(name):
        return "this server is for its own machine; ask it as localhost or 127.0.0.1"
    # Whoever the proxy speaks for is not on this machine.
    if any(header in request.headers for header in FORWARDED):
        return "this server is for its own machine; name the proxy before it with --trusted"
    return None
