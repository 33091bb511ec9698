"""Networks that threads reach together, from a cold start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COLD_START = Path(__file__).resolve().parents[2] / "benchmarks" / "cold_start.py"


def test_no_cold_start_hangs() -> None:
    command = [sys.executable, str(COLD_START), "--threads", "20", "--runs", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert json.loads(done.stdout) == {"two threads": {"ok": 20}, "predict": {"ok": 10}}, (
        done.stderr
    )
    assert done.returncode == 0


AFFINITIES = """
import os
import numpy as np
from infmap.api import model_folder
from infmap.inference.runtimes import open_runtime

folder = model_folder("infmap-lite0")
runtime = open_runtime("{name}", folder, "cpu", parallel={parallel}, threads={threads})
runtime(np.zeros((1, 1, 256, 256), np.float32))
# A single thread is pinned within a call alone, where nobody can look: so the setting too.
print("{name}" == "openvino" and runtime._model.get_property("ENABLE_CPU_PINNING"))
print([len(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")])
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores of a thread are Linux's")
@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: nothing to be pinned to")
@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(("parallel", "threads"), [(1, None), (1, 1), (2, None)])
def test_no_thread_is_pinned_to_a_core(name: str, parallel: int, threads: int | None) -> None:
    """Those of several processes on one machine would share the first one."""
    script = AFFINITIES.format(name=name, parallel=parallel, threads=threads)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cores = len(os.sched_getaffinity(0))
    pinned, affinities = done.stdout.splitlines()
    assert pinned == "False"
    assert set(json.loads(affinities)) == {cores}
