"""Networks that threads reach together, from a cold start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

COLD_START = Path(__file__).resolve().parents[2] / "benchmarks" / "cold_start.py"


def test_no_cold_start_hangs() -> None:
    command = [sys.executable, str(COLD_START), "--threads", "20", "--runs", "10"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert json.loads(done.stdout) == {"two threads": {"ok": 20}, "predict": {"ok": 10}}, (
        done.stderr
    )
    assert done.returncode == 0
