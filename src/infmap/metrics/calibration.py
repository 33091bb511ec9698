"""How far probabilities can be taken at their word."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.metrics._arrays import Float64, mean, pair, ratio
from infmap.metrics.intervals import Bootstrap, Clusters, Estimate, film_mean, rate


@dataclass(frozen=True, eq=False)
class Reliability:
    """Points of a reliability curve, one a bin of equal width on [0, 1].

    Attributes:
        predicted: float64 (bins,), mean probability; NaN in an empty bin.
        observed: float64 (bins,), share of positives; NaN in an empty bin.
        low: float64 (bins,), interval of ``observed`` as in ``rate``; NaN in a bin of no film or
            of one patient.
        high: float64 (bins,).
        films: int64 (bins,), films in the bin.
    """

    predicted: Float64
    observed: Float64
    low: Float64
    high: Float64
    films: NDArray[np.int64]


def brier(truth: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of probabilities (Brier 1950); NaN without films.

    Args:
        truth: bool (N,).
        probability: float (N,) in [0, 1].
    """
    t, p = pair(truth, probability, unit=True)
    return mean((p - t) ** 2)


def ece(truth: ArrayLike, probability: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017); NaN without films.

    Args:
        truth: bool (N,).
        probability: float (N,) in [0, 1].
        bins: number of bins on [0, 1], each closed below, the last at both ends.
    """
    t, p = pair(truth, probability, unit=True)
    place = _bins(p, bins)
    if t.size == 0:
        return math.nan
    gap = np.bincount(place, weights=p - t, minlength=bins)
    return float(np.abs(gap).sum() / t.size)


def brier_estimate(truth: ArrayLike, probability: ArrayLike, bootstrap: Bootstrap) -> Estimate:
    """``brier`` with its cluster bootstrap interval; arguments as in ``auprc_estimate``."""
    t, p = pair(truth, probability, unit=True)
    return film_mean((p - t) ** 2, bootstrap)


def ece_estimate(
    truth: ArrayLike, probability: ArrayLike, bootstrap: Bootstrap, bins: int = 15
) -> Estimate:
    """``ece`` with its cluster bootstrap interval; arguments as in ``auprc_estimate``.

    The error is an absolute value, so draws lie higher than the figure on average, and the
    interval of a well calibrated model can lie above the figure itself.
    """
    t, p = pair(truth, probability, unit=True)
    clusters = Clusters(bootstrap.groups, t.size)
    columns = np.zeros((t.size, bins + 1))
    columns[np.arange(t.size), _bins(p, bins)] = p - t
    # The last column counts the films of a draw, which differ with the groups drawn.
    columns[:, bins] = 1.0
    sums = clusters.sums(columns, bootstrap.n, bootstrap.seed)
    drawn = ratio(np.abs(sums[:, :bins]).sum(axis=1), sums[:, bins])
    return Estimate(ece(t, p, bins), *clusters.percentiles(drawn, bootstrap.level), t.size)


def reliability(
    truth: ArrayLike,
    probability: ArrayLike,
    groups: ArrayLike,
    bins: int = 15,
    level: float = 0.95,
) -> Reliability:
    """The reliability curve, over the bins of ``ece``.

    Args:
        truth: bool (N,).
        probability: float (N,) in [0, 1].
        groups: (N,) patient of every film.
        bins: number of bins on [0, 1].
        level: coverage of the intervals, in (0, 1).
    """
    t, p = pair(truth, probability, unit=True)
    place, g = _bins(p, bins), np.asarray(groups)
    films = np.bincount(place, minlength=bins)
    hits = np.bincount(place, weights=t, minlength=bins)
    # By patient within each bin, as every other share of films.
    ends = [rate(t[place == i], g[place == i], level) for i in range(bins)]
    return Reliability(
        predicted=ratio(np.bincount(place, weights=p, minlength=bins), films),
        observed=ratio(hits, films),
        low=np.array([end.low for end in ends]),
        high=np.array([end.high for end in ends]),
        films=films,
    )


def _bins(p: Float64, bins: int) -> NDArray[np.int64]:
    if bins < 1:
        raise ValueError(f"expected at least 1 bin, got {bins}")
    # A probability of 1 belongs to the last bin.
    return np.minimum((p * bins).astype(np.int64), bins - 1)
