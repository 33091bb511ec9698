"""Mutated films and archives: no abort, no foreign exception, over most of the readers' lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


MUTANTS = 4000
COVERED = 0.5
"""Share of the lines of the readers that mutants reach; 0.60 measured, import lines left out."""


def test_mutants_cost_one_film_each() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz.py"), "--cover"]
    command += ["--mutants", str(MUTANTS), "--seconds", "60"]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["mutants"] > 100
    assert counts["aborts"] == counts["slow"] == counts["memory"] == counts["foreign"] == 0
    assert counts["peak_mib"] < 2048 and counts["lines_covered"] >= COVERED
