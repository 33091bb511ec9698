"""What trained networks say of a batch, for another network to learn from (distillation).

The mean of several networks, each over a film and its mirror image, is better than any of them
(docs/decisions/028), at a cost that prediction cannot bear. A network that learns from the mean
comes near it at the cost of one (Hinton et al. 2015, arXiv 1503.02531).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from infmap.core.types import Truth
from infmap.models import Network, Output, Targets
from infmap.models.folder import load_network
from infmap.training.start import place_network


class Taught(NamedTuple):
    """What teachers say of a batch.

    Attributes:
        maps: float32 (N, 3, H, W), probabilities of infection, opacity and lungs.
        classes: float32 (N, 3), probabilities of the classes in the order of ``CLASSES``.
    """

    maps: Tensor
    classes: Tensor


class Teachers:
    """Networks whose mean is learned from.

    Args:
        folders: model folders, at least one.
        device: where they run.
        bfloat16: whether they compute in it, as the run does.

    Raises:
        ModelError: a folder has no network.
    """

    def __init__(self, folders: Sequence[Path], device: torch.device, *, bfloat16: bool) -> None:
        self.networks = [place_network(load_network(folder), device) for folder in folders]
        self.bfloat16 = bfloat16

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Taught:
        """Read a batch, float32 (N, 1, H, W) in [0, 1], and its mirror image."""
        maps, classes = torch.zeros(()), torch.zeros(())
        for network in self.networks:
            straight = self._read(network, images)
            mirrored = self._read(network, images.flip(-1))
            maps = maps + straight.maps + mirrored.maps.flip(-1)
            classes = classes + straight.classes + mirrored.classes
        # No probability is 0 or 1: the entropy of what is learned stays finite in bfloat16.
        count = 2 * len(self.networks)
        return Taught((maps / count).clamp(1e-6, 1 - 1e-6), classes / count)

    def _read(self, network: Network, images: Tensor) -> Taught:
        with torch.autocast(images.device.type, torch.bfloat16, self.bfloat16):
            said = network(images)
        return Taught(torch.sigmoid(said.maps.float()), said.classes.float().softmax(dim=1))


def taught_loss(
    output: Output, taught: Taught, targets: Targets, weights: tuple[float, float, float]
) -> Tensor:
    """How far an output is from its teachers: mean Kullback-Leibler divergence, scalar.

    A film that is known to show none of something is not asked about: its truth is all there is
    to learn. Nor is one whose class is known, about the class.

    Args:
        output: of the network that learns.
        taught: of the same films, changed in the same way.
        targets: what is known of them.
        weights: of infection, opacity and lungs; the class counts as much as the infection.
    """
    logits = output.maps.float()
    # Cross-entropy less the teachers' own entropy: nought where both agree.
    cross = F.binary_cross_entropy_with_logits(logits, taught.maps, reduction="none")
    own = F.binary_cross_entropy(taught.maps, taught.maps, reduction="none")
    masks = torch.cat([targets.infection, targets.opacity, targets.lungs], dim=1)
    empty = (targets.truth == Truth.DENSE) & ~(masks >= 0.5).flatten(2).any(dim=2)
    each = (cross - own).flatten(2).mean(dim=2) * ~empty  # (N, 3)
    maps = (each * each.new_tensor(weights)).sum(dim=1).mean()
    log_p = output.classes.float().log_softmax(dim=1)
    apart = F.kl_div(log_p, taught.classes, reduction="none").sum(dim=1)
    return maps + weights[0] * (apart * (targets.classes == -1)).mean()
