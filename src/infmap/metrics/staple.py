"""One region out of several readers' masks: STAPLE and majority.

STAPLE (Warfield, Zou and Wells 2004, IEEE TMI 23:903) estimates each reader's sensitivity and
specificity together with the probability of every pixel, by expectation maximisation. Pixels that
the readers marked in the same way are one term, so an iteration costs as much as there are such
patterns (at most two to the number of readers), whatever the size of the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage

Float64 = NDArray[np.float64]

SETTLED = 1e-7
"""Largest change of a sensitivity or specificity that ends the steps, as in ITK."""
MOST_STEPS = 10_000
MOST_READERS = 20


@dataclass(frozen=True, eq=False)
class Staple:
    """What STAPLE estimates.

    Attributes:
        probability: float64 (H, W), that a pixel belongs to the region, [0, 1].
        sensitivity: float64 (R,), of each reader; NaN where no pixel belongs to the region.
        specificity: float64 (R,), of each reader; NaN where all pixels do.
        steps: taken until nothing changed.
    """

    probability: Float64
    sensitivity: Float64
    specificity: Float64
    steps: int


def staple(masks: Sequence[BoolImage]) -> Staple:
    """STAPLE of one region.

    The prior of every pixel is the readers' mean share of marked pixels, as in the paper.

    Args:
        masks: one bool (H, W) a reader, two or more.

    Raises:
        UsageError: fewer than two masks, more than 20, or of different sizes.
    """
    given = _same_size(masks)
    readers, shape = len(given), given[0].shape
    code = np.zeros(given[0].size, np.int32)
    for k, mask in enumerate(given):
        code |= mask.ravel().astype(np.int32) << k
    patterns, of_pixel, count = np.unique(code, return_inverse=True, return_counts=True)
    marked = (patterns[:, None] >> np.arange(readers) & 1).astype(bool)
    prior = float((count @ marked).sum() / (count.sum() * readers))
    # Votes are the first guess, as in ITK. Of two readers the likelihood has a ridge, not a peak
    # (four unknowns, three shares of pixels), and where the steps end depends on where they begin.
    weight, steps = marked.mean(axis=1), 0
    p, q = _skill(weight, count, marked)
    # No reader marked anything, or all marked everything: nothing tells readers apart.
    change = SETTLED + 1 if 0.0 < prior < 1.0 else 0.0
    while change > SETTLED and steps < MOST_STEPS:
        weight = _probability(marked, p, q, prior)
        before, (p, q) = (p, q), _skill(weight, count, marked)
        change = max(np.abs(p - before[0]).max(), np.abs(q - before[1]).max())
        steps += 1
    return Staple(weight[of_pixel.reshape(-1)].reshape(shape), p, q, steps)


def majority(masks: Sequence[BoolImage]) -> BoolImage:
    """Bool (H, W): marked by more than half of the readers; half of them is not enough.

    Args:
        masks: one bool (H, W) a reader, two or more.

    Raises:
        UsageError: as of ``staple``.
    """
    given = _same_size(masks)
    votes = np.zeros(given[0].shape, np.int32)
    for mask in given:
        votes += mask
    return np.asarray(2 * votes > len(given))


def _same_size(masks: Sequence[BoolImage]) -> Sequence[BoolImage]:
    if not 2 <= len(masks) <= MOST_READERS:
        raise UsageError(
            f"consensus: expected masks of 2 to {MOST_READERS} readers, got {len(masks)}"
        )
    shapes = sorted({mask.shape for mask in masks})
    if len(shapes) > 1:
        raise UsageError(f"consensus: expected masks of one film, got sizes {shapes}")
    return masks


def _probability(marked: NDArray[np.bool_], p: Float64, q: Float64, prior: float) -> Float64:
    """Of every pattern of marks (P, R): the E step."""
    inside = prior * np.prod(np.where(marked, p, 1 - p), axis=1)
    outside = (1 - prior) * np.prod(np.where(marked, 1 - q, q), axis=1)
    total = inside + outside
    out: Float64 = np.zeros(len(marked))
    np.divide(inside, total, out=out, where=total > 0)
    return out


def _skill(
    weight: Float64, count: NDArray[np.int64], marked: NDArray[np.bool_]
) -> tuple[Float64, Float64]:
    """Sensitivity and specificity by reader, (R,) each: the M step; NaN without pixels."""
    return _share(weight * count, marked), _share((1 - weight) * count, ~marked)


def _share(weight: Float64, marked: NDArray[np.bool_]) -> Float64:
    """Weighted share of marked patterns by reader (R,): the M step; NaN without weight."""
    total = float(weight.sum())
    if total == 0.0:
        return np.full(marked.shape[1], np.nan)
    return np.asarray(weight @ marked / total, np.float64)
