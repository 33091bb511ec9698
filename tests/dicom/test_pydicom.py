"""Tests of `infmap.dicom._pydicom`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = (
    "import sys; from infmap.dicom._pydicom import ensure_importable; "
    "ensure_importable(); ensure_importable(); "
    "print('pydicom' in sys.modules, 'dl' in sys.modules)"
)


def test_a_folder_named_dl_beside_the_script_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "dl").mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("True False", 0), done.stderr
