"""Tests of `infmap.client.job`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from client_site import Site

from infmap.client.calls import Calls
from infmap.client.job import Job
from infmap.core.errors import UsageError


def frame(number: int, kind: str = "item") -> bytes:
    data = {"position": number, "name": "a", "model": "m", "state": "done", "film": "f"}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def test_a_connection_that_breaks_goes_on_after_the_last_event() -> None:
    asked: list[str | None] = []

    def broken() -> Iterator[bytes]:
        yield b"retry: 1000\n\n: waiting\n\n" + frame(1) + frame(2)
        yield b"id: 3\nevent: item\ndata: {"  # cut off: it counts as never sent
        raise httpx.ReadError("gone")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        parts = {1: broken(), 2: iter([frame(3)]), 3: iter([frame(4), frame(5, "done"), frame(6)])}
        return httpx.Response(200, content=parts[len(asked)])

    calls = Calls("http://127.0.0.1", None, 60, httpx.MockTransport(answer), lambda seconds: None)
    assert [event.position for event in Job("j", calls).events()] == [1, 2, 3, 4]
    assert asked == [None, "2", "3"]


def test_a_job_that_is_over_has_no_more_events(site: Site) -> None:
    with site.client() as client:
        job = client.submit([site.films])
        assert len(list(job.events())) == 4
        assert [film.position for film in job.films()] == [0, 1, 2, 3]
        again = client.job(job.id)
        assert {event.film for event in again.events()} == {one.film for one in job.results()}


def test_a_job_is_cancelled(site: Site) -> None:
    site.server.reader.asleep = True
    with site.client() as client:
        job = client.submit([site.films])
        assert job.state == "open"
        job.cancel()
        assert job.state == "cancelled"
        assert {film.state for film in job.results()} == {"cancelled"}
        with pytest.raises(UsageError, match="there is none"):
            client.job("nowhere").cancel()
