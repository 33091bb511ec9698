"""Tests of `infmap.training.start`."""

import sys
from pathlib import Path

import pytest
import torch

from infmap.core.errors import ModelError, UsageError
from infmap.training.start import starting_network

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config  # noqa: E402


def test_weights_start_from_a_file_or_a_model_folder_and_say_so(tmp_path):
    torch.manual_seed(1)
    network, line = starting_network(small_config())
    assert "randomly" in line
    torch.save(network.encoder.state_dict(), tmp_path / "encoder.pt")
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    for weights, digits in ((tmp_path / "encoder.pt", 64), (tmp_path, 64)):
        found, line = starting_network(small_config(network={"weights": str(weights)}))
        assert len(line.split("sha256 ")[1]) == digits
        for key, value in network.encoder.state_dict().items():
            assert torch.equal(found.encoder.state_dict()[key], value), key
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match="another network"):
        starting_network(small_config(network={"weights": str(tmp_path)}))
    with pytest.raises(UsageError, match="nowhere"):
        starting_network(small_config(network={"weights": "nowhere"}))


def test_a_conditional_network_starts_from_an_independent_one_without_its_infection_head(tmp_path):
    first, _ = starting_network(small_config())
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    spec = {"weights": str(tmp_path), "infection": "conditional"}
    second, _ = starting_network(small_config(network=spec))
    assert torch.equal(second.maps.weight, first.maps.weight[1:])
    assert torch.equal(second.classifier.weight, first.classifier.weight)
