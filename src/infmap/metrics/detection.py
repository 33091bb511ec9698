"""Film-level detection: areas under curves, operating points, rates at a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.metrics._arrays import Float64, normal_quantile, pair, ratio
from infmap.metrics._student import t_quantile
from infmap.metrics.intervals import NOTHING, Bootstrap, Clusters, Estimate, Interval


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
    truth: ArrayLike, score: ArrayLike, groups: ArrayLike, level: float = 0.95
) -> Estimate:
    """``auroc`` with its score interval, the films of a patient counting together.

    The variance is that of placements summed by patient (Obuchowski 1997), over what Hanley and
    McNeil (1982) give for independent films: a design effect, never below 1. The interval holds
    every area whose own Hanley-McNeil variance, times that effect, allows the one that was found
    (Newcombe 2006), with Student's t of the patients of either class, less two. Where no two films
    are in the wrong order the placements have no spread, and one film a patient counts.

    A bootstrap of a high area by few patients fails: see ``benchmarks/coverage.py``.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        groups: (N,) patient of every film.
        level: coverage, in (0, 1).

    Returns:
        No interval where the films of a class are of one patient.
    """
    t, s = pair(truth, score)
    normal_quantile(level)
    clusters = Clusters(groups, t.size)
    value = auroc(t, s)
    yes, no = clusters.standing(t), clusters.standing(~t)
    if min(yes, no) < 2:
        return Estimate(value, *NOTHING, t.size)
    effect = _design_effect(t, s, clusters, value)
    # The patients of both classes, less the two means that were estimated.
    quantile = t_quantile((1 - level) / 2, yes + no - 2)
    allowed = quantile**2 * effect

    def beyond(area: float) -> bool:
        return (value - area) ** 2 > allowed * _independent(area, int(t.sum()), int((~t).sum()))

    return Estimate(value, _edge(beyond, value, 0.0), _edge(beyond, value, 1.0), t.size)


def _design_effect(t: NDArray[np.bool_], s: Float64, clusters: Clusters, area: float) -> float:
    """Variance of an area by patients over that of independent films."""
    positives, negatives = int(t.sum()), int((~t).sum())
    yes, no = clusters.standing(t), clusters.standing(~t)
    over, under = placements(t, s)
    of_yes = np.bincount(clusters.of_row[t], over - area, clusters.count) / positives
    of_no = np.bincount(clusters.of_row[~t], under - area, clusters.count) / negatives
    # Placements of both classes of one patient go together, hence the mixed term.
    variance = (
        yes / (yes - 1) * float(of_yes @ of_yes)
        + no / (no - 1) * float(of_no @ of_no)
        + 2 * clusters.count / (clusters.count - 1) * float(of_yes @ of_no)
    )
    alone = _independent(area, positives, negatives)
    if alone == 0.0 or variance <= 0.0:
        return max(1.0, (1 / yes + 1 / no) / (1 / positives + 1 / negatives))
    return max(1.0, variance / alone)


def _independent(area: float, positives: int, negatives: int) -> float:
    """Variance of an area of independent films (Hanley, McNeil 1982; Newcombe 2006, method 5)."""
    more = (positives + negatives) / 2 - 1
    spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
    return area * (1 - area) * spread / (positives * negatives)


def _edge(beyond: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where an interval ends between a point of it and a bound, by bisection."""
    if inside == outside:
        return inside
    # 60 halvings: beyond float64's own precision.
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
    return inside


def placements(t: NDArray[np.bool_], s: Float64) -> tuple[Float64, Float64]:
    """Of every positive the share of negatives below it; of every negative, of positives above."""
    high, low = np.sort(s[t]), np.sort(s[~t])
    below = np.searchsorted(low, s[t], "left") + np.searchsorted(low, s[t], "right")
    above = np.searchsorted(high, s[~t], "left") + np.searchsorted(high, s[~t], "right")
    return below / (2 * low.size), 1 - above / (2 * high.size)


def auprc_estimate(truth: ArrayLike, score: ArrayLike, bootstrap: Bootstrap) -> Estimate:
    """``auprc`` with its cluster bootstrap interval, from ranks weighted by the draws.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        bootstrap: patient of every film, draws and level; draws without positives
            are left out.

    Returns:
        No interval where the positives are of one patient.
    """
    t, s = pair(truth, score)
    ranking, clusters = Ranking(t, s), Clusters(bootstrap.groups, t.size)
    value = float(_auprc(ranking, np.ones((1, t.size)))[0])
    drawn = np.concatenate(
        [_auprc(ranking, w) for w in clusters.row_weights(bootstrap.n, bootstrap.seed)]
    )
    return Estimate(value, *clusters.percentiles(drawn, bootstrap.level, t), t.size)


def auroc_draws(truth: ArrayLike, score: ArrayLike, bootstrap: Bootstrap) -> Float64:
    """``auroc`` of every draw of the cluster bootstrap, float64 (n,); NaN with one class."""
    t, s = pair(truth, score)
    ranking, clusters = Ranking(t, s), Clusters(bootstrap.groups, t.size)
    return np.concatenate(
        [_auroc(ranking, w) for w in clusters.row_weights(bootstrap.n, bootstrap.seed)]
    )


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
    # 1e-12: 0.99 of 100 films is 99 of them, whatever float64 makes of it.
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
