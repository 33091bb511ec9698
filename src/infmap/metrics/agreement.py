"""Agreement of two readings of severity, or of more.

Readings must be finite: films that one side did not read are the caller's to leave out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from infmap.metrics._arrays import Float64, mean, ratio, readings
from infmap.metrics.intervals import NOTHING, Bootstrap, Clusters, Estimate, Interval, film_mean


@dataclass(frozen=True)
class BlandAltman:
    """Bias and limits of agreement, each with its interval.

    Attributes:
        bias: mean of estimate minus truth.
        lower: bias minus 1.96 sample standard deviations of the differences.
        upper: bias plus as much.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate


def pearson(x: ArrayLike, y: ArrayLike, bootstrap: Bootstrap) -> tuple[float, Interval]:
    """Pearson's r with its cluster bootstrap interval.

    Args:
        x: float (N,).
        y: float (N,).
        bootstrap: patient of every film, draws and level; draws in which a side is constant
            are left out.

    Returns:
        (r, (low, high)). NaN where a side is constant or N < 2; no interval where fewer than four
        patients stand behind r, of whom any two give 1 or -1.
    """
    a, b = readings(x, y)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan, NOTHING
    a, b = a - a.mean(), b - b.mean()
    columns = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], axis=1)
    r = float(_r(columns.sum(axis=0, keepdims=True))[0])
    clusters = Clusters(bootstrap.groups, a.size)
    # Two patients always lie on a line; of three, many draws hold two only.
    if clusters.count < 4:
        return r, NOTHING
    return r, clusters.percentiles(
        _r(clusters.sums(columns, bootstrap.n, bootstrap.seed)), bootstrap.level
    )


def _r(sums: Float64) -> Float64:
    """Correlation from sums (draws, 6) of 1, a, b, a^2, b^2, ab; NaN where a side is constant."""
    films, a, b, aa, bb, ab = sums.T
    one, two = films * aa - a * a, films * bb - b * b
    # What is left of equal readings is rounding.
    flat = (one <= 1e-12 * films * aa) | (two <= 1e-12 * films * bb)
    bottom = np.sqrt(np.where(flat, 0.0, one * two))
    return np.clip(ratio(films * ab - a * b, bottom), -1.0, 1.0)


def mae(truth: ArrayLike, estimate: ArrayLike) -> float:
    """Mean absolute error; NaN without films.

    Args:
        truth: float (N,).
        estimate: float (N,), in the same units.
    """
    a, b = readings(truth, estimate)
    return mean(np.abs(b - a))


def weighted_kappa(truth: ArrayLike, estimate: ArrayLike) -> float:
    """Kappa with quadratic weights (Cohen 1968) of whole-numbered grades.

    Disagreement is the squared difference of the grades themselves, so a grade that no reader gave
    still keeps its neighbours apart. Computed from moments: 1 - E[(x-y)^2] / (var x + var y +
    (mean x - mean y)^2), which is the same number.

    Args:
        truth: whole numbers (N,).
        estimate: whole numbers (N,), on the same scale.

    Returns:
        Kappa, 1 for agreement; NaN without films, or where all grades on both sides are one.

    Raises:
        ValueError: a grade is not a whole number.
    """
    a, b = _grades(truth, estimate)
    return float(_kappa(_moments(a, b).sum(axis=0, keepdims=True))[0])


def icc(ratings: ArrayLike) -> float:
    """ICC(2,1): two-way random effects, absolute agreement, single rater (Shrout, Fleiss 1979).

    Args:
        ratings: float (N, K), every film read by the same K >= 2 raters.

    Returns:
        At most 1; NaN for fewer than 2 films, or where all readings are one number.

    Raises:
        ValueError: another shape, or a reading that is not finite.
    """
    columns = _icc_columns(ratings)
    return float(_icc(columns.sum(axis=0, keepdims=True))[0])


def bland_altman(truth: ArrayLike, estimate: ArrayLike, bootstrap: Bootstrap) -> BlandAltman:
    """Bias and 95 % limits of agreement (Bland and Altman 1986), with cluster bootstrap intervals.

    Args:
        truth: float (N,).
        estimate: float (N,), in the same units.
        bootstrap: patient of every film, draws and level; the limits stay those of 95 %.

    Returns:
        NaN limits with fewer than 2 films.
    """
    a, b = readings(truth, estimate)
    d = b - a
    # Sums of squares about a middle: of readings far from 0 the difference of two large sums is
    # rounding.
    shift = mean(d) if d.size else 0.0
    columns = np.stack([np.ones_like(d), d - shift, (d - shift) ** 2], axis=1)
    clusters = Clusters(bootstrap.groups, d.size)
    drawn = _limits(clusters.sums(columns, bootstrap.n, bootstrap.seed)) + shift
    value = _limits(columns.sum(axis=0, keepdims=True))[0] + shift
    return BlandAltman(
        *(
            Estimate(float(value[i]), *clusters.percentiles(drawn[:, i], bootstrap.level), d.size)
            for i in range(3)
        )
    )


