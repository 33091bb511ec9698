"""Metrics of masks, of scores, and their intervals.

Empty truth is an explicit case everywhere: a ratio whose denominator is zero is NaN, except
where a function states another convention. Unknown labels are the caller's to leave out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Interval = tuple[float, float]


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

    def pooled(self) -> Confusion:
        """All films as one: counts of shape (1,)."""
        return Confusion(*(p.sum(keepdims=True) for p in (self.tp, self.fp, self.fn, self.tn)))

    def dice(self) -> Float64:
        """Dice per film: 1 where truth and prediction are both empty, 0 where only truth is."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, empty=1.0)

    def iou(self) -> Float64:
        """Intersection over union per film, with the convention of ``dice``."""
        return _ratio(self.tp, self.tp + self.fp + self.fn, empty=1.0)

    def sensitivity(self) -> Float64:
        """Found share of the truth; NaN on empty truth."""
        return _ratio(self.tp, self.tp + self.fn)

    def specificity(self) -> Float64:
        """Kept share of the background; NaN where truth fills the film."""
        return _ratio(self.tn, self.tn + self.fp)

    def precision(self) -> Float64:
        """True share of the prediction; NaN on empty prediction."""
        return _ratio(self.tp, self.tp + self.fp)

    def f1(self) -> Float64:
        """F1 per film: the same number as Dice."""
        return self.dice()

    def f2(self) -> Float64:
        """F2 per film (sensitivity weighs four times), with the convention of ``dice``."""
        return _ratio(5 * self.tp, 5 * self.tp + 4 * self.fn + self.fp, empty=1.0)

    def accuracy(self) -> Float64:
        """Share of pixels that agree."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)


def confusion(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Confusion:
    """Count pixels per film.

    Args:
        truth: bool (N, H, W) or (H, W).
        predicted: bool, the same shape.

    Raises:
        ValueError: a type other than bool, or shapes that differ.
    """
    if truth.dtype != np.bool_ or predicted.dtype != np.bool_:
        raise ValueError(f"expected bool masks, got {truth.dtype} and {predicted.dtype}")
    if truth.shape != predicted.shape or truth.ndim not in (2, 3):
        raise ValueError(f"expected two (N, H, W) masks, got {truth.shape}, {predicted.shape}")
    t = truth.reshape(-1, truth.shape[-2] * truth.shape[-1])
    p = predicted.reshape(t.shape)
    tp = np.count_nonzero(t & p, axis=1).astype(np.int64)
    fp = np.count_nonzero(p, axis=1).astype(np.int64) - tp
    fn = np.count_nonzero(t, axis=1).astype(np.int64) - tp
    return Confusion(tp, fp, fn, t.shape[1] - tp - fp - fn)


def pixel_summary(counts: Confusion) -> dict[str, float]:
    """Pooled and per-film figures of one set of films.

    Returns:
        Pooled ratios under their own names; ``dice_film`` and ``iou_film``, means over all films
        with the empty conventions of ``Confusion.dice``; ``dice_positive`` and ``iou_positive``,
        means over films with truth only; ``false_alarm``, share of films with empty truth on
        which anything was predicted. NaN where no film contributes.
    """
    pool = counts.pooled()
    names = ("dice", "iou", "sensitivity", "specificity", "precision", "f1", "f2", "accuracy")
    out = {name: float(getattr(pool, name)()[0]) for name in names}
    positive = (counts.tp + counts.fn) > 0
    out["dice_film"] = _mean(counts.dice())
    out["iou_film"] = _mean(counts.iou())
    out["dice_positive"] = _mean(counts.dice()[positive])
    out["iou_positive"] = _mean(counts.iou()[positive])
    out["false_alarm"] = _mean((counts.fp[~positive] > 0).astype(np.float64))
    return out


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve, by mid-ranks (Hanley and McNeil 1982); NaN with one class.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
    """
    t, s = _pair(truth, score)
    positives = int(t.sum())
    negatives = t.size - positives
    if positives == 0 or negatives == 0:
        return math.nan
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    return float((ranks[t].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auprc(truth: ArrayLike, score: ArrayLike) -> float:
    """Average precision: the step-wise area under precision over recall; NaN without positives.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
    """
    t, s = _pair(truth, score)
    if not t.any():
        return math.nan
    tp, fp, _ = _sweep(t, s)
    recall = tp / tp[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * tp / (tp + fp)))


def sensitivity_at(truth: ArrayLike, score: ArrayLike, specificity: float) -> Interval:
    """Highest sensitivity at no less than a given specificity.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        specificity: wanted specificity, [0, 1].

    Returns:
        (sensitivity, threshold): positive is ``score >= threshold``. The threshold is infinite
        where only calling nothing positive is specific enough; NaN, NaN with one class.
    """
    if not 0.0 <= specificity <= 1.0:
        raise ValueError(f"expected a specificity in [0, 1], got {specificity!r}")
    t, s = _pair(truth, score)
    if t.all() or not t.any():
        return math.nan, math.nan
    tp, fp, cut = _sweep(t, s)
    kept = 1.0 - fp / fp[-1] >= specificity - 1e-12
    if not kept.any():
        return 0.0, math.inf
    tp, cut = tp[kept], cut[kept]
    best = int(np.argmax(tp))
    return float(tp[best] / t.sum()), float(cut[best])


def brier(truth: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of probabilities (Brier 1950); NaN without films."""
    t, p = _pair(truth, probability, unit=True)
    return _mean((p - t) ** 2)


def ece(truth: ArrayLike, probability: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017); NaN without films.

    Args:
        truth: bool (N,).
        probability: float (N,) in [0, 1].
        bins: number of bins on [0, 1].
    """
    if bins < 1:
        raise ValueError(f"expected at least 1 bin, got {bins}")
    t, p = _pair(truth, probability, unit=True)
    if t.size == 0:
        return math.nan
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weights=p - t, minlength=bins)
    return float(np.abs(gap).sum() / t.size)


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927); (0, 1) without trials."""
    if not 0 <= successes <= trials:
        raise ValueError(f"expected 0 <= successes <= trials, got {successes} of {trials}")
    z = _z(level)
    if trials == 0:
        return 0.0, 1.0
    p, shrink = successes / trials, 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval by the cluster bootstrap: whole groups are drawn with replacement.

    Args:
        statistic: gives the figure for row indices, int64 (M,), repeats included. A NaN (say, a
            draw of one class) is left out of the percentiles.
        groups: (N,) group of every row, usually the patient.
        n: number of draws.
        seed: of the draws.
        level: coverage, in (0, 1).

    Returns:
        (low, high); NaN, NaN where no draw has a figure.
    """
    order, starts, counts = _blocks(groups)
    rng = np.random.default_rng(seed)
    values = np.empty(n)
    for draw in range(n):
        pick = rng.integers(0, len(starts), len(starts))
        size = counts[pick]
        begin = np.repeat(starts[pick] - (np.cumsum(size) - size), size)
        values[draw] = statistic(order[begin + np.arange(begin.size)])
    return _percentiles(values, level)


