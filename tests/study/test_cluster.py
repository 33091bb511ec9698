"""Runs as tasks of a Ray cluster of two nodes on this machine."""

import sys
from pathlib import Path

import pytest

from infmap.core.errors import MissingExtra, UsageError
from infmap.study.config import Limits, StudyConfig
from infmap.study.queue import run_study
from infmap.study.study import create_study

STUB = (sys.executable, str(Path(__file__).with_name("stub_worker.py")))


def test_without_ray_the_extra_is_named(monkeypatch, tmp_path):
    from infmap.study.cluster import create_launcher

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"infmap\[scale\]"):
        create_launcher("ray", tmp_path, Limits(), 1)
    with pytest.raises(UsageError, match="expected 'local'"):
        create_launcher("moon", tmp_path, Limits(), 1)


@pytest.mark.filterwarnings("ignore")
def test_two_nodes_finish_a_grid(study_values, tmp_path, monkeypatch, request):
    from infmap.study.cluster import RayLauncher

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    grid = {"decoders": ["unet", "dla"], "encoders": ["efficientnet_lite0"], "seeds": [0, 1]}
    config = StudyConfig.model_validate({**study_values, "grid": grid, "activation_maps": []})
    study = create_study(config, tmp_path / "study")
    monkeypatch.setenv("STUB_CRASH", "dla")
    request.getfixturevalue("two_machines")  # whose nodes inherit these variables
    launcher = RayLauncher("ray", study.folder, Limits(), 2, STUB)
    summary = run_study(study, launcher, lambda _: None)
    assert summary.states == {"done": 2, "failed": 2}
    assert all("SIGABRT" in study.status(r).reason for r in study.runs if r.decoder == "dla")
