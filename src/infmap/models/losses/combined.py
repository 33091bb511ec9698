"""Losses of a whole output: a loss by name on each map, and cross-entropy on the class."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from infmap.core.errors import UsageError
from infmap.core.types import Truth
from infmap.models.losses.terms import (
    boundary_loss,
    dice_loss,
    focal_loss,
    pooled_dice_loss,
    presence_loss,
    tversky_loss,
)
from infmap.models.network import Output

MAP_WEIGHTS = (1.0, 0.5, 0.5)
CLASS_WEIGHT = 0.3
SOMEWHERE_WEIGHT = 0.3
SMOOTHING = 0.05
"""Share of the truth that is spread over all classes."""
NOT_COVID = -2
"""A class that is none of ``CLASSES`` but not COVID-19, else unknown."""


class Targets(NamedTuple):
    """What is known of a batch, in network pixels.

    Attributes:
        infection: float32 (N, 1, H, W) in [0, 1].
        opacity: the same.
        lungs: the same.
        truth: uint8 (N, 3), how the film's infection, opacity, lungs are known, as
            ``core.types.Truth``. Masks count where it is DENSE.
        classes: int64 (N,), index into ``CLASSES``, -1 where unknown, -2 where all that is known
            is that it is not COVID-19.
    """

    infection: Tensor
    opacity: Tensor
    lungs: Tensor
    truth: Tensor
    classes: Tensor


class MapLoss(NamedTuple):
    """A loss on one map.

    Attributes:
        loss: (logits, truth, known, focal weight) -> scalar.
        focal_weight: the weight of its focal term, unless another is given.
    """

    loss: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    focal_weight: float


def _known_mean(each: Tensor, known: Tensor) -> Tensor:
    return (each * known).sum() / known.sum().clamp(min=1.0)


def _focal_dice(logits: Tensor, truth: Tensor, known: Tensor, focal_weight: float) -> Tensor:
    focal = _known_mean(focal_loss(logits, truth), known)
    return focal_weight * focal + dice_loss(logits, truth, known)


def _paper(logits: Tensor, truth: Tensor, known: Tensor, focal_weight: float) -> Tensor:
    focal = _known_mean(focal_loss(logits, truth, gamma=2.0, alpha=0.25), known)
    return focal_weight * focal + pooled_dice_loss(logits, truth, known)


def _tversky(logits: Tensor, truth: Tensor, known: Tensor, focal_weight: float) -> Tensor:
    focal = _known_mean(focal_loss(logits, truth), known)
    return focal_weight * focal + tversky_loss(logits, truth, known)


def _boundary(logits: Tensor, truth: Tensor, known: Tensor, focal_weight: float) -> Tensor:
    boundary = _known_mean(boundary_loss(logits, truth), known)
    return _focal_dice(logits, truth, known, focal_weight) + boundary


MAP_LOSSES: dict[str, MapLoss] = {
    "focal_dice": MapLoss(_focal_dice, 4.0),
    "paper": MapLoss(_paper, 1.0),
    "tversky": MapLoss(_tversky, 4.0),
    "boundary": MapLoss(_boundary, 4.0),
}
"""Name of a loss to what it does on one map."""


def create_loss(
    name: str = "focal_dice",
    *,
    focal_weight: float | None = None,
    class_weight: float = CLASS_WEIGHT,
    map_weights: tuple[float, float, float] = MAP_WEIGHTS,
    somewhere_weight: float = SOMEWHERE_WEIGHT,
    presence_weight: float = 0.0,
) -> Callable[[Output, Targets], Tensor]:
    """Build a training loss by name.

    Args:
        name: a key of ``MAP_LOSSES``.
        focal_weight: weight of the focal term; None: the loss's own.
        class_weight: weight of the class's cross-entropy (label smoothing 0.05). Of a film that is
            known not to be of COVID-19 and no more, the two other classes count as one.
        map_weights: weights of infection, opacity and lungs; a map of weight 0 is not looked at.
        somewhere_weight: weight, times the map's, of ``presence_loss`` of films where there is some
            in the lungs and where is unknown; 0 leaves such films out. Lungs are the true ones
            where these are known, else those of the output.
        presence_weight: the same of films whose mask is known, empty or not; 0: their mask alone
            counts.

    Returns:
        (output, targets) -> scalar. Unknown targets add nothing, to value and gradient alike.
        Deep supervision's maps count 1/2, 1/4, 1/8 of the final ones, the last made first.

    Raises:
        UsageError: the name is unknown.
    """
    if name not in MAP_LOSSES:
        raise UsageError(f"unknown loss {name!r}: expected one of {', '.join(MAP_LOSSES)}")
    map_loss = MAP_LOSSES[name].loss
    focal = MAP_LOSSES[name].focal_weight if focal_weight is None else focal_weight

    def maps_loss(maps: tuple[Tensor, ...], targets: Targets) -> Tensor:
        total = maps[0].new_zeros((), dtype=torch.float32)
        truths = (targets.infection, targets.opacity, targets.lungs)
        known = (targets.truth == Truth.DENSE).float().unbind(dim=1)
        for weight, logits, truth, mask in zip(map_weights, maps, truths, known, strict=True):
            if weight:
                total = total + weight * map_loss(logits.float(), truth, mask, focal)
        return total

    def films_loss(maps: tuple[Tensor, ...], targets: Targets, lungs: Tensor) -> Tensor:
        total = maps[0].new_zeros((), dtype=torch.float32)
        truths = (targets.infection, targets.opacity)
        for weight, logits, truth, state in zip(
            map_weights[:2], maps, truths, targets.truth[:, :2].unbind(dim=1), strict=True
        ):
            somewhere = state == Truth.SOMEWHERE
            each = somewhere_weight * somewhere + presence_weight * (state == Truth.DENSE)
            films = each > 0
            if weight and bool(films.any()):
                present = somewhere | (truth.flatten(1) >= 0.5).any(dim=1)
                found = presence_loss(logits[films].float(), lungs[films], present[films])
                total = total + weight * (each[films] * found).mean()
        return total

    def loss(output: Output, targets: Targets) -> Tensor:
        # Joined to the graph, for a batch of which nothing is known still needs a gradient.
        total = 0.0 * output.classes.float().sum()
        total = total + maps_loss((output.infection, output.opacity, output.lungs), targets)
        for depth, auxiliary in enumerate(output.auxiliary, start=1):
            total = total + 0.5**depth * maps_loss(auxiliary.split(1, dim=1), targets)
        weak = presence_weight or bool((targets.truth == Truth.SOMEWHERE).any())
        if weak and (somewhere_weight or presence_weight):
            drawn = (targets.truth[:, 2] == Truth.DENSE).view(-1, 1, 1, 1)
            lungs = torch.where(drawn, targets.lungs >= 0.5, output.lungs.detach() >= 0.0)
            total = total + films_loss((output.infection, output.opacity), targets, lungs)
        if class_weight and bool((targets.classes != -1).any()):
            total = total + class_weight * class_loss(output.classes.float(), targets.classes)
        return total

    return loss


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean cross-entropy over films of which something is known; 0 where nothing is.

    Args:
        logits: float32 (N, 3), COVID-19, other pneumonia, normal.
        classes: int64 (N,), see ``Targets``.
    """
    each = F.cross_entropy(
        logits, classes.clamp(min=0), reduction="none", label_smoothing=SMOOTHING
    )
    # Not COVID-19: the sum over the classes that it may be (a partial label, Cour et al. 2011),
    # smoothed as the whole ones are.
    log_p = logits.log_softmax(dim=1)
    other = log_p[:, 1:].logsumexp(dim=1)
    share = SMOOTHING / logits.shape[1]
    not_covid = -(1.0 - share) * other - share * log_p[:, 0]
    each = torch.where(classes == NOT_COVID, not_covid, each)
    known = (classes >= 0) | (classes == NOT_COVID)
    return _known_mean(each, known.to(each.dtype))
