"""Tests of `infmap.web.csrf`."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from infmap.web.csrf import csrf_token, is_same_origin, is_token

KEY = bytes(32)


def asked(**headers: str) -> Request:
    names = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": names})


def test_a_token_belongs_to_one_session_and_one_server() -> None:
    token = csrf_token(KEY, "session")
    assert is_token(KEY, "session", token)
    assert not is_token(KEY, "another", token)
    assert not is_token(bytes(31) + b"1", "session", token)


@pytest.mark.parametrize("given", [None, "", "session", "é" * 64, "\ud800"])
def test_anything_else_is_no_token(given: str | None) -> None:
    assert not is_token(KEY, "session", given)


def test_a_token_does_not_tell_the_session() -> None:
    assert "session" not in csrf_token(KEY, "session")


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"origin": "http://station:8000", "host": "station:8000"}, True),
        ({"origin": "http://station:8001", "host": "station:8000"}, False),
        ({"origin": "http://elsewhere", "host": "station:8000"}, False),
        ({"origin": "null", "host": "station:8000"}, False),
        ({"origin": "http://[", "host": "station:8000"}, False),
    ],
)
def test_the_browser_says_which_page_asks(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(asked(**headers)) is same