def bootstrap_ratio_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    groups: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Cluster bootstrap of sum(numerator) / sum(denominator), in two matrix products.

    Pooled ratios (Dice: 2 tp over 2 tp + fp + fn) and means (denominator of ones) need no call
    per draw, so this is the one to use for many films.

    Args:
        numerator: float (N,).
        denominator: float (N,).
        groups: (N,) group of every row, usually the patient.
        n: number of draws.
        seed: of the draws.
        level: coverage, in (0, 1).
    """
    order, starts, _ = _blocks(groups)
    parts = np.stack([np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)], 1)
    if parts.shape[0] != order.size:
        raise ValueError(f"expected {order.size} rows as in groups, got {parts.shape[0]}")
    sums = np.add.reduceat(parts[order], starts, axis=0)
    rng = np.random.default_rng(seed)
    even = np.full(len(starts), 1 / len(starts))
    totals = np.concatenate(
        [
            rng.multinomial(len(starts), even, size=min(100, n - done)) @ sums
            for done in range(0, n, 100)
        ]
    )
    return _percentiles(_ratio(totals[:, 0], totals[:, 1]), level)


def pearson(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> tuple[float, Interval]:
    """Pearson's r with Fisher's z interval.

    Args:
        x: float (N,).
        y: float (N,).
        level: coverage, in (0, 1).

    Returns:
        (r, (low, high)). NaN where a side is constant or N < 2; the interval is (-1, 1) for
        N < 4, where Fisher's z has no variance.
    """
    z = _z(level)
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected two (N,) vectors, got {a.shape} and {b.shape}")
    nothing = math.nan, (math.nan, math.nan)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return nothing
    a, b = a - a.mean(), b - b.mean()
    r = float(np.clip(a @ b / math.sqrt(float(a @ a) * float(b @ b)), -1.0, 1.0))
    if a.size < 4:
        return r, (-1.0, 1.0)
    if abs(r) == 1.0:
        return r, (r, r)
    half = z / math.sqrt(a.size - 3)
    return r, (math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


def _ratio(top: NDArray[Any], bottom: NDArray[Any], empty: float = math.nan) -> Float64:
    out = np.full(np.shape(top), empty, dtype=np.float64)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)
    return out


def _mean(values: Float64) -> float:
    return float(values.mean()) if values.size else math.nan


def _pair(
    truth: ArrayLike, score: ArrayLike, unit: bool = False
) -> tuple[NDArray[np.bool_], Float64]:
    t, s = np.asarray(truth), np.asarray(score, np.float64)
    if t.shape != s.shape or t.ndim != 1:
        raise ValueError(f"expected two (N,) vectors, got {t.shape} and {s.shape}")
    if not np.isin(t, (0, 1)).all():
        raise ValueError("expected truth of 0 and 1; leave films with unknown truth out")
    if np.isnan(s).any():
        raise ValueError("expected scores, got NaN; leave films without a score out")
    if unit and s.size and not (s.min() >= 0 and s.max() <= 1):
        raise ValueError(f"expected probabilities, got [{s.min():g}, {s.max():g}]")
    return t.astype(np.bool_), s


def _sweep(t: NDArray[np.bool_], s: Float64) -> tuple[Float64, Float64, Float64]:
    """True and false positives at every distinct threshold, from high to low."""
    order = np.argsort(-s, kind="stable")
    t, s = t[order], s[order]
    last = np.append(np.flatnonzero(np.diff(s)), s.size - 1)
    tp = np.cumsum(t)[last].astype(np.float64)
    return tp, last + 1.0 - tp, s[last]


def _blocks(
    groups: ArrayLike,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row order by group, and where each group starts and how long it is."""
    _, inverse, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if counts.size == 0:
        raise ValueError("expected at least one row, got none")
    order = np.argsort(inverse.reshape(-1), kind="stable").astype(np.int64)
    return order, (np.cumsum(counts) - counts).astype(np.int64), counts.astype(np.int64)


def _percentiles(values: Float64, level: float) -> Interval:
    _z(level)
    known = values[~np.isnan(values)]
    if known.size == 0:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _z(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a level in (0, 1), got {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)
