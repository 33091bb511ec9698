"""Tests of `infmap.models.description`."""

import pytest

from infmap.models import create_model, describe


def test_describe_counts_a_network_and_leaves_it_as_it_was():
    network = create_model("unet", "efficientnet_lite0", frozen=True).train()
    small, large = describe(network, 64), describe(network, 128)
    assert small["parameters"] == sum(p.numel() for p in network.parameters())
    assert small["trainable_parameters"] < small["parameters"]
    assert large["gflops"] == pytest.approx(4 * small["gflops"], rel=0.01)
    assert network.training and not network.encoder.training
