"""benchmarks/annotation_load.py at a small size: nothing fails, and every saved stroke is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_readers_at_once_lose_nothing(tmp_path: Path) -> None:
    told = tmp_path / "load.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "annotation_load.py"), "--json", str(told)]
    command += ["--clients", "20", "--seconds", "16", "--pause", "0.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(told.read_text())
    assert result["errors"] == 0
    assert result["rows"] == result["acknowledged"]
    assert result["acknowledged"][0] > 0
    assert result["saves"]["count"] == result["acknowledged"][0]
    assert result["echo"]["count"] > 0 and result["commits"]["count"] == 200
