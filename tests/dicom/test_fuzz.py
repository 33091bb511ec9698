"""Mutated films: no abort, no foreign exception, for a while."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_mutants_cost_one_film_each() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz.py"), "--seconds", "30"]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["mutants"] > 100
    assert counts["aborts"] == counts["slow"] == counts["foreign"] == 0
