"""What the processes of a run on Ray use, looked at from outside."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil

WATCHED = ("driver", "worker")
OTHERS = ("ray", "benchmark")
PARTS = {"first_fifth": (0.0, 0.2), "last_fifth": (0.8, 9.0)}


class Watch:
    """Looks once a second at the run's process, at Ray's workers and at its daemons."""

    def __init__(self) -> None:
        self.driver, self.done = 0, 0.0
        self._cpu: dict[tuple[str, int], float] = {}
        self._seen: list[tuple[float, str, float]] = []
        self._ended, self._one = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            self._sample()

    def _sample(self) -> None:
        with self._one:
            self._cpu["benchmark", os.getpid()] = time.process_time()
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    # Ray names a worker by what it does; the infmap process is the run's.
                    what = "worker" if process.name().startswith("ray::") else "ray"
                    what = "driver" if process.pid == self.driver else what
                    times = process.cpu_times()
                    self._cpu[what, process.pid] = times.user + times.system
                    self._seen.append((self.done, what, process.memory_info().rss / 2**20))

    def cpu(self) -> Counter[str]:
        """Processor seconds until now of the run, workers, Ray's daemons and this process."""
        self._sample()
        used: Counter[str] = Counter()
        for (what, _), seconds in self._cpu.items():
            used[what] += seconds
        return used

    def mib(self) -> dict[str, float]:
        """Largest resident memory in the first and in the last fifth of the films."""
        return {
            f"{what}_{part}": max(
                (m for d, w, m in self._seen if w == what and low <= d < high), default=0.0
            )
            for what in WATCHED
            for part, (low, high) in PARTS.items()
        }
