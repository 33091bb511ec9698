"""Two runs on the same films: differences are first minus second, films and draws paired."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from infmap.metrics._arrays import Float64, labels, normal_quantile, pair, ratio
from infmap.metrics.detection import auroc, auroc_draws, placements
from infmap.metrics.intervals import NOTHING, Bootstrap, Clusters, Interval, unexpanded
from infmap.metrics.pixels import RATIOS, Confusion, film_values


@dataclass(frozen=True)
class Difference:
    """First run minus second.

    Attributes:
        value: the difference; NaN where no film contributes.
        low: lower end of its interval; NaN where there is none.
        high: upper end.
        p: two-sided p-value of no difference; NaN where there is none.
        n: films it stands on.
    """

    value: float
    low: float
    high: float
    p: float
    n: int


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two runs' decisions.

    Attributes:
        only_first: films that only the first run got right.
        only_second: films that only the second run got right.
        p: exact two-sided p-value; 1 where the runs never differ.
        n: films.
    """

    only_first: int
    only_second: int
    p: float
    n: int


def mcnemar(first_correct: ArrayLike, second_correct: ArrayLike, groups: ArrayLike) -> McNemar:
    """Exact test of the discordant films (McNemar 1947), films of a patient counting together.

    A patient's films that only one run got right may fall to either run, all of them at once, with
    a chance of a half each: the exact permutation test of the net count. With one film a patient
    it is McNemar's binomial test.

    Args:
        first_correct: bool (N,), the first run was right about the film.
        second_correct: bool (N,), the second run was.
        groups: (N,) patient of every film.
    """
    first, second = labels(first_correct), labels(second_correct)
    if first.shape != second.shape:
        raise ValueError(f"expected the same films, got {first.shape} and {second.shape}")
    clusters = Clusters(groups, first.size)
    only = first & ~second, second & ~first
    net = np.bincount(clusters.of_row, only[0].astype(np.int64) - only[1], clusters.count)
    sizes = np.abs(np.rint(net)).astype(np.int64)
    # The exact distribution of the net count, built patient by patient: each turns either way.
    chance = np.ones(1)  # of every sum so far, from -total to total
    for size in sizes[sizes > 0]:
        wider = np.zeros(chance.size + 2 * size)
        wider[: chance.size] += chance / 2
        wider[2 * size :] += chance / 2
        chance = wider
    total = chance.size // 2
    beyond = np.abs(np.arange(-total, total + 1)) >= abs(round(float(net.sum())))
    p = min(1.0, float(chance[beyond].sum()))
    return McNemar(int(only[0].sum()), int(only[1].sum()), p, first.size)


def ratio_difference(
    first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike], bootstrap: Bootstrap
) -> Difference:
    """Difference of two pooled ratios, by the paired cluster bootstrap.

    Args:
        first: numerator and denominator of the first run, float (N,) each.
        second: the same of the second run.
        bootstrap: patient of every film, draws and level; draws without a denominator
            are left out.
    """
    columns = np.stack([np.asarray(v, np.float64) for v in (*first, *second)], axis=1)
    clusters = Clusters(bootstrap.groups, len(columns))
    value = float(_ratio_gap(columns.sum(axis=0, keepdims=True))[0])
    drawn = _ratio_gap(clusters.sums(columns, bootstrap.n, bootstrap.seed))
    # A film without a denominator in either run moves no ratio and stands for no patient.
    standing = (columns[:, 1] != 0) | (columns[:, 3] != 0)
    interval = clusters.percentiles(drawn, bootstrap.level, standing)
    return _from_draws(value, drawn, interval, len(columns), clusters.effective(standing))


def mean_difference(first: ArrayLike, second: ArrayLike, bootstrap: Bootstrap) -> Difference:
    """Difference of two film means, by the paired cluster bootstrap.

    Args:
        first: float (N,), a figure of every film; a film that is NaN on either side is left out.
        second: the same of the second run.
        bootstrap: patient of every film, draws and level.
    """
    gap = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return _film_gaps({"gap": gap}, bootstrap)["gap"]


