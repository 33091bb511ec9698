"""Tests of `infmap.study.config`."""

import pytest
import yaml

from infmap.core.errors import UsageError
from infmap.study.config import StudyConfig, check_names, read_study


def changed(values, **parts):
    return StudyConfig.model_validate({**values, **parts})


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("gird", {}, "gird: Extra inputs"),
        ("grid", {"encoders": []}, "grid.encoders"),
        ("grid", {"encoders": ["a", "a"]}, "names one of a, a twice"),
        ("grid", {"encoders": ["a"], "decoders": ["none"]}, "classifiers: true"),
        (
            "grid",
            {"encoders": ["a"], "repeats": {"vgg-a-trained": [1]}},
            "is none of the grid",
        ),
        ("grid", {"encoders": ["a"], "repeats": {"dla-a-trained": [0]}}, "seeds beside 0"),
        ("grid", {"encoders": ["a"], "repeats": {"dla-a-trained": [1, 1]}}, "each once"),
        ("grid", {"encoders": ["a"], "repeats": {"dla-a-trained": []}}, "expected seeds"),
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


@pytest.mark.parametrize("name", ["study.yaml", "study-cpu.yaml", "study-small.yaml"])
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
