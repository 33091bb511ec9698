"""Tests of `infmap.training.config`."""

import json
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from infmap.core.errors import UsageError
from infmap.training.config import Stage, TrainingConfig, read_config

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config  # noqa: E402


@pytest.mark.parametrize(
    ("text", "message"),
    [("stages: [", "not YAML"), ("snapshot: s", "stages"), ("snapshot: s\nstagse: 1", "stage")],
)
def test_a_wrong_configuration_is_one_line(tmp_path, text, message):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_config(file)
    assert "\n" not in str(caught.value)


def test_a_configuration_survives_json():
    assert (
        TrainingConfig.model_validate(json.loads(small_config().model_dump_json()))
        == small_config()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"deep_supervision": True}}, "unet"),
        ({"loss": {"class_weight": 0, "map_weights": [0, 0, 0]}}, "nothing would be trained"),
        ({"loss": {"map_weights": [1, -1, 0]}}, "greater than or equal"),
        ({"micro_batches": 0}, "micro_batches"),
        ({"patience": 0}, "patience"),
        ({"stages": [{"epochs": 1, "size": [], "sources": {"a": 1}}]}, "at least 1"),
        ({"stages": [{"epochs": 1, "size": [64, 65], "sources": {"a": 1}}]}, "multiple of 32"),
    ],
)
def test_conflicts_are_found_before_anything_is_read(changes, message):
    with pytest.raises(ValidationError, match=message):
        small_config(**changes)


def test_weak_labels_of_a_source_that_no_stage_has_are_refused():
    with pytest.raises(ValueError, match="no stage has the sources b"):
        small_config(somewhere={"b": ["opacity"]})


def test_a_stage_that_names_films_twice_is_refused():
    stage = {"epochs": 1, "size": 64, "sources": {"a": 1, "a/covid19": 2}}
    with pytest.raises(ValidationError, match="a/covid19 is part of a"):
        Stage.model_validate(stage)


def test_weak_labels_are_of_sources_that_a_stage_names_even_by_class():
    stages = [{"epochs": 1, "size": 64, "sources": {"a/pneumonia": 1}}]
    assert small_config(stages=stages, somewhere={"a": ["opacity"]}).somewhere == {
        "a": ("opacity",)
    }
    with pytest.raises(ValidationError, match="no stage has the sources b"):
        small_config(stages=stages, somewhere={"b": ["opacity"]})


def test_a_stage_names_renamed_sources_by_class_too():
    stage = {"epochs": 1, "size": 64, "sources": {"radiologist/covid19": 2}}
    assert Stage.model_validate(stage).sources == {"general-blockchain/covid19": 2}
