"""Pixel counts of masks, and the ratios made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.metrics._arrays import Float64, known_mean, ratio

RATIOS = ("dice", "iou", "sensitivity", "specificity", "precision", "f1", "f2", "accuracy")


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixel counts, one entry a film.

    Attributes:
        tp: int64 (N,), truth and prediction.
        fp: int64 (N,), prediction only.
        fn: int64 (N,), truth only.
        tn: int64 (N,), neither.

    Raises:
        ValueError: the counts differ in shape or are negative.
    """

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]

    def __post_init__(self) -> None:
        parts = (self.tp, self.fp, self.fn, self.tn)
        if len({p.shape for p in parts}) != 1 or self.tp.ndim != 1:
            raise ValueError(f"expected four (N,) counts, got {[p.shape for p in parts]}")
        if any(p.size and int(p.min()) < 0 for p in parts):
            raise ValueError("expected counts of 0 or more, got a negative one")

    def __len__(self) -> int:
        return int(self.tp.size)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Films with truth, bool (N,)."""
        return (self.tp + self.fn) > 0

    def columns(self) -> Float64:
        """The counts as float64 (N, 4): tp, fp, fn, tn."""
        return np.stack([self.tp, self.fp, self.fn, self.tn], axis=1).astype(np.float64)

    def pooled(self) -> Confusion:
        """All films as one: counts of shape (1,)."""
        return Confusion(*(p.sum(keepdims=True) for p in (self.tp, self.fp, self.fn, self.tn)))

    def dice(self) -> Float64:
        """Dice per film: 1 where truth and prediction are both empty, 0 where only one is."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, empty=1.0)

    def iou(self) -> Float64:
        """Intersection over union per film, with the convention of ``dice``."""
        return ratio(self.tp, self.tp + self.fp + self.fn, empty=1.0)

    def sensitivity(self) -> Float64:
        """Found share of the truth; NaN on empty truth."""
        return ratio(self.tp, self.tp + self.fn)

    def specificity(self) -> Float64:
        """Kept share of the background; NaN where truth fills the film."""
        return ratio(self.tn, self.tn + self.fp)

    def precision(self) -> Float64:
        """True share of the prediction; NaN on empty prediction."""
        return ratio(self.tp, self.tp + self.fp)

    def f1(self) -> Float64:
        """F1 per film: the same number as Dice."""
        return self.dice()

    def f2(self) -> Float64:
        """F2 per film (sensitivity weighs four times), with the convention of ``dice``."""
        return ratio(5 * self.tp, 5 * self.tp + 4 * self.fn + self.fp, empty=1.0)

    def accuracy(self) -> Float64:
        """Share of pixels that agree; NaN without pixels."""
        return ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)


def confusion(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Confusion:
    """Count pixels per film.

    Args:
        truth: bool (N, H, W) or (H, W).
        predicted: bool, the same shape.

    Raises:
        ValueError: a type other than bool, or shapes that differ.
    """
    check_masks(truth, predicted)
    pixels = truth.shape[-2] * truth.shape[-1]
    t, p = (_packed(mask.reshape(-1, pixels)) for mask in (truth, predicted))
    # Eight pixels a byte: fewer bytes to read than by adding bools.
    tp = _ones(t & p)
    # Two counts give the other two: each mask is read once.
    fp, fn = _ones(p) - tp, _ones(t) - tp
    return Confusion(tp, fp, fn, pixels - tp - fp - fn)


def check_masks(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> None:
    """Refuse masks that are not bool, or not alike."""
    if truth.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError(f"expected bool masks, got {truth.dtype} and {predicted.dtype}")
    if truth.shape != predicted.shape or truth.ndim not in (2, 3):
        raise ValueError(f"expected two (N, H, W) masks, got {truth.shape}, {predicted.shape}")


def pixel_summary(counts: Confusion) -> dict[str, float]:
    """Pooled and per-film figures of one set of films.

    Returns:
        Pooled ratios under their own names; ``dice_film`` and ``iou_film``, means over all films
        with the empty conventions of ``Confusion.dice``; ``dice_positive`` and ``iou_positive``,
        means over films with truth only; ``false_alarm``, share of films with empty truth on
        which anything was predicted. NaN where no film contributes. ``segmentation_table`` gives
        the same figures, and more, with intervals.
    """
    pool = counts.pooled()
    out = {name: float(getattr(pool, name)()[0]) for name in RATIOS}
    films = film_values(counts)
    for name in ("dice_film", "iou_film", "dice_positive", "iou_positive", "false_alarm"):
        out[name] = known_mean(films[name])
    return out


def film_values(counts: Confusion) -> dict[str, Float64]:
    """Figures of every film, float64 (N,), NaN where a film has no such figure.

    Returns:
        Every ratio of ``Confusion`` under NAME_film (all films) and NAME_positive (films with
        truth); of films without truth ``specificity_negative``, ``accuracy_negative`` and
        ``false_alarm``: 1 where anything was predicted, else 0. The other ratios of a film
        without truth are undefined or say no more than ``false_alarm``.
    """
    positive = counts.positive
    out: dict[str, Float64] = {}
    for name in RATIOS:
        values = getattr(counts, name)()
        out[f"{name}_film"] = values
        out[f"{name}_positive"] = np.where(positive, values, np.nan)
        if name in ("specificity", "accuracy"):
            out[f"{name}_negative"] = np.where(positive, np.nan, values)
    out["false_alarm"] = np.where(positive, np.nan, counts.fp > 0)
    return out


def _packed(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(mask, axis=1)


def _ones(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    ones: NDArray[np.int64] = np.bitwise_count(packed).sum(axis=1, dtype=np.int64)
    return ones
