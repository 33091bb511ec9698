"""Focal + Dice over the three maps and cross-entropy over the class, unknowns left out."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from infmap.models.network import Output


class Targets(NamedTuple):
    """What is known of a batch, in network pixels.

    Attributes:
        infection: float32 (N, 1, H, W) in [0, 1].
        opacity: the same.
        lungs: the same.
        known: float32 (N, 3), 1 where the film's infection, opacity, lungs are known, else 0.
        classes: int64 (N,), index into ``CLASSES``, -1 where unknown.
    """

    infection: Tensor
    opacity: Tensor
    lungs: Tensor
    known: Tensor
    classes: Tensor


def focal_loss(logits: Tensor, truth: Tensor, gamma: float = 1.0) -> Tensor:
    """Focal loss without class weight (Lin et al. 2017), mean per film: (N,)."""
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = (torch.sigmoid(logits) - truth).abs().pow(gamma)
    return (weight * loss).flatten(1).mean(dim=1)


def dice_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Soft Dice: pooled over the batch's known films, and per film over those not empty.

    The pooled part counts false infection on healthy films in its denominator, where a Dice per
    film would be blind to how much of it there is.

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W).
        known: float32 (N,), 1 where the film counts.
    """
    probability = torch.sigmoid(logits)
    both = (probability * truth).flatten(1).sum(dim=1)
    either = (probability + truth).flatten(1).sum(dim=1)
    pooled = 1.0 - (2.0 * (both * known).sum() + 1.0) / ((either * known).sum() + 1.0)
    filled = known * (truth.flatten(1).sum(dim=1) > 0)
    each = 1.0 - (2.0 * both + 1.0) / (either + 1.0)
    return 0.5 * pooled + 0.5 * (each * filled).sum() / filled.sum().clamp(min=1.0)


def hybrid_loss(
    output: Output,
    targets: Targets,
    *,
    focal_weight: float = 4.0,
    class_weight: float = 0.3,
    map_weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
) -> Tensor:
    """The training loss: scalar. Unknown targets add nothing, to value and gradient alike."""
    total = output.classes.new_zeros(())
    maps = (output.infection, output.opacity, output.lungs)
    truths = (targets.infection, targets.opacity, targets.lungs)
    for weight, logits, truth, known in zip(
        map_weights, maps, truths, targets.known.unbind(dim=1), strict=True
    ):
        logits = logits.float()
        focal = (focal_loss(logits, truth) * known).sum() / known.sum().clamp(min=1.0)
        total = total + weight * (focal_weight * focal + dice_loss(logits, truth, known))
    if bool((targets.classes >= 0).any()):
        total = total + class_weight * F.cross_entropy(
            output.classes.float(), targets.classes, ignore_index=-1, label_smoothing=0.05
        )
    return total
