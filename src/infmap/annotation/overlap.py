"""How far masks of one film agree, for the queue and for adjudication."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from infmap.core.types import BoolImage
from infmap.web.masks import Mask, plane


def disagreement(masks: Sequence[Mask], label: str) -> float:
    """One minus the mean Dice coefficient of all pairs, 0 to 1; 0 for fewer than two masks.

    Args:
        masks: uint8 (H, W) of one film.
        label: name of the label that is compared; two empty ones agree.
    """
    planes = [plane(mask, label) for mask in masks]
    return float(np.mean([1 - dice(a, b) for a, b in combinations(planes, 2)] or [0.0]))


def dice(a: BoolImage, b: BoolImage) -> float:
    """Dice coefficient of two bool (H, W) planes, 0 to 1; 1 where both are empty."""
    both = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / both if both else 1.0


def least_agreement(masks: Sequence[Mask], labels: Sequence[str]) -> float:
    """The lowest Dice coefficient of any pair of masks and any label, 0 to 1; 1 without a pair.

    Args:
        masks: uint8 (H, W) of one film.
        labels: names. "uncertain" is left out: it says how sure a reader is, not what is there.
    """
    compared = [label for label in labels if label != "uncertain"]
    pairs = combinations(masks, 2)
    return min(
        (dice(plane(a, label), plane(b, label)) for a, b in pairs for label in compared),
        default=1.0,
    )
