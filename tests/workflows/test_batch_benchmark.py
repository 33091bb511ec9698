"""benchmarks/batch.py: which films of a run are counted, and clusters in turn."""

import importlib
import os
import sys

import pytest

PRINTS = [sys.executable, "-c", "for n in range(10): print(n, flush=True)"]


@pytest.fixture
def batch(pytestconfig, monkeypatch):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "benchmarks"))
    return importlib.import_module("batch")


@pytest.mark.parametrize(
    ("marks", "moment", "films", "counted"),
    [((3, 8), None, 10, 5), ((3,), None, 10, 7), ((3,), 4, 4, 1), ((3,), 2, 2, 0)],
)
def test_films_between_the_marks_are_counted(batch, marks, moment, films, counted):
    with batch.Watch() as watch:
        took = batch.one_start(PRINTS, dict(os.environ), watch, 10, marks, moment=moment)
    assert (took["films"], took["counted"]) == (films, counted)
    assert took["killed"] == (moment is not None)
    assert (took["counted_seconds"] > 0) == (counted > 0)


def test_clusters_are_measured_in_turn(batch, monkeypatch, tmp_path):
    rates, asked = iter([10.0, 19.0, 10.0, 15.0, 20.0, 40.0]), []

    def steady(folder, films, nodes):
        asked.append(nodes)
        return {"films_per_s": next(rates)}

    monkeypatch.setattr(batch, "steady", steady)
    found = batch.compare(tmp_path, [], [1, 2], 3)
    assert asked == [1, 2, 1, 2, 1, 2]
    assert found["median_ratio"] == 1.9
    assert [one["ratio"] for one in found["rounds"]] == [1.9, 1.5, 2.0]
