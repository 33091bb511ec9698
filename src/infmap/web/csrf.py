"""Requests that another site's page sends in a user's name are recognised and refused.

Three walls: the cookie is SameSite=Strict, the browser says which page asks, and a request that
changes something repeats a token that only a page of ours can read.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


def csrf_token(key: bytes, session: str) -> str:
    """The token that belongs to one session, hexadecimal.

    Args:
        key: the server's secret.
        session: the session's secret, or what stands for it behind a proxy.
    """
    return hmac.new(key, b"csrf\0" + session.encode(), hashlib.sha256).hexdigest()


def is_token(key: bytes, session: str, given: str | None) -> bool:
    """Whether a token is the session's; compared in constant time."""
    expected = csrf_token(key, session)
    return hmac.compare_digest(expected.encode(), (given or "").encode("utf-8", "replace"))


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether the browser says that a page of this server asks; clients without pages pass.

    ``Sec-Fetch-Site`` where the browser sends it (TLS and localhost), ``Origin`` elsewhere.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == request.headers.get("host", "")
    except ValueError:  # no address at all
        return False
