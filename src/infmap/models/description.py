"""The size and cost of a network."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from infmap.models.network import Network


def describe(network: Network, size: int) -> dict[str, float]:
    """Count parameters and operations.

    Args:
        network: left as it was.
        size: side of the film, network pixels.

    Returns:
        "parameters", "trainable_parameters", and "gflops": 10^9 floating-point operations of
        the convolutions and matrix products of one film (two a multiply-accumulate).
    """
    parameters = list(network.parameters())
    film = torch.zeros(1, 1, size, size, device=parameters[0].device)
    training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(film)
    network.train(training)
    return {
        "parameters": sum(p.numel() for p in parameters),
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "gflops": counter.get_total_flops() / 1e9,
    }
