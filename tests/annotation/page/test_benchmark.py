"""benchmarks/reader_page.py at a small size: every figure, against twice its limit.

Reported, not held: a shared machine's times are no property of the page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Milliseconds, of the station's design: median, 99th percentile and frame interval of a brush, and
# so on. Twice each is what a shared machine is asked for.
LIMITS = {
    "brush 40 px at fit": {"median": 16, "p99": 33, "frame p95": 17.5},
    "brush 150 px at 1:1": {"median": 16, "p99": 33, "frame p95": 17.5},
    "brush 400 px at 1:1": {"p99": 50},
    "window and level": {"p95": 33},
    "open": {"first paint": 150, "full depth": 600, "fetched ahead": 50},
}


def test_the_readers_benchmark_gives_every_figure(
    chromium: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "page.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "reader_page.py"), "--json", str(told)]
    command += ["--size", "1500", "--moves", "60", "--runs", "1"]
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(told.read_text())
    lines = []
    for name, limits in LIMITS.items():
        for key, limit in limits.items():
            value = figures[name][key]
            assert value > 0
            word = "within" if value < 2 * limit else "OVER"
            lines.append(f"{name}, {key}: {value:.1f} ms, {word} twice {limit} ms")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
