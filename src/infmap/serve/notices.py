"""Who waits for news of a job; woken from any thread by whoever changed it."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


class Follower:
    """One who waits; lives in an event loop.

    Attributes:
        stopping: the server ends, and nobody is to wait any longer.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> bool:
        """Wait until something happened or the time is over; whether something did.

        News that came while the follower was busy counts: look, then wait, and nothing is missed.
        """
        if self.stopping:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        came = self._news.is_set()
        self._news.clear()
        return came

    def wake(self) -> None:
        """Say that there is news; from any thread."""
        with suppress(RuntimeError):  # its loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._news.set)


class Notices:
    """All who wait, by job."""

    def __init__(self) -> None:
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._lock = threading.Lock()
        self._stopping = False

    @contextmanager
    def following(self, job: str) -> Iterator[Follower]:
        """While the body runs, one who is told of a job's news; to be called in an event loop."""
        follower = Follower()
        with self._lock:
            follower.stopping = self._stopping
            self._followers[job].add(follower)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers[job].discard(follower)
                if not self._followers[job]:
                    del self._followers[job]

    def changed(self, jobs: Iterable[str]) -> None:
        """Something happened to these jobs; from any thread."""
        with self._lock:
            told = [f for job in jobs for f in self._followers.get(job, ())]
        for follower in told:
            follower.wake()

    def stop(self) -> None:
        """The server ends: everybody is woken and finds ``stopping`` set."""
        with self._lock:
            self._stopping = True
            told = [f for followers in self._followers.values() for f in followers]
        for follower in told:
            follower.stopping = True
            follower.wake()

    def __len__(self) -> int:
        """How many wait."""
        with self._lock:
            return sum(map(len, self._followers.values()))