def agreement_table(
    truth: ArrayLike, estimate: ArrayLike, bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """All figures of two readings of severity on one scale.

    Args:
        truth: float (N,), the reader's.
        estimate: float (N,), the model's or another reader's.
        bootstrap: patient of every film, draws and level.

    Returns:
        ``mae``, ``kappa`` (of both rounded to whole numbers), ``icc`` (2,1), ``bias``,
        ``limit_low``, ``limit_high`` (Bland-Altman), each with its cluster bootstrap interval.
        NaN conventions as in the function of each.
    """
    a, b = readings(truth, estimate)
    clusters = Clusters(bootstrap.groups, a.size)
    grades = _moments(np.rint(a), np.rint(b))
    pairs = _icc_columns(np.stack([a, b], axis=1))
    limits = bland_altman(a, b, bootstrap)
    out = {"mae": film_mean(np.abs(b - a), bootstrap)}
    for name, formula, columns in (("kappa", _kappa, grades), ("icc", _icc, pairs)):
        value = float(formula(columns.sum(axis=0, keepdims=True))[0])
        drawn = formula(clusters.sums(columns, bootstrap.n, bootstrap.seed))
        out[name] = Estimate(value, *clusters.percentiles(drawn, bootstrap.level), a.size)
    return out | {"bias": limits.bias, "limit_low": limits.lower, "limit_high": limits.upper}


def _grades(truth: ArrayLike, estimate: ArrayLike) -> tuple[Float64, Float64]:
    a, b = readings(truth, estimate)
    if (a != np.rint(a)).any() or (b != np.rint(b)).any():
        raise ValueError("expected whole-numbered grades; round them first")
    return a, b


def _moments(a: Float64, b: Float64) -> Float64:
    shift = np.rint(mean(np.concatenate([a, b]))) if a.size else 0.0
    a, b = a - shift, b - shift
    return np.stack([np.ones_like(a), a, b, a * a, b * b, (a - b) ** 2], axis=1)


def _kappa(sums: Float64) -> Float64:
    """Quadratic kappa from sums (draws, 6) of 1, a, b, a^2, b^2, (a-b)^2."""
    films, a, b, aa, bb, gap = sums.T
    # All times films squared, so whole-numbered sums stay exact.
    chance = films * (aa + bb) - 2 * a * b
    return 1.0 - ratio(films * gap, chance)


def _icc_columns(ratings: ArrayLike) -> Float64:
    """Columns whose sums make the ICC: 1, squared film sum, sum of squares, the K ratings."""
    x = np.asarray(ratings, np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"expected (N, K) ratings of at least 2 raters, got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("expected finite readings; leave films that a rater did not read out")
    x = x - (x[0, 0] if x.size else 0.0)  # so equal readings are exactly 0
    film = np.stack([np.ones(len(x)), x.sum(axis=1) ** 2, (x * x).sum(axis=1)], axis=1)
    return np.concatenate([film, x], axis=1)


def _icc(sums: Float64) -> Float64:
    films, raters = sums[:, 0], sums.shape[1] - 3
    of_rater = sums[:, 3:]
    common = ratio(of_rater.sum(axis=1) ** 2, films * raters)
    between = sums[:, 1] / raters - common
    rater = ratio((of_rater**2).sum(axis=1), films) - common
    rest = np.maximum(sums[:, 2] - common - between - rater, 0.0)
    free = films - 1
    msr, msc, mse = ratio(between, free), rater / (raters - 1), ratio(rest, free * (raters - 1))
    bottom = msr + (raters - 1) * mse + ratio(raters * (msc - mse), films)
    rounding = 1e-12 * ratio(sums[:, 2], films)
    return ratio(msr - mse, np.where(np.abs(bottom) > rounding, bottom, 0.0))


def _limits(sums: Float64) -> Float64:
    """Bias, lower and upper limit (draws, 3), from sums of 1, d, d^2."""
    films, d, dd = sums.T
    bias = ratio(d, films)
    # 1.96: the 95 % limits that the paper defines, whatever the level of the intervals.
    spread = 1.96 * np.sqrt(np.maximum(ratio(dd - bias * d, films - 1), 0.0))
    return np.stack([bias, bias - spread, bias + spread], axis=1)
