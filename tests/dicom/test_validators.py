"""Other readers of the report: pixelmed's validator of templates, and dcmqi's reader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from infmap.core.types import Prediction
from infmap.dicom import infection_seg, severity_report

hd = pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from reports import CLEAR, PREDICTION, film, groups, read_back, values  # noqa: E402

PIXELMED = Path("/usr/share/java/pixelmed.jar")
ALLOWED = (
    # Its edition (2022) of context group 100 has no radiograph of the chest, nor this code.
    'Code (43468-8,LN,"XR unspecified body region") not found in context group 100',
    # TID 1410 and TID 1500 are extensible (PS3.16 6.2.3).
    '(246112005,SCT,"Severity"): Content Item not in template',
    '(grade-allowed,99INFMAP,"Severity grade that the interval allows"): Content Item not in',
    '(840539006,SCT,"COVID-19"): Content Item not in template',
    '(121106,DCM,"Comment"): Content Item not in template',
)


def written(p: Prediction, path: Path) -> Path:
    source = film()
    report = severity_report(source, p, segmentation=infection_seg(source, p))
    report.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("p", [PREDICTION, CLEAR], ids=["infected", "clear"])
def test_pixelmed_finds_the_template_kept(p: Prediction, tmp_path: Path) -> None:
    if shutil.which("java") is None or not PIXELMED.exists():
        pytest.skip("no DicomSRValidator: apt-get install pixelmed-apps")
    limits = [f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp")]
    validator = ["-cp", str(PIXELMED), "com.pixelmed.validate.DicomSRValidator"]
    command = ["java", "-Xss64m", *limits, *validator, str(written(p, tmp_path / "sr.dcm"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any("TID_1500" in line for line in said) and "IOD validation complete" in said
    found = [line for line in said if line.startswith(("Error", "Warning"))]
    assert [line for line in found if not any(known in line for known in ALLOWED)] == []


@pytest.mark.parametrize("p", [PREDICTION, CLEAR], ids=["infected", "clear"])
def test_dcmqi_reads_the_same_figures(p: Prediction, tmp_path: Path) -> None:
    program = shutil.which("tid1500reader", path=sysconfig.get_path("scripts"))
    if program is None:
        pytest.skip("no tid1500reader: pip install dcmqi")
    path, out = written(p, tmp_path / "sr.dcm"), tmp_path / "sr.json"
    command = [program, "--inputDICOM", str(path), "--outputMetadata", str(out)]
    subprocess.run(command, capture_output=True, check=True)
    found = {
        group["TrackingIdentifier"]: {
            item["quantity"]["CodeValue"]: (float(item["value"]), item["units"]["CodeValue"])
            for item in group["measurementItems"]
        }
        for group in json.loads(out.read_text())["Measurements"]
    }
    ours: dict[str, Any] = groups(read_back(hd.sr.srread(path)))
    assert found == {label: values(group) for label, group in ours.items()}
