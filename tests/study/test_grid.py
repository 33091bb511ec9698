"""The grid, its configuration and its splits."""

import json

import pytest

from infmap.core.errors import UsageError
from infmap.study.config import StudyConfig
from infmap.study.grid import Run, enumerate_runs, training_config
from infmap.study.study import Study, create_study


def changed(values, **parts):
    return StudyConfig.model_validate({**values, **parts})


def test_a_run_has_a_readable_unique_id():
    run = Run("unet", "densenet121", False, "fold0", 0)
    assert run.id == "unet-densenet121-trained-fold0-seed0"
    with pytest.raises(ValueError, match="letters"):
        Run("unet", "../x", False, "fold0", 0)


def test_the_grid_is_the_product_with_a_classifier_a_cell_in_one_order(study_values):
    grid = {"decoders": ["unet", "dla"], "encoders": ["resnet50", "densenet121"],
            "frozen": [True, False], "seeds": [0, 1], "classifiers": True}  # fmt: skip
    config = changed(study_values, grid=grid, weights={})
    runs = enumerate_runs(config, ("fold0", "fold1"))
    ids = [run.id for run in runs]
    assert len(ids) == len(set(ids)) == 2 * 2 * 2 * 2 * 3
    assert ids == [run.id for run in enumerate_runs(config, ("fold0", "fold1"))]
    assert ids[:3] == ["unet-resnet50-frozen-fold0-seed0", "dla-resnet50-frozen-fold0-seed0",
                       "classifier-resnet50-frozen-fold0-seed0"]  # fmt: skip


def test_repeats_come_after_the_grids_own_runs(study_values):
    grid = {"decoders": ["unet", "dla"], "encoders": ["resnet50"],
            "repeats": {"dla-resnet50-trained": [5, 2]}}  # fmt: skip
    config = changed(study_values, grid=grid, weights={}, activation_maps=[])
    assert [run.id for run in enumerate_runs(config, ("fold0", "fold1"))] == [
        "unet-resnet50-trained-fold0-seed0", "dla-resnet50-trained-fold0-seed0",
        "unet-resnet50-trained-fold1-seed0", "dla-resnet50-trained-fold1-seed0",
        "dla-resnet50-trained-fold0-seed5", "dla-resnet50-trained-fold0-seed2",
        "dla-resnet50-trained-fold1-seed5", "dla-resnet50-trained-fold1-seed2",
    ]  # fmt: skip


def test_a_study_grows_and_keeps_every_run_that_it_has(study_values, tmp_path):
    grid, before = study_values["grid"], create_study(changed(study_values), tmp_path / "s").runs
    cell = "unet-efficientnet_lite0-trained"
    more = {**grid, "decoders": ["dla", "unet"], "encoders": ["resnet50", *grid["encoders"]],
            "repeats": {cell: [1]}}  # fmt: skip
    weights = {**study_values["weights"], "resnet50": "random"}
    grown = create_study(changed(study_values, grid=more, weights=weights), tmp_path / "s")
    assert set(before) < set(grown.runs)
    assert [grown.repeats(run) for run in grown.runs] == [False] * 6 + [True]
    with pytest.raises(UsageError, match="another configuration.*may grow"):
        create_study(changed(study_values), tmp_path / "s")
    other = {**weights, "efficientnet_lite0": "imagenet"}
    with pytest.raises(UsageError, match="another configuration"):  # its runs would start otherwise
        create_study(changed(study_values, grid=more, weights=other), tmp_path / "s")
    assert Study(tmp_path / "s").runs == grown.runs


def test_a_run_trains_the_shared_part_with_its_own_cell(study_values, tmp_path):
    config = changed(study_values)
    training = training_config(
        config, Run("dla", "efficientnet_lite0", True, "official", 3), tmp_path
    )
    assert (training.network.decoder, training.network.frozen) == ("dla", True)
    assert (training.network.weights, training.seed, training.size) == ("random", 3, 64)
    assert training.loss.map_weights == (1.0, 0.5, 0.5) and training.int8_loss is None
    classifier = training_config(config, Run("none", "efficientnet_lite0", False, "x", 0), tmp_path)
    assert classifier.loss.map_weights == (0, 0, 0) and classifier.loss.class_weight > 0
    stages = [{"epochs": 1, "size": 64, "sources": {"covid-qu-ex": 1, "cohen": 2}}]
    both = changed(study_values, training={**study_values["training"], "stages": stages})
    left = training_config(both, Run("unet", "resnet50", False, "without-cohen", 0), tmp_path)
    assert left.stages[0].sources == {"covid-qu-ex": 1}


def test_a_folder_of_another_study_is_refused_and_other_limits_are_not(study_values, tmp_path):
    create_study(changed(study_values), tmp_path / "s")
    create_study(changed(study_values, limits={"minutes": 5}), tmp_path / "s")
    assert Study(tmp_path / "s").config.limits.minutes == 5
    with pytest.raises(UsageError, match="another configuration"):
        create_study(changed(study_values, draws=200), tmp_path / "s")
    with pytest.raises(UsageError, match="holds no study"):
        Study(tmp_path)
    (tmp_path / "s" / "study.json").write_text(json.dumps({"configuration": 1, "folds": []}))
    with pytest.raises(UsageError, match="cannot be understood: top level: "):
        Study(tmp_path / "s")
