"""Tests of `infmap.study.speed`: networks timed in turns."""

import importlib.util

import numpy as np
import pytest

from infmap.core.errors import ModelError, UsageError
from infmap.study import speed
from infmap.study.collect import collect_study
from infmap.study.pages import open_pages
from infmap.study.paper import paper_tables
from infmap.study.pictures import draw_figures
from infmap.study.study import Study, read_csv
from infmap.study.tables import write_tables

DONE = ["unet-efficientnet_lite0-trained", "dla-efficientnet_lite0-trained",
        "unet-efficientnet_lite0-frozen", "classifier-efficientnet_lite0-trained"]  # fmt: skip


class Clock:
    """Time that passes only in a network's call, by as much as its name is long."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def perf_counter(self):
        return self.now

    def open(self, name, folder, *, threads):
        assert (name, threads >= 1) == ("openvino", True)

        def call(film):
            assert film.shape == (1, 1, 160, 160) and film.dtype == np.float32
            self.calls.append(folder.name)
            self.now += len(folder.name) / 1000

        return call


@pytest.fixture
def timed(known_study, monkeypatch):
    """The known study with networks to time, and a clock of their calls."""
    from types import SimpleNamespace

    clock = Clock()
    manifest = SimpleNamespace(
        preprocessing=SimpleNamespace(size=160), training=SimpleNamespace(precision="float")
    )
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(speed, "open_runtime", clock.open)
    monkeypatch.setattr(speed, "read_manifest", lambda _: manifest)
    for run in known_study.runs:
        if known_study.result(run) is not None:
            (known_study.path(run) / "network.xml").write_text("")
    return known_study, clock


def test_networks_are_timed_in_turns_and_the_page_says_how(timed, tmp_path):
    study, clock = timed
    found = speed.time_networks(study, 3)
    lengths = {f"{cell}-official-seed0": len(f"{cell}-official-seed0") for cell in DONE}
    assert {name: t["ms"] for name, t in found["networks"].items()} == lengths
    # Three rounds of all: one call to warm up, and those that count.
    one_turn = [name for name in dict.fromkeys(clock.calls) for _ in range(1 + speed.CALLS)]
    assert clock.calls == one_turn * 3 and found["calls"] == 3 * speed.CALLS
    kept = tmp_path / "kept"
    collect_study(study, kept)
    (table,) = (t for t in paper_tables(Study(kept)) if t.name == "cost")
    assert "median of 30 calls a network" in table.note and "in turns" in table.note
    column = table.head.index("ms per film")
    assert [row[column] for row in table.rows] == [f"{n:.1f}" for n in lengths.values()]
    assert [row[column + 2] for row in table.rows] == ["float"] * 4
    assert "frontier" in draw_figures(open_pages(study), [])
    write_tables(study)
    times = {row["run"]: row["ms"] for row in read_csv(study.folder / "timing.csv")}
    assert times == {name: str(n) for name, n in lengths.items()}


def test_no_accuracy_over_speed_before_the_networks_were_timed(known_study):
    assert "frontier" not in draw_figures(open_pages(known_study), [])
    with pytest.raises(UsageError, match="no exported network"):
        speed.time_networks(known_study, 1)


def test_a_model_beside_that_is_unknown_is_said(timed):
    with pytest.raises(ModelError, match="no such model"):
        speed.time_networks(timed[0], 1, beside="nothing-of-that-name")


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs OpenVINO")
def test_the_shipped_model_is_timed_at_its_own_size(known_study):
    found = speed.time_networks(known_study, 1, beside="infmap-lite0")
    ((label, model),) = found["networks"].items()
    assert label.startswith("infmap-lite0@") and model["ms"] > 0
    assert model["size"] == 256 and found["runtime"] == "OpenVINO" and found["threads"] >= 1
