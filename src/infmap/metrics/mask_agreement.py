"""Agreement of readers' masks, pixel by pixel: Cohen's and Fleiss' kappa, Dice, and their sums.

The sums of several films add up, so that a pooled figure and its bootstrap cost no second look at
the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import BoolImage
from infmap.metrics._arrays import Float64, ratio


def cohen_kappa(a: BoolImage, b: BoolImage) -> float:
    """Cohen's kappa (1960) of two bool arrays of one shape; NaN where both are one constant."""
    return float(cohen_of(pair_counts(a, b)[None].astype(np.float64))[0])


def fleiss_kappa(masks: Sequence[BoolImage]) -> float:
    """Fleiss' kappa (1971) of two or more bool arrays of one shape; NaN where all are constant."""
    return float(fleiss_of(fleiss_sums(masks)[None])[0])


def dice(a: BoolImage, b: BoolImage) -> float:
    """Dice of two bool arrays of one shape; NaN where both are empty."""
    return float(dice_of(pair_counts(a, b)[None])[0])


def pair_counts(a: BoolImage, b: BoolImage, where: BoolImage | None = None) -> NDArray[np.int64]:
    """int64 (4,): pixels that both mark, the first only, the second only, neither."""
    if a.shape != b.shape:
        raise ValueError(f"expected two masks of one film, got {a.shape} and {b.shape}")
    # Two bits a pixel, so that one count over the film gives all four numbers.
    code = a.astype(np.uint8) * 2 + b
    counts = np.bincount((code if where is None else code[where]).ravel(), minlength=4)
    return counts[[3, 2, 1, 0]]


def dice_of(counts: NDArray[np.generic]) -> Float64:
    """Dice from counts (N, 4) of ``pair_counts``: float64 (N,), NaN where neither marks any."""
    both, first, second, _ = np.asarray(counts, np.float64).T
    return ratio(2 * both, 2 * both + first + second)


def cohen_of(sums: Float64) -> Float64:
    """Cohen's kappa from counts (N, 4) of ``pair_counts``: float64 (N,)."""
    both, first, second, neither = sums.T
    n = both + first + second + neither
    a, b = both + first, both + second
    # All times pixels squared: whole-numbered sums stay exact.
    chance = a * b + (n - a) * (n - b)
    return ratio((both + neither) * n - chance, n * n - chance)


def fleiss_sums(masks: Sequence[BoolImage]) -> Float64:
    """float64 (4,): pixels, sum of their agreement, marks given, marks possible."""
    readers = len(masks)
    if readers < 2 or len({mask.shape for mask in masks}) > 1:
        raise ValueError("expected two or more masks of one film")
    marks = np.add.reduce([mask.astype(np.int64) for mask in masks]).ravel()
    # Ordered pairs of readers who say the same of a pixel.
    alike = marks * (marks - 1) + (readers - marks) * (readers - marks - 1)
    agreed = alike.sum() / (readers * (readers - 1))
    return np.array([marks.size, agreed, marks.sum(), marks.size * readers], np.float64)


def fleiss_of(sums: Float64) -> Float64:
    """Fleiss' kappa from sums (N, 4) of ``fleiss_sums``: float64 (N,)."""
    pixels, agreed, marks, most = sums.T
    share = ratio(marks, most)
    chance = share**2 + (1 - share) ** 2
    return ratio(ratio(agreed, pixels) - chance, 1 - chance)
