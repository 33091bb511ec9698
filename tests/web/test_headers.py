"""Tests of `infmap.web.headers`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from infmap.web.headers import HEADERS, SecurityHeaders
from infmap.web.sessions import TrustedProxies


def client(scheme: str = "http") -> TestClient:
    def plain(request: Request) -> Response:
        return PlainTextResponse("hello")

    def kept(request: Request) -> Response:
        return PlainTextResponse("hello", headers={"Cache-Control": "no-cache"})

    app = Starlette(routes=[Route("/", plain), Route("/kept", kept)])
    return TestClient(SecurityHeaders(app, TrustedProxies()), base_url=f"{scheme}://station")


def test_every_answer_has_them_also_that_of_no_route() -> None:
    for path in ("/", "/nothing-here"):
        headers = client().get(path).headers
        assert {name: headers.get(name) for name in HEADERS} == HEADERS


def test_scripts_and_styles_come_from_this_server_alone() -> None:
    policy = client().get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_what_an_answer_says_itself_stays() -> None:
    assert client().get("/kept").headers["cache-control"] == "no-cache"
    assert client().get("/").headers["cache-control"] == "no-store"


def test_tls_is_kept_to_once_seen() -> None:
    assert "strict-transport-security" not in client().get("/").headers
    assert client("https").get("/").headers["strict-transport-security"] == "max-age=31536000"