def compare_segmentation(
    first: Confusion, second: Confusion, bootstrap: Bootstrap
) -> dict[str, Difference]:
    """Difference of every figure of ``segmentation_table``, by the paired cluster bootstrap.

    Args:
        first: pixel counts of the first run.
        second: pixel counts of the second run on the same films, in the same order.
        bootstrap: patient of every film, draws and level.

    Raises:
        ValueError: the two do not have the same truth.
    """
    same = len(first) == len(second) and bool(
        ((first.tp + first.fn) == (second.tp + second.fn)).all()
        and ((first.tn + first.fp) == (second.tn + second.fp)).all()
    )
    if not same:
        raise ValueError("expected two runs on the same films, got counts of different truths")
    columns = np.concatenate([first.columns(), second.columns()], axis=1)
    clusters = Clusters(bootstrap.groups, len(columns))
    drawn = clusters.sums(columns, bootstrap.n, bootstrap.seed)
    value = columns.sum(axis=0, keepdims=True)
    out = {}
    for name in RATIOS:
        gap = _pooled_gap(drawn, name)
        standing = ~np.isnan(getattr(first, name)()) | ~np.isnan(getattr(second, name)())
        interval = clusters.percentiles(gap, bootstrap.level, standing)
        change = float(_pooled_gap(value, name)[0])
        out[name] = _from_draws(change, gap, interval, len(first), clusters.effective(standing))
    left, right = film_values(first), film_values(second)
    gaps = {name: left[name] - right[name] for name in left}
    return out | _film_gaps(gaps, bootstrap)


def auroc_difference(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, bootstrap: Bootstrap
) -> Difference:
    """Difference of two AUROCs, by the paired cluster bootstrap; NaN with one class.

    No interval and no p where the films of a class are of one patient.

    Args:
        truth: bool (N,).
        first: float (N,), the first run's scores.
        second: float (N,), the second run's.
        bootstrap: patient of every film, draws and level; draws of one class only
            are left out.
    """
    value = auroc(truth, first) - auroc(truth, second)
    drawn = auroc_draws(truth, first, bootstrap) - auroc_draws(truth, second, bootstrap)
    t, clusters = labels(truth), Clusters(bootstrap.groups)
    standing = min(clusters.standing(t), clusters.standing(~t))
    interval = clusters.percentiles(drawn, bootstrap.level) if standing > 1 else NOTHING
    return _from_draws(value, drawn, interval, t.size, clusters.effective())


def delong(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.95
) -> Difference:
    """Difference of two AUROCs (DeLong et al. 1988), films counting as independent.

    With several films of one patient, use ``auroc_difference``.

    Args:
        truth: bool (N,).
        first: float (N,), the first run's scores.
        second: float (N,), the second run's.
        level: coverage, in (0, 1).

    Returns:
        NaN with one class; no interval and no p with fewer than 2 films in a class.
    """
    z = normal_quantile(level)
    t, a = pair(truth, first)
    _, b = pair(truth, second)
    value = auroc(t, a) - auroc(t, b)
    if min(int(t.sum()), int((~t).sum())) < 2:
        return Difference(value, math.nan, math.nan, math.nan, t.size)
    over_a, over_b = placements(t, a), placements(t, b)
    gaps = [x - y for x, y in zip(over_a, over_b)]
    spread = math.sqrt(sum(float(gap.var(ddof=1)) / gap.size for gap in gaps))
    # Both rank every film alike: no difference at all, or one without any doubt.
    if spread == 0.0:
        p = 1.0 if value == 0.0 else 0.0
    else:
        p = math.erfc(abs(value) / spread / math.sqrt(2))
    return Difference(value, value - z * spread, value + z * spread, p, t.size)


def _ratio_gap(sums: Float64) -> Float64:
    return ratio(sums[:, 0], sums[:, 1]) - ratio(sums[:, 2], sums[:, 3])


def _pooled_gap(sums: Float64, name: str) -> Float64:
    counts = np.rint(sums).astype(np.int64).T
    first, second = Confusion(*counts[:4]), Confusion(*counts[4:])
    gap: Float64 = getattr(first, name)() - getattr(second, name)()
    return gap


def _film_gaps(gaps: Mapping[str, Float64], bootstrap: Bootstrap) -> dict[str, Difference]:
    clusters, columns = Clusters(bootstrap.groups), np.stack(list(gaps.values()), axis=1)
    value, films, drawn = clusters.means(columns, bootstrap.n, bootstrap.seed)
    out = {}
    for i, name in enumerate(gaps):
        known = ~np.isnan(columns[:, i])
        interval = clusters.percentiles(drawn[:, i], bootstrap.level, known)
        groups_of = clusters.effective(known)
        out[name] = _from_draws(float(value[i]), drawn[:, i], interval, int(films[i]), groups_of)
    return out


def _from_draws(
    value: float, drawn: Float64, interval: Interval, films: int, groups: float
) -> Difference:
    p = math.nan if math.isnan(interval[0]) else _p(drawn, groups)
    return Difference(value, *interval, p, films)


def _p(drawn: Float64, groups: float) -> float:
    """Two-sided p by inverting the expanded interval, never 0 (Davison and Hinkley 1997)."""
    known = drawn[~np.isnan(drawn)]
    # One is added above and below (Davison and Hinkley 1997): a p of 0 would claim more draws than
    # there were.
    tail = (min(int((known <= 0).sum()), int((known >= 0).sum())) + 1) / (known.size + 1)
    return 1.0 if tail >= 0.5 else 2 * unexpanded(tail, groups)
