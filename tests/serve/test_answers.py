"""Tests of `infmap.serve.answers`."""

from __future__ import annotations

from dataclasses import replace

from infmap.api import model_folder
from infmap.inference import read_manifest
from infmap.serve.answers import (
    areas_answer,
    item_answer,
    job_answer,
    model_answer,
    thresholds_answer,
)
from infmap.serve.jobs import Item, Job


def test_answers_hold_what_the_domain_says() -> None:
    manifest = read_manifest(model_folder())
    told = model_answer("lite", manifest, default=False)
    assert (told["name"], told["label"], told["default"]) == ("lite", manifest.label, False)
    measured = {"films": 932, "dice": 0.7247, "empty_called": 0.0043}
    assert told["areas"] == measured | {"errors": manifest.areas}
    manifest = replace(manifest, areas=None)
    # A folder's figures may be of any kind, or none.
    for metrics in ({}, {"validation": "unknown"}, {"validation": {"films": "many"}}):
        assert set(areas_answer(replace(manifest, metrics=metrics)).values()) == {None}
    assert thresholds_answer(manifest.thresholds.at(0.4))["infection"] == 0.4
    job = Job("j", None, "open", ("lite",), None, 1, None)
    told = job_answer(job, {"done": 1}, "a.png")
    assert (told["counts"], told["name"]) == ({"done": 1}, "a.png")
    item = Item("i", 0, "a.png", None, "lite", "failed", None, "failed", "no film")
    # The row's own identifier stays inside.
    assert "id" not in item_answer(item)
    assert item_answer(item)["reason"] == "no film"
