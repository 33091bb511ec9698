"""Tests of `infmap.training.loop`."""

import sys
from pathlib import Path

import pytest
import torch

from infmap.core.errors import UsageError
from infmap.inference import Preprocessing
from infmap.training.checkpoint import CHECKPOINT
from infmap.training.dataset import join_films, render_phantoms
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
    with pytest.raises(UsageError, match="needs validation films"):
        train(some, small_films(2), small_films(0), tmp_path, looks.append)


def test_runs_without_somewhere_end_with_the_same_weights_whatever_its_weight(tmp_path):
    some = join_films(small_films(8), render_phantoms(4, Preprocessing(size=64)))
    one = [{"epochs": 1, "size": 64, "sources": {"a": 1, "phantom": 1}}]
    states = []
    for weight in (0.0, 0.3):
        folder = tmp_path / str(weight)
        folder.mkdir()
        settings = small_config(stages=one, loss={"somewhere_weight": weight})
        states.append(train(settings, some, small_films(4), folder, lambda _: None).state_dict())
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_a_film_with_an_opacity_somewhere_changes_what_is_trained(tmp_path):
    some, states = small_films(8), []
    some.masks[1::2, 16:48, 16:48] = 4
    some.truth[:, 1] = 0
    one = [{"epochs": 1, "size": 64, "sources": {"a": 1}}]
    for state in (0, 2):
        folder = tmp_path / str(state)
        folder.mkdir()
        some.truth[1::2, 1] = state
        states.append(train(small_config(stages=one), some, small_films(4), folder, lambda _: None))
    first, second = (state.state_dict() for state in states)
    assert any(not torch.equal(value, second[key]) for key, value in first.items())
