"""Calls in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from infmap.compute.apart import Apart
from infmap.core.errors import UsageError
from infmap.core.files import Json


def double(value: int) -> Json:
    return {"double": 2 * value, "process": os.getpid()}


def greedy() -> Json:
    return int(np.zeros(512 << 20, np.uint8).size)


def crash() -> Json:
    os._exit(1)


def hang() -> Json:
    threading.Event().wait()
    return None


def refuse() -> Json:
    raise UsageError("film: it has none")


def fault() -> Json:
    raise KeyError("the patient's name")


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    apart = Apart(1, "film", 60.0, 128 << 20)
    yield apart
    apart.close()


def test_a_process_is_kept_and_is_another(apart: Apart) -> None:
    first, second = apart.call(double, 2), apart.call(double, value=3)
    assert isinstance(first, dict) and isinstance(second, dict)
    assert (first["double"], second["double"]) == (4, 6)
    assert first["process"] == second["process"] != os.getpid()


def test_errors_come_back_in_one_line_and_the_process_stays(apart: Apart) -> None:
    with pytest.raises(UsageError, match="^film: it has none$"):
        apart.call(refuse)
    with pytest.raises(UsageError, match="too much memory"):
        apart.call(greedy)
    with pytest.raises(RuntimeError, match=r"^KeyError at test_apart.py:\d+ fault$"):
        apart.call(fault)


def test_a_process_that_ends_or_hangs_is_replaced(apart: Apart) -> None:
    before = apart.call(double, 1)
    with pytest.raises(UsageError, match="takes too long, or ends"):
        apart.call(crash)
    after = apart.call(double, 1)
    assert isinstance(before, dict) and isinstance(after, dict)
    assert before["process"] != after["process"]
    apart._seconds, seconds = 0.2, apart._seconds
    with pytest.raises(UsageError, match="takes too long, or ends"):
        apart.call(hang)
    apart._seconds = seconds
    assert isinstance(apart.call(double, 1), dict)


def test_a_process_that_is_stopped_holds_up_no_end() -> None:
    script = (
        "import os, signal\n"
        "from infmap.compute.apart import Apart\n"
        "apart = Apart(1, 'film', 60.0, 1 << 30)\n"
        "os.kill(apart.call(os.getpid), signal.SIGSTOP)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
