"""The terms of a loss on one map. Each punishes a false infection on an empty film."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def focal_loss(
    logits: Tensor, truth: Tensor, gamma: float = 1.0, alpha: float | None = None
) -> Tensor:
    """Focal loss (Lin et al. 2017, arXiv 1708.02002), mean per film: (N,).

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W) in [0, 1].
        gamma: how much less an easy pixel counts.
        alpha: weight of an infected pixel, 1 - alpha that of a clear one; None: both 1.
    """
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = (torch.sigmoid(logits) - truth).abs().pow(gamma)
    if alpha is not None:
        weight = weight * (alpha * truth + (1.0 - alpha) * (1.0 - truth))
    return (weight * loss).flatten(1).mean(dim=1)


def pooled_dice_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Soft Dice pooled over all pixels of the batch's known films: scalar.

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W) in [0, 1].
        known: float32 (N,), 1 where the film counts.
    """
    both, either = _overlap(logits, truth)
    return 1.0 - (2.0 * (both * known).sum() + 1.0) / ((either * known).sum() + 1.0)


def dice_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Soft Dice: pooled over the batch's known films, and per film over those not empty.

    The pooled part counts false infection on healthy films in its denominator, where a Dice per
    film would be blind to how much of it there is.

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W).
        known: float32 (N,), 1 where the film counts.
    """
    both, either = _overlap(logits, truth)
    filled = known * (truth.flatten(1).sum(dim=1) > 0)
    each = 1.0 - (2.0 * both + 1.0) / (either + 1.0)
    pooled = pooled_dice_loss(logits, truth, known)
    return 0.5 * pooled + 0.5 * (each * filled).sum() / filled.sum().clamp(min=1.0)


def tversky_loss(
    logits: Tensor, truth: Tensor, known: Tensor, false_positive: float = 0.3
) -> Tensor:
    """Tversky loss (Salehi et al. 2017, arXiv 1706.05721) pooled over the known films: scalar.

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W) in [0, 1].
        known: float32 (N,), 1 where the film counts.
        false_positive: weight of a false alarm; that of a miss is 1 - false_positive.
    """
    probability = torch.sigmoid(logits)
    hit = (probability * truth).flatten(1).sum(dim=1)
    alarm = (probability * (1.0 - truth)).flatten(1).sum(dim=1)
    miss = ((1.0 - probability) * truth).flatten(1).sum(dim=1)
    wrong = false_positive * alarm + (1.0 - false_positive) * miss
    return 1.0 - ((hit * known).sum() + 1.0) / (((hit + wrong) * known).sum() + 1.0)


def presence_loss(logits: Tensor, lungs: Tensor, present: Tensor, share: float = 0.02) -> Tensor:
    """Cross-entropy of whether there is any in the lungs, wherever it is, per film: (N,).

    The film is as probable as the mean over the highest pixels of its lungs (multiple-instance
    learning with the highest instances, Zhu et al. 2017, arXiv 1705.08550); that of all pixels
    would ask for infection everywhere, that of the highest alone is noise. Gradients reach the
    highest pixels only. A film without lungs costs nothing.

    Args:
        logits: (N, 1, H, W).
        lungs: bool (N, 1, H, W).
        present: bool (N,), whether there is any.
        share: of the lungs' pixels that are averaged over, at least one pixel. 2 % is some 9 square
            centimetres of an adult's lungs on a frontal film: a small opacity.
    """
    inside = lungs.flatten(1)
    found = inside.any(dim=1)
    inside = inside | ~found.unsqueeze(1)  # all pixels, for a finite gradient of nought
    count = (share * inside.sum(dim=1)).ceil().long()
    highest = logits.flatten(1).masked_fill(~inside, -torch.inf).topk(int(count.max()), dim=1)
    used = torch.arange(int(count.max()), device=logits.device) < count.unsqueeze(1)
    log_p = F.logsigmoid(highest.values).masked_fill(~used, -torch.inf).logsumexp(dim=1)
    log_none = F.logsigmoid(-highest.values).masked_fill(~used, -torch.inf).logsumexp(dim=1)
    return (count.log() - torch.where(present, log_p, log_none)) * found


def boundary_loss(logits: Tensor, truth: Tensor, reach: int | None = None) -> Tensor:
    """Boundary loss (Kervadec et al. 2019, arXiv 1812.07032), mean per film: (N,).

    Each pixel's error counts by its distance from the true boundary, so that a false island far
    away costs more than a border slightly off. The distance is capped and scaled to [-1, 1]. An
    empty film has no boundary: every pixel is then as far as can be, and false infection costs
    its full area. The constant that makes a perfect map cost nought is added.

    Args:
        logits: (N, 1, H, W).
        truth: float32 (N, 1, H, W) in [0, 1]; infected from 0.5 up.
        reach: cap of the distance, pixels; None: an eighth of the longer side.
    """
    reach = reach or max(8, max(truth.shape[-2:]) // 8)
    infected = truth >= 0.5
    distance = signed_distance(infected, reach) / reach
    error = torch.sigmoid(logits) - infected.to(logits.dtype)
    return (distance * error).flatten(1).mean(dim=1)


@torch.no_grad()
def signed_distance(mask: Tensor, reach: int) -> Tensor:
    """Euclidean distance, in pixels, to the nearest pixel of the other kind, up to ``reach``.

    Runs where the mask is, in two separable passes (Felzenszwalb and Huttenlocher 2012).

    Args:
        mask: bool (N, 1, H, W).
        reach: cap, pixels.

    Returns:
        float32 (N, 1, H, W): positive outside the mask, negative inside, never 0.
    """
    return torch.where(mask, -_distance_to(~mask, reach), _distance_to(mask, reach))


def _distance_to(mask: Tensor, reach: int) -> Tensor:
    """Distance to the nearest True pixel, at most ``reach``."""
    width, height = mask.shape[-1], mask.shape[-2]
    column = torch.arange(width, device=mask.device, dtype=torch.float32).expand(mask.shape)
    far = float(width + reach)
    left = torch.where(mask, column, -far).cummax(dim=-1).values
    right = torch.where(mask, column, 2.0 * far).flip(-1).cummin(dim=-1).values.flip(-1)
    row = torch.minimum(column - left, right - column).clamp(max=reach).square()
    best = row.clone()
    for step in range(1, min(reach, height)):
        down, up = best[..., step:, :], best[..., :-step, :]
        torch.minimum(down, row[..., :-step, :] + step**2, out=down)
        torch.minimum(up, row[..., step:, :] + step**2, out=up)
    return best.sqrt().clamp(max=reach)


def _overlap(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Sums per film of the product and of the sum of probability and truth: (N,), (N,)."""
    probability = torch.sigmoid(logits)
    both = (probability * truth).flatten(1).sum(dim=1)
    either = (probability + truth).flatten(1).sum(dim=1)
    return both, either
