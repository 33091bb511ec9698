"""Tests of `infmap.training.checkpoint`."""

import json
import sys
from pathlib import Path

import pytest
import torch

from infmap.core.errors import ModelError
from infmap.training.checkpoint import CHECKPOINT, read_checkpoint
from infmap.training.loop import train

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config, small_films  # noqa: E402


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    one = [{"epochs": 1, "size": 64, "sources": {"a": 1}}]
    train(small_config(stages=one), small_films(4), small_films(0), tmp_path, lambda _: None)
    with pytest.raises(ModelError, match="another configuration"):
        train(
            small_config(stages=one, seed=1),
            small_films(4),
            small_films(0),
            tmp_path,
            lambda _: None,
        )


def test_a_checkpoint_from_before_a_field_existed_is_gone_on_from(tmp_path):
    values = json.loads(small_config().model_dump_json())
    for key in ("loss", "micro_batches", "patience"):
        del values[key]
    torch.save({"config": json.dumps(values), "step": 1}, tmp_path / CHECKPOINT)
    assert read_checkpoint(tmp_path / CHECKPOINT, small_config())["step"] == 1
