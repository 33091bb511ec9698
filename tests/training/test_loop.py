"""Tests of `infmap.training.loop`."""

import sys
from pathlib import Path

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.training.checkpoint import CHECKPOINT
from infmap.training.loop import train

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config, small_films  # noqa: E402


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*")
def test_a_killed_run_resumed_ends_as_an_uninterrupted_one(tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    expected = train(small_config(), small_films(), small_films(4), whole, lambda _: None)

    class Killed(Exception):
        pass

    def kill(record):
        if record.get("step") == 3:
            raise Killed

    often = {"checkpoint_minutes": 1e-9}
    with pytest.raises(Killed):
        train(small_config(**often), small_films(), small_films(4), torn, kill)
    assert torch.load(torn / CHECKPOINT, weights_only=True)["step"] < 3
    resumed = train(small_config(**often), small_films(), small_films(4), torn, lambda _: None)
    for key, value in expected.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_a_run_out_of_patience_ends_with_its_best_weights(tmp_path):
    stages = [{"epochs": 5, "size": 64, "sources": {"a": 1}}]
    some = small_config(stages=stages, patience=1, validate_every=1, batch_size=2)
    looks = []
    blind = small_films(2)
    blind.masks[:] = 0  # every look scores 0, so the first is the best
    network = train(
        some, small_films(2), blind, tmp_path, lambda r: looks.append(r.get("pooled_f1"))
    )
    assert [look for look in looks if look is not None] == [0.0, 0.0]
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["step"] == 2
    for key, value in network.state_dict().items():
        assert torch.equal(value, state["watch"]["best"][key])
    with pytest.raises(UsageError, match="no Val"):
        train(some, small_films(2), small_films(0), tmp_path, looks.append)
