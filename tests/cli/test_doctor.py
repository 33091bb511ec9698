"""Tests of `infmap.cli.doctor`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from calling import call  # noqa: E402


def test_doctor_finds_the_reference_outputs(capsys):
    assert call("doctor", "--json") == 0
    checks = json.loads(capsys.readouterr().out)
    outputs = [c for c in checks if c["name"].startswith("outputs")]
    assert outputs and all(c["status"] == "ok" for c in outputs)


def test_doctor_names_decoders_and_what_may_compute(capsys):
    assert call("doctor") == 0
    lines = {line[9:33].strip(): line for line in capsys.readouterr().out.splitlines()}
    for kind in ("JPEG,", "JPEG-LS", "JPEG 2000", "JPEG XL"):
        assert kind in lines["decoders"] and lines["decoders"].startswith("ok")
    for name in ("OpenVINO devices", "torch devices"):
        assert "GPU" in lines[name] or "not installed" in lines[name]
    assert "CPU" in lines["OpenVINO devices"]
