"""Tests of `infmap.serve.answers`."""

from __future__ import annotations

from infmap.api import model_folder
from infmap.inference import read_manifest
from infmap.serve.answers import item_answer, job_answer, model_answer, thresholds_answer
from infmap.serve.jobs import Item, Job


def test_answers_hold_what_the_domain_says() -> None:
    manifest = read_manifest(model_folder())
    told = model_answer("lite", manifest, default=False)
    assert (told["name"], told["label"], told["default"]) == ("lite", manifest.label, False)
    assert thresholds_answer(manifest.thresholds.at(0.4))["infection"] == 0.4
    job = Job("j", None, "open", ("lite",), None, 1, None)
    assert job_answer(job, {"done": 1})["counts"] == {"done": 1}
    item = Item("i", 0, "a.png", None, "lite", "failed", None, "failed", "no film")
    # The row's own identifier stays inside.
    assert "id" not in item_answer(item)
    assert item_answer(item)["reason"] == "no film"
