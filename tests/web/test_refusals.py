"""Tests of `infmap.web.refusals`."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from infmap.web import refusals
from infmap.web.limits import RateLimit


def request(peer: str = "127.0.0.1", **headers: str) -> Request:
    raw = [(n.replace("_", "-").encode(), text.encode()) for n, text in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw, "client": (peer, 1)})


def test_too_many_requests_are_told_when_to_come_again() -> None:
    limit = RateLimit(burst=1, seconds=30.0, clock=lambda: 0.0)
    refusals.take(limit, "ann")
    refusals.take(limit, "ben")
    with pytest.raises(HTTPException) as refused:
        refusals.take(limit, "ann")
    assert refused.value.status_code == 429
    assert refused.value.headers == {"Retry-After": "30"}


@pytest.mark.parametrize(
    ("stated", "status"), [(None, 411), ("many", 411), ("-1", 411), ("11", 413), ("10", 0)]
)
def test_a_body_says_its_length_first(stated: str | None, status: int) -> None:
    asked = request() if stated is None else request(content_length=stated)
    if not status:
        refusals.check_length(asked, 10)
        return
    with pytest.raises(HTTPException) as refused:
        refusals.check_length(asked, 10)
    assert refused.value.status_code == status


def test_another_sites_page_is_refused() -> None:
    refusals.check_origin(request(host="a.example", origin="https://a.example"))
    with pytest.raises(HTTPException):
        refusals.check_origin(request(host="a.example", origin="https://b.example"))


@pytest.mark.parametrize("header", refusals.FORWARDED)
def test_what_a_proxy_here_passes_on_does_not_come_from_here(header: str) -> None:
    assert refusals.is_from_here(request())
    assert not refusals.is_from_here(request("192.0.2.1"))
    assert not refusals.is_from_here(request(**{header: "192.0.2.1"}))


def test_errors_are_one_line_and_foreign_ones_are_raised() -> None:
    async def ask() -> None:
        answer = await refusals.refused(request(), HTTPException(418, "no coffee"))
        assert (answer.status_code, json.loads(answer.body)) == (418, {"error": "no coffee"})
        assert (await refusals.unavailable(request(), OSError())).status_code == 503
        assert (await refusals.internal(request(), ValueError("Doe^Jane"))).status_code == 500
        for handler in (refusals.refused, refusals.invalid):
            with pytest.raises(KeyError):
                await handler(request(), KeyError())

    asyncio.run(ask())
