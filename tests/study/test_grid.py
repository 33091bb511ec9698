"""The grid, its configuration and its splits."""

import json

import pytest
import yaml

from infmap.catalog.snapshot import read_snapshot
from infmap.core.errors import SnapshotError, UsageError
from infmap.study.config import StudyConfig, check_names, read_study
from infmap.study.grid import Run, enumerate_runs, training_config
from infmap.study.splits import assign_parts, fold_names
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


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("gird", {}, "gird: Extra inputs"),
        ("grid", {"encoders": []}, "grid.encoders"),
        ("grid", {"encoders": ["a", "a"]}, "names one of a, a twice"),
        ("grid", {"encoders": ["a"], "decoders": ["none"]}, "classifiers: true"),
        ("split", {"scheme": "official", "folds": [0]}, "folds are for the scheme"),
        ("split", {"scheme": "sources"}, "needs two sources"),
        ("weights", {"vgg": "random"}, "vgg, which the grid does not"),
        ("limits", {"minutes": 0}, "limits.minutes"),
        ("training", {"snapshot": "s"}, "training.stages"),
    ],
)
def test_a_wrong_configuration_is_one_line(study_values, tmp_path, part, value, message):
    file = tmp_path / "study.yaml"
    values = {**study_values, part: value}
    if part == "grid":
        values |= {"weights": {}, "activation_maps": []}
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(UsageError, match=message) as caught:
        read_study(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["grid: [", "just text"])
def test_a_file_that_is_no_study_is_one_line(tmp_path, text):
    file = tmp_path / "study.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"study.yaml") as caught:
        read_study(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["study.yaml", "study-small.yaml"])
def test_shipped_studies_are_read_and_name_what_exists(name, pytestconfig):
    config = read_study(pytestconfig.rootpath / "configs" / name)
    files = {k: v for k, v in config.weights.items() if v in ("imagenet", "random")}
    check_names(config.model_copy(update={"weights": files}))
    assert config.training.snapshot == pytestconfig.rootpath / "snapshot"


def test_unknown_names_and_missing_weights_are_found_before_anything_runs(study_values, tmp_path):
    grid = {"encoders": ["vgg"], "classifiers": True}
    with pytest.raises(UsageError, match="unknown encoder 'vgg'"):
        check_names(changed(study_values, grid=grid, weights={}))
    missing = {"efficientnet_lite0": str(tmp_path / "none.pth")}
    with pytest.raises(UsageError, match="does not exist"):
        check_names(changed(study_values, weights=missing))


@pytest.mark.parametrize("scheme", ["official", "folds"])
def test_splits_tear_no_group_and_score_nothing_that_is_learnt_or_watched(study_values, scheme):
    config = changed(study_values, split={"scheme": scheme, "watch": 0.2})
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    rows[0]["duplicate_group"] = rows[-1]["duplicate_group"]  # a copy of a film of the other source
    for fold in fold_names(config, rows):
        parts = assign_parts(config, rows, fold)
        of = {p: {r["film_id"] for r, q in zip(rows, parts) if p == q} for p in set(parts)}
        assert {"train", "val", "held-out", "external"} <= set(of)
        assert {r["source"] for r in rows if r["film_id"] in of["external"]} == {"cohen"}
        assert rows[0]["film_id"] in (of.get("unused", set()) | of["held-out"])
        if scheme == "official":
            official = {r["film_id"] for r in rows if r["official_split"] == "val"}
            assert of["held-out"] == official
            assert len(of["val"]) == 4  # one in five of 7 with COVID-19 and of 16 without
    if scheme == "folds":
        assert fold_names(config, rows) == ("fold0", "fold1")


def test_a_source_left_out_is_external_and_the_rest_is_learnt(study_values):
    stages = [{"epochs": 1, "size": 64, "sources": {"covid-qu-ex": 1, "cohen": 2}}]
    training = {**study_values["training"], "stages": stages}
    config = changed(study_values, split={"scheme": "sources"}, training=training)
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    assert fold_names(config, rows) == ("without-cohen", "without-covid-qu-ex")
    parts = assign_parts(config, rows, "without-covid-qu-ex")
    external = {r["source"] for r, p in zip(rows, parts) if p == "external"}
    assert external == {"covid-qu-ex"} and "train" in parts


def test_a_fold_or_source_that_is_not_there_is_one_line(study_values):
    config = changed(study_values, split={"scheme": "folds", "folds": [7]})
    rows = read_snapshot(config.training.snapshot)[0].to_dicts()
    with pytest.raises(SnapshotError, match="expected folds 7, has 0, 1"):
        fold_names(config, rows)
    with pytest.raises(SnapshotError, match="no films of covid-qu-ex"):
        fold_names(config, [r for r in rows if r["source"] == "cohen"])


def test_a_folder_of_another_study_is_refused_and_other_limits_are_not(study_values, tmp_path):
    create_study(changed(study_values), tmp_path / "s")
    create_study(changed(study_values, limits={"minutes": 5}), tmp_path / "s")
    assert Study(tmp_path / "s").config.limits.minutes == 5
    with pytest.raises(UsageError, match="another configuration"):
        create_study(changed(study_values, draws=200), tmp_path / "s")
    with pytest.raises(UsageError, match="holds no study"):
        Study(tmp_path)
    (tmp_path / "s" / "study.json").write_text(json.dumps({"configuration": 1, "folds": []}))
    with pytest.raises(UsageError, match="cannot be understood"):
        Study(tmp_path / "s")
