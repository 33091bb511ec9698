"""Tests of `infmap.compute.parallel`."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from infmap.compute.parallel import spread
from infmap.core.errors import MissingExtra


def square(n: int) -> int:
    return n * n


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_is_worked_on_once(workers: int) -> None:
    found = spread(square, range(50), workers, processes=False)
    assert sorted(found) == [n * n for n in range(50)]


def test_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=60)  # breaks where items are worked on one by one

    def meet(n: int) -> int:
        meeting.wait()
        return n

    assert sorted(spread(meet, range(2), 2, processes=False)) == [0, 1]


def test_processes_work_elsewhere() -> None:
    pids = set(spread(process_id, range(4), 2))
    assert os.getpid() not in pids


def process_id(_: int) -> int:
    return os.getpid()


def test_without_joblib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(MissingExtra, match="infmap"):
        list(spread(square, [1], 1))
