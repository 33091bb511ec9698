"""What a queue must never do: lose a run, repeat one, or leave a worker behind."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infmap.study.claim import claim
from infmap.study.config import Limits, StudyConfig
from infmap.study.launch import CLAIMED, LocalLauncher
from infmap.study.queue import run_study, summarize
from infmap.study.study import Status, create_study, write_status
from infmap.study.tables import write_tables

HERE = Path(__file__).parent
STUB = (sys.executable, str(HERE / "stub_worker.py"))


@pytest.fixture
def study(study_values, tmp_path):
    """Six runs: three decoders, two seeds."""
    grid = {"decoders": ["unet", "unet++", "dla"], "encoders": ["efficientnet_lite0"],
            "seeds": [0, 1]}  # fmt: skip
    values = {**study_values, "grid": grid, "activation_maps": []}
    return create_study(StudyConfig.model_validate(values), tmp_path / "study")


def go(study, workers=2, retry=False, limits=None):
    records = []
    launcher = LocalLauncher(study.folder, limits or Limits(), workers, STUB)
    summary = run_study(study, launcher, records.append, retry=retry)
    return summary, records


def ends(study):
    return {run.id: (study.path(run) / "ends.txt").read_text().count("end") for run in study.runs}


def test_done_runs_are_not_repeated(study):
    summary, records = go(study, workers=3)
    assert summary.states == {"done": 6} and records[-1]["finished"] == 6
    again, records = go(study)
    assert again.states == {"done": 6} and records == []
    assert set(ends(study).values()) == {1}


def test_a_crash_a_divergence_and_an_error_are_recorded_and_stop_nothing(study, monkeypatch):
    for name, decoder in (("CRASH", "unet"), ("DIVERGE", "unet++"), ("FAIL", "dla")):
        monkeypatch.setenv(f"STUB_{name}", decoder)
    summary, _ = go(study, workers=3)
    assert summary.states == {"failed": 4, "diverged": 2}
    reasons = {run.decoder: study.status(run).reason for run in study.runs}
    assert "SIGABRT" in reasons["unet"]
    assert reasons["unet++"] == "the loss is not finite"
    assert reasons["dla"] == "RuntimeError: no luck"
    for name in ("CRASH", "DIVERGE", "FAIL"):
        monkeypatch.delenv(f"STUB_{name}")
    assert go(study)[0].states == {"failed": 4, "diverged": 2}
    assert go(study, workers=3, retry=True)[0].states == {"done": 4, "diverged": 2}
    assert {study.status(r).attempts for r in study.runs if r.decoder == "unet"} == {2}


def test_limits_of_time_and_memory_are_recorded_with_their_reason(study, monkeypatch):
    for run in study.runs[2:]:
        write_status(_made(study, run), Status("done"))
    monkeypatch.setenv("STUB_HOG", study.runs[0].decoder)
    monkeypatch.setenv("STUB_STEP", "0.2")
    go(study, limits=Limits(memory_gib=0.35))
    first, second = (study.status(run) for run in study.runs[:2])
    assert first.state == "failed" and "memory limit of 0.35 GiB" in first.reason
    assert second.state == "done"
    monkeypatch.delenv("STUB_HOG")
    monkeypatch.setenv("STUB_STEP", "30")
    go(study, retry=True, limits=Limits(minutes=0.02))
    assert "time limit of 0.02 minutes" in study.status(study.runs[0]).reason


def _made(study, run):
    study.path(run).mkdir(parents=True, exist_ok=True)
    return study.path(run)


def test_a_run_that_another_process_holds_is_left_to_it(study):
    run = study.runs[0]
    with claim(study.path(run)) as mine:
        assert mine
        code = subprocess.run([*STUB, str(study.folder), run.id], check=False).returncode
        assert code == CLAIMED
        summary, _ = go(study, workers=3)
    assert summary.elsewhere == 1 and summary.states == {"waiting": 1, "done": 5}
    assert go(study)[0].states == {"done": 6}


def test_two_drivers_at_once_run_every_run_once(study):
    drivers = [_driver(study) for _ in range(2)]
    assert [driver.wait(60) for driver in drivers] == [0, 0]
    assert summarize(study).states == {"done": 6}
    assert set(ends(study).values()) == {1}


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_table(
    study, study_values, tmp_path
):
    calm = create_study(study.config, tmp_path / "calm")
    go(calm, workers=3)
    expected = write_tables(calm).read_text()
    chance = random.Random(3)
    for moment in range(5):
        driver = _driver(study)
        _await_steps(study, driver, _steps(study) + chance.randint(1, 4))
        if moment % 2:
            _kill_a_worker(study)
            _await_steps(study, driver, _steps(study) + 1)
        driver.kill()
        driver.wait()
        _await_no_workers(study)
    assert _driver(study).wait(60) == 0
    assert summarize(study).states == {"done": 6}
    # A body that was killed at its very end is done again; one whose result lies there never is.
    assert not list(study.folder.glob("runs/*/repeated.txt"))
    assert all(ends(study).values())
    for run in study.runs:
        steps = (study.path(run) / "steps.txt").read_text().split()
        # A step after the last checkpoint may be done again; none is left out, none goes back.
        assert sorted(set(steps)) == list("01234") and steps == sorted(steps)
    assert (study.folder / "results.csv").read_text() == expected


def test_a_run_killed_between_its_result_and_its_status_is_done(study):
    run = study.runs[0]
    go(study, workers=3)
    write_status(study.path(run), Status("running", "", 1, "host", 7))
    assert study.status(run).state == "done"
    again, records = go(study, retry=True)
    assert again.states == {"done": 6} and records == []
    assert ends(study)[run.id] == 1


def _driver(study):
    return subprocess.Popen([sys.executable, str(HERE / "stub_driver.py"), str(study.folder), "2"])


def _steps(study):
    """Steps that all runs have written so far."""
    files = (study.path(run) / "steps.txt" for run in study.runs)
    return sum(len(file.read_text().split()) for file in files if file.exists())


def _await_steps(study, driver, steps):
    """Wait for a number of steps, or for the driver to have no more to do."""
    while _steps(study) < steps and driver.poll() is None:
        time.sleep(0.01)


def _pids(study):
    """Workers of the study that live."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(HERE / "stub_worker.py") in words and str(study.folder) in words:
            found.append(int(file.parent.name))
    return found


def _kill_a_worker(study):
    for pid in _pids(study)[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _await_no_workers(study):
    limit = time.monotonic() + 5
    while _pids(study) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not _pids(study), "workers outlive their driver"
