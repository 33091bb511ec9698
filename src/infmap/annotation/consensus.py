"""One mask out of several readers' masks, label by label: STAPLE or majority."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage
from infmap.metrics.staple import majority, staple
from infmap.web.masks import LABELS, Mask, of_planes, plane


def _likeliest(masks: Sequence[BoolImage]) -> BoolImage:
    # One half: as likely in the region as out of it.
    return np.asarray(staple(masks).probability >= 0.5)


METHODS: dict[str, Callable[[Sequence[BoolImage]], BoolImage]] = {
    "staple": _likeliest,
    "majority": majority,
}
"""Method by name."""


def consensus(masks: Sequence[Mask], method: str = "staple") -> Mask:
    """One mask of all labels, uint8 (H, W), each label on its own.

    Args:
        masks: one uint8 (H, W) a reader, one or more; one is its own consensus.
        method: a key of ``METHODS``.

    Raises:
        UsageError: no such method, no mask, or masks of different sizes.
    """
    if method not in METHODS:
        raise UsageError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if len(masks) == 1:
        return masks[0].copy()
    of = METHODS[method]
    return of_planes({label: of([plane(mask, label) for mask in masks]) for label in LABELS})
