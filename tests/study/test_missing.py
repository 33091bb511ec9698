"""Tests of `infmap.study.missing`: hours that runs without a result need."""

import json

import pytest

from infmap.study.collect import collect_study
from infmap.study.missing import missing_runs, projected_seconds
from infmap.study.study import Study, write_json
from infmap.study.training_log import TRAINING_LOG

BEGUN = "dla-efficientnet_lite0-frozen-official-seed0"
PACES = (2.0, 4.0, 40.0)  # films a second; the last one is a hiccup of the clock


def _begin(study: Study) -> float:
    """A run that stopped at step 3 of 400; returns the seconds that all steps take."""
    folder = study.path(study.run(BEGUN))
    folder.mkdir(parents=True)
    said = [{"step": n, "steps": 400, "films_per_s": pace} for n, pace in enumerate(PACES, 1)]
    lines = [json.dumps(record) for record in ({"films": 7}, *said)]
    (folder / TRAINING_LOG).write_text("\n".join(lines) + "\n")
    training = study.config.training
    return 400 * training.batch_size * training.micro_batches / 4.0


def _hours(study: Study) -> dict[str, tuple[float | None, str]]:
    return {missing.run.id: (missing.hours, missing.from_runs) for missing in missing_runs(study)}


def test_a_run_that_has_begun_needs_the_hours_of_its_own_pace(known_study, tmp_path):
    run = known_study.run(BEGUN)
    assert projected_seconds(known_study, run) is None  # it has not begun
    seconds = _begin(known_study)
    assert projected_seconds(known_study, run) == seconds
    own = (pytest.approx(seconds / 3600), "its own pace")
    assert _hours(known_study)[BEGUN] == own
    collect_study(known_study, tmp_path / "kept")  # which has no log
    assert _hours(Study(tmp_path / "kept"))[BEGUN] == own


def test_the_decoder_weighs_most_of_what_runs_have_in_common(known_study):
    for run in known_study.runs:
        if known_study.result(run) is not None:
            write_json(known_study.path(run) / "timing.json", {"train_s": 3600.0})
    slow = known_study.run("dla-efficientnet_lite0-trained-official-seed0")
    write_json(known_study.path(slow) / "timing.json", {"train_s": 36_000.0})
    found = _hours(known_study)
    assert found[BEGUN] == (10.0, "1 of the same decoder and encoder")
    # Both classifiers have no decoder, and one of them is done.
    (classifier,) = set(found) - {BEGUN}
    assert found[classifier] == (1.0, "1 of the same decoder and encoder")
