"""A job's events as a stream that a browser's EventSource reads (HTML, 9.2: text/event-stream)."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from infmap.serve import events, jobs
from infmap.serve.callers import Desk
from infmap.serve.errors import NotFound

MEDIA = "text/event-stream"
# Seconds: proxies close what is silent for a minute.
BEAT = 15.0
# Seconds until a client has to ask again, with its key: a disabled one hears no more from then on.
LONGEST = 600.0
# Milliseconds until a browser connects again.
RETRY = 1000


async def stream(desk: Desk, job: str, seq: int) -> AsyncIterator[bytes]:
    """Events of a job after a number, those there are and those to come, until "done".

    Args:
        desk: the application's state.
        job: identifier; the caller may see it.
        seq: the last event that the client has.
    """
    yield f"retry: {RETRY}\n\n".encode()
    ends = time.monotonic() + LONGEST
    with desk.notices.following(job) as follower:
        while True:
            try:
                happened = await run_in_threadpool(_after, desk, job, seq)
            except NotFound:  # deleted meanwhile
                return
            for event in happened:
                yield _frame(event)
                if event.kind == "done":
                    return
                seq = event.seq
            if happened:
                continue  # there may be more than are read at once
            if follower.stopping or time.monotonic() > ends:
                return
            if not await follower.news(BEAT):
                yield b": waiting\n\n"


def _after(desk: Desk, job: str, seq: int) -> list[events.Event]:
    with desk.store.read() as c:
        found = events.after(c, job, seq)
        if not found:
            jobs.get(c, job)
        return found


def _frame(event: events.Event) -> bytes:
    # JSON has no line break of its own: one line of data is the whole.
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {json.dumps(event.data)}\n\n".encode()
