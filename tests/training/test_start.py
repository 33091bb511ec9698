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
    start = starting_network(small_config())
    network = start.network
    assert "randomly" in start.weights and not start.has_maps
    torch.save(network.encoder.state_dict(), tmp_path / "encoder.pt")
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    for weights, has_maps in ((tmp_path / "encoder.pt", False), (tmp_path, True)):
        found = starting_network(small_config(network={"weights": str(weights)}))
        assert len(found.weights.split("sha256 ")[1]) == 64
        assert found.has_maps == has_maps
        for key, value in network.encoder.state_dict().items():
            assert torch.equal(found.network.encoder.state_dict()[key], value), key
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match="another network"):
        starting_network(small_config(network={"weights": str(tmp_path)}))
    with pytest.raises(UsageError, match="nowhere"):
        starting_network(small_config(network={"weights": "nowhere"}))


def test_a_conditional_network_starts_from_an_independent_one_without_its_infection_head(tmp_path):
    first = starting_network(small_config()).network
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    spec = {"weights": str(tmp_path), "infection": "conditional"}
    second = starting_network(small_config(network=spec)).network
    assert torch.equal(second.maps.weight, first.maps.weight[1:])
    assert torch.equal(second.classifier.weight, first.classifier.weight)


def test_a_network_with_a_decoder_takes_the_encoder_of_a_classifier_alone(tmp_path):
    torch.manual_seed(2)
    classifier = starting_network(small_config(network={"decoder": "none"})).network
    torch.save(classifier.state_dict(), tmp_path / "weights.pt")
    spec = {"weights": str(tmp_path)}
    start = starting_network(small_config(network=spec))
    assert not start.has_maps  # so that its lungs are not taken for known
    assert f"encoder of classifier {tmp_path.name}, sha256 " in start.weights
    for key, value in classifier.encoder.state_dict().items():
        assert torch.equal(start.network.encoder.state_dict()[key], value), key
    assert not torch.equal(start.network.classifier.weight, classifier.classifier.weight)
    # A classifier goes on whole; another encoder's weights are refused in one line.
    whole = starting_network(small_config(network={**spec, "decoder": "none"}))
    assert torch.equal(whole.network.classifier.weight, classifier.classifier.weight)
    with pytest.raises(ModelError, match="do not fit resnet50"):
        starting_network(small_config(network={**spec, "encoder": "resnet50"}))
