"""Tests of `infmap.serve.stream`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from web_server import WebServer, film

from infmap.serve import stream as streams
from infmap.serve.stream import stream


def frames(web: WebServer, job: str, seq: int, meanwhile: Callable[[int], None]) -> list[str]:
    """All frames of a stream; ``meanwhile`` is called with the number of each."""

    async def follow() -> list[str]:
        got: list[str] = []
        async for frame in stream(web.desk, job, seq):
            got.append(frame.decode())
            await asyncio.to_thread(meanwhile, len(got))
        return got

    return asyncio.run(follow())


def test_events_come_as_they_happen_and_the_stream_ends_with_the_job(web: WebServer) -> None:
    job = web.job(film(1), film(2))

    def send(number: int) -> None:
        if number in (1, 2):
            assert web.send(job, film(number)).status_code == 200

    got = frames(web, job, 0, send)
    assert got[0].startswith("retry:")
    kinds = [frame.split("event: ")[1].split("\n")[0] for frame in got[1:]]
    assert kinds == ["item", "item", "done"]
    assert all(frame.endswith("\n\n") and frame.count("data: ") == 1 for frame in got[1:])


def test_what_a_client_has_is_not_told_again(web: WebServer) -> None:
    job = web.job(film(1), film(2))
    web.send(job, film(1))
    web.send(job, film(2))
    whole = frames(web, job, 0, lambda number: None)
    last = int(whole[1].split("\n")[0].removeprefix("id: "))
    assert frames(web, job, last, lambda number: None)[1:] == whole[2:]


def test_silence_is_broken_and_a_stream_ends_with_the_server_or_with_its_time(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = web.job(film(1))
    monkeypatch.setattr(streams, "BEAT", 0.0)
    got = frames(web, job, 0, lambda number: web.notices.stop() if number == 3 else None)
    assert got[1:3] == [": waiting\n\n"] * 2
    monkeypatch.setattr(streams, "LONGEST", -1.0)
    assert len(frames(web, job, 0, lambda number: None)) == 1


def test_more_events_than_are_read_at_once_are_all_told(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infmap.serve import events

    monkeypatch.setattr(events.after, "__defaults__", (0, 1))
    job = web.job(film(1), film(2))
    web.send(job, film(1))
    web.send(job, film(2))
    assert len(frames(web, job, 0, lambda number: None)) == 4
