"""Film-level detection: areas under curves, operating points, rates at a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.core.metrics._arrays import Float64, pair, ratio
from infmap.core.metrics.intervals import NOTHING, Clusters, Estimate, Interval


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve, by mid-ranks (Hanley and McNeil 1982); NaN with one class.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive; equal scores count half.
    """
    t, s = pair(truth, score)
    return float(_auroc(Ranking(t, s), np.ones((1, t.size)))[0]) if t.size else math.nan


def auprc(truth: ArrayLike, score: ArrayLike) -> float:
    """Average precision: the step-wise area under precision over recall; NaN without positives.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive; equal scores are one step.
    """
    t, s = pair(truth, score)
    return float(_auprc(Ranking(t, s), np.ones((1, t.size)))[0]) if t.size else math.nan


def auroc_estimate(
    truth: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """``auroc`` with its cluster bootstrap interval, from ranks weighted by the draws.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        groups: (N,) patient of every film.
        n: number of draws; those of one class only are left out.
        seed: of the draws.
        level: coverage, in (0, 1).
    """
    return _area(_auroc, truth, score, groups, n, seed, level)


def auprc_estimate(
    truth: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """``auprc`` with its cluster bootstrap interval, from ranks weighted by the draws.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        groups: (N,) patient of every film.
        n: number of draws; those without positives are left out.
        seed: of the draws.
        level: coverage, in (0, 1).
    """
    return _area(_auprc, truth, score, groups, n, seed, level)


def auroc_draws(
    truth: ArrayLike, score: ArrayLike, groups: ArrayLike, n: int, seed: int
) -> Float64:
    """``auroc`` of every draw of the cluster bootstrap, float64 (n,); NaN with one class."""
    t, s = pair(truth, score)
    ranking, clusters = Ranking(t, s), Clusters(groups, t.size)
    return np.concatenate([_auroc(ranking, w) for w in clusters.row_weights(n, seed)])


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
    t, s = pair(truth, score)
    if t.all() or not t.any():
        return NOTHING
    ranking = Ranking(t, s)
    tp, fp = (np.cumsum(part[0]) for part in ranking.steps(np.ones((1, t.size))))
    kept = 1.0 - fp / fp[-1] >= specificity - 1e-12
    if not kept.any():
        return 0.0, math.inf
    tp, cut = tp[kept], ranking.cuts[kept]
    best = int(np.argmax(tp))
    return float(tp[best] / t.sum()), float(cut[best])


class Ranking:
    """Films from high to low score, with equal scores as one step.

    Args:
        truth: bool (N,).
        score: float64 (N,), no NaN.
    """

    def __init__(self, truth: NDArray[np.bool_], score: Float64) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.truth, self.score = truth[self.order], score[self.order]
        first = np.ones(score.size, dtype=np.bool_)
        first[1:] = self.score[1:] != self.score[:-1]
        self.starts = np.flatnonzero(first)

    @property
    def cuts(self) -> Float64:
        """The distinct scores from high to low, float64 (K,)."""
        return self.score[self.starts]

    def steps(self, weights: Float64) -> tuple[Float64, Float64]:
        """Weight of the positives and negatives of every step, from row weights (draws, N)."""
        ranked = weights[:, self.order]
        return (
            np.add.reduceat(ranked * self.truth, self.starts, axis=1),
            np.add.reduceat(ranked * ~self.truth, self.starts, axis=1),
        )


def _auroc(ranking: Ranking, weights: Float64) -> Float64:
    positive, negative = ranking.steps(weights)
    above = np.cumsum(positive, axis=1) - positive / 2
    area = (above * negative).sum(axis=1)
    return ratio(area, positive.sum(axis=1) * negative.sum(axis=1))


def _auprc(ranking: Ranking, weights: Float64) -> Float64:
    positive, negative = ranking.steps(weights)
    tp = np.cumsum(positive, axis=1)
    precision = ratio(tp, tp + np.cumsum(negative, axis=1), empty=0.0)
    return ratio((positive * precision).sum(axis=1), tp[:, -1])


def _area(
    area: Callable[[Ranking, Float64], Float64],
    truth: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    n: int,
    seed: int,
    level: float,
) -> Estimate:
    t, s = pair(truth, score)
    ranking, clusters = Ranking(t, s), Clusters(groups, t.size)
    value = float(area(ranking, np.ones((1, t.size)))[0])
    drawn = np.concatenate([area(ranking, w) for w in clusters.row_weights(n, seed)])
    return Estimate(value, *clusters.percentiles(drawn, level), t.size)
