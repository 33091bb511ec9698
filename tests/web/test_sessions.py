"""Tests of `infmap.web.sessions`."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from infmap.core.errors import UsageError
from infmap.web.sessions import SessionCookie, TrustedProxies, is_loopback

COOKIE = SessionCookie("station", 3600)
PROXIES = TrustedProxies.of("X-Remote-User", ["10.0.0.0/8", "fd00::/8"])


def asked(
    *headers: tuple[str, str], peer: str | None = "10.1.2.3", scheme: str = "http"
) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "server": ("station", 80),
            "path": "/",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "client": (peer, 5000) if peer is not None else None,
        }
    )


@pytest.mark.parametrize(("secure", "name"), [(True, "__Host-station"), (False, "station")])
def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(secure: bool, name: str) -> None:
    response = Response()
    COOKIE.set(response, "secret", secure=secure)
    text = response.headers["set-cookie"]
    assert text.startswith(f"{name}=secret; ")
    assert "HttpOnly" in text and "SameSite=strict" in text and "Path=/" in text
    assert ("Secure" in text) is secure
    assert "Domain" not in text
    assert COOKIE.read(asked(("Cookie", f"{name}=secret")), secure=secure) == "secret"


def test_a_cookie_set_without_tls_is_no_session_over_tls() -> None:
    assert COOKIE.read(asked(("Cookie", "station=planted")), secure=True) is None


def test_a_cleared_cookie_is_forgotten() -> None:
    response = Response()
    COOKIE.clear(response, secure=True)
    assert "Max-Age=0" in response.headers["set-cookie"]


def test_a_trusted_proxy_names_the_user() -> None:
    assert PROXIES.user(asked(("X-Remote-User", " ada "))) == "ada"
    assert PROXIES.user(asked(("X-Remote-User", "ada"), peer="fd00::1")) == "ada"


@pytest.mark.parametrize("peer", ["192.168.0.1", "127.0.0.1", "", "station", None])
def test_nobody_else_names_a_user(peer: str | None) -> None:
    assert PROXIES.user(asked(("X-Remote-User", "ada"), peer=peer)) is None


def test_two_names_are_none() -> None:
    assert PROXIES.user(asked(("X-Remote-User", "root"), ("X-Remote-User", "ada"))) is None
    assert PROXIES.user(asked(("X-Remote-User", ""))) is None


def test_without_a_header_nobody_is_signed_in_by_one() -> None:
    proxies = TrustedProxies.of("", ["10.0.0.0/8"])
    assert proxies.user(asked(("X-Remote-User", "ada"))) is None


@pytest.mark.parametrize(
    ("forwarded", "peer", "address"),
    [
        ("", "10.1.2.3", "10.1.2.3"),
        ("203.0.113.7", "10.1.2.3", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.7", "10.1.2.3", "203.0.113.7"),
        ("203.0.113.7, 10.9.9.9", "10.1.2.3", "203.0.113.7"),
        ("unknown", "10.1.2.3", "unknown"),
    ],
)
def test_the_address_is_the_nearest_that_is_no_proxy(
    forwarded: str, peer: str, address: str
) -> None:
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    assert PROXIES.address(asked(*headers, peer=peer)) == address


def test_tls_is_seen_or_told_by_a_proxy() -> None:
    told = ("X-Forwarded-Proto", "https")
    assert PROXIES.secure(asked(scheme="https", peer="203.0.113.9"))
    assert PROXIES.secure(asked(told))
    assert not PROXIES.secure(asked(told, peer="203.0.113.9"))
    assert not PROXIES.secure(asked(("X-Forwarded-Proto", "http")))


@pytest.mark.parametrize(
    ("header", "networks", "message"),
    [
        ("X-Remote-User", [], "no proxy is trusted"),
        ("", ["10.0.0.0/33"], "10.0.0.0/8"),
        ("", ["10.0.0.1/8"], "host bits"),
    ],
)
def test_proxies_that_make_no_sense_are_refused(
    header: str, networks: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        TrustedProxies.of(header, networks)


def test_this_machine_is_told_from_others() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1")
    assert not is_loopback("10.0.0.1") and not is_loopback("testclient")
