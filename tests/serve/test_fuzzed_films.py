"""Mutants of films, archives and requests, sent to a real server: it answers all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = 100


def test_mutants_cost_a_server_nothing() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz.py"), "--http"]
    command += ["--mutants", str(MUTANTS)]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["mutants"] == MUTANTS
    assert counts["status 5xx"] == counts["errors logged"] == counts["slow"] == counts["dead"] == 0
    # Films were read and refused, and requests were no HTTP at all.
    assert counts["status 2xx"] and counts["status 4xx"] and counts["peak_mib"] < 2048
