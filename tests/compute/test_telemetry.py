"""Tests of `infmap.compute.telemetry`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import infmap

SOURCES = Path(infmap.__file__).parent
ASKED = """
import multiprocessing.process, sys
def refused(process): raise SystemExit("a process was started")
multiprocessing.process.BaseProcess.start = refused
from infmap.inference import Predictor
from infmap.api import model_folder
Predictor(model_folder(), threads=1)
import openvino
assert sys.modules["openvino_telemetry"] is None
"""


def test_a_prediction_reports_to_nobody() -> None:
    # In CI it reports nothing by itself: the test is of all other machines.
    environment = {
        name: text for name, text in os.environ.items() if name not in ("CI", "TF_BUILD")
    }
    subprocess.run([sys.executable, "-c", ASKED], env=environment, check=True)


def test_every_import_of_openvino_comes_after() -> None:
    """None is forgotten: it is said in the lines before each first import of a function."""
    for path in SOURCES.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.match(r"\s+(import|from) (openvino|nncf)\b", line):
                assert any("no_telemetry()" in one for one in lines[number - 3 : number]), path
            assert not re.match(r"(import|from) (openvino|nncf)\b", line), path
