"""Intervals by patient: score interval for shares of films, cluster bootstrap for the rest.

``benchmarks/coverage.py`` measures how often they hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.metrics._arrays import Float64, labels, normal_quantile, ratio
from infmap.metrics._student import t_quantile, t_tail

Interval = tuple[float, float]
NOTHING: Interval = (math.nan, math.nan)
# 16 MB as float64.
_CELLS = 2_000_000  # multiplicities held at once, draws times clusters


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the figure; NaN where no film contributes.
        low: lower end; NaN where there is no interval (say, one patient only).
        high: upper end; NaN as ``low``.
        n: films (pairs of readings, for agreement) that the figure stands on.

    Raises:
        ValueError: the ends are the wrong way round, or ``n`` is negative.
    """

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")
        if self.n < 0:
            raise ValueError(f"expected a count of 0 or more, got {self.n}")


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """How a cluster bootstrap draws: one value for all figures of the same films.

    Attributes:
        groups: (N,) group of every row, usually the patient of every film.
        n: number of draws.
        seed: of the draws; the same groups, number and seed draw the same rows for every figure.
        level: coverage of the intervals, in (0, 1).

    Raises:
        ValueError: fewer than one draw, or a level outside (0, 1).
    """

    groups: ArrayLike
    n: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"expected at least 1 draw, got {self.n}")
        normal_quantile(self.level)


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Score interval of a proportion of independent trials (Wilson 1927); (0, 1) without trials.

    Films of one patient are not independent: see ``rate``.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"expected 0 <= successes <= trials, got {successes} of {trials}")
    z = normal_quantile(level)
    return _score(successes / trials, trials, z) if trials else (0.0, 1.0)


def rate(hits: ArrayLike, groups: ArrayLike, level: float = 0.95) -> Estimate:
    """A share of films with its score interval, the films of a patient counting together.

    Wilson's interval with an effective number of films (Saha, Miller and Wang 2016): films over the
    design effect, which is the variance between patients over that of independent films (Rao and
    Scott 1992), never below 1. Its quantile is Student's t with as many degrees of freedom as there
    are effective patients, (films)^2 / sum of squares of films by patient, less one. Where every
    patient has one film, it is Wilson's interval. Where all films hit, or none, no spread was seen:
    each effective patient counts as one film.

    Args:
        hits: bool (N,).
        groups: (N,) patient of every film.
        level: coverage, in (0, 1).

    Returns:
        NaN without films; no interval with one patient only.
    """
    h = labels(hits).astype(np.float64)
    g = np.asarray(groups)
    if g.shape != h.shape:
        raise ValueError(f"expected one group for each of {h.size} rows, got {g.shape}")
    z = normal_quantile(level)
    if h.size == 0:
        return Estimate(math.nan, *NOTHING, 0)
    value, clusters = float(h.mean()), Clusters(g)
    count = clusters.count
    # One patient says nothing of the spread between patients.
    if count < 2:
        return Estimate(value, *NOTHING, h.size)
    # Patients with many films say less than as many films of as many patients.
    effective = clusters.effective()
    independent = value * (1 - value) / h.size
    trials = float(h.size)
    if count < h.size:
        z = t_quantile((1 - level) / 2, max(effective - 1, 1.0))
        if independent:
            off = np.bincount(clusters.of_row, h - value)
            spread = count / (count - 1) * float(off @ off) / h.size**2
            trials /= max(spread / independent, 1.0)
        else:
            # No spread was seen, so no design effect can be measured: films of a patient count as
            # one.
            trials = effective
    return Estimate(value, *_score(value, trials, z), h.size)


def _score(p: float, trials: float, z: float) -> Interval:
    """Wilson's interval of a proportion of a number of trials that need not be whole."""
    shrink = 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    return 0.0 if p == 0 else max(0.0, middle - half), 1.0 if p == 1 else min(1.0, middle + half)


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    bootstrap: Bootstrap,
    rows: NDArray[np.bool_] | None = None,
) -> Interval:
    """Interval by the cluster bootstrap: whole groups are drawn with replacement.

    One Python call a draw: for any figure. The figures of this package have faster ways, which
    draw the same groups for the same seed.

    Args:
        statistic: gives the figure for row indices, int64 (M,), repeats included. A NaN (say, a
            draw of one class) is left out of the percentiles.
        bootstrap: group of every row, draws and level.
        rows: bool (N,), rows that the figure stands on (films with truth, say); all if not given.

    Returns:
        (low, high), as ``Clusters.percentiles``; NaN, NaN where no draw has a figure, or where
        fewer than two groups have such a row.
    """
    clusters = Clusters(bootstrap.groups)
    order = np.argsort(clusters.of_row, kind="stable")
    counts = np.bincount(clusters.of_row)
    starts = np.cumsum(counts) - counts
    rng = np.random.default_rng(bootstrap.seed)
    values = np.empty(bootstrap.n)
    for draw in range(bootstrap.n):
        pick = rng.integers(0, len(starts), len(starts))
        size = counts[pick]
        begin = np.repeat(starts[pick] - (np.cumsum(size) - size), size)
        values[draw] = statistic(order[begin + np.arange(begin.size)])
    return clusters.percentiles(values, bootstrap.level, rows)


def bootstrap_ratio_interval(
    numerator: ArrayLike, denominator: ArrayLike, bootstrap: Bootstrap
) -> Interval:
    """Cluster bootstrap of sum(numerator) / sum(denominator), in matrix products.

    Pooled ratios (Dice: 2 tp over 2 tp + fp + fn) and means (denominator of ones) need no call
    per draw, so this is the one to use for many films.

    Args:
        numerator: float (N,).
        denominator: float (N,).
        bootstrap: group of every row, draws and level.

    Returns:
        (low, high); NaN, NaN where no draw has a denominator, or where fewer than
        two groups have one.
    """
    parts = np.stack([np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)], 1)
    clusters = Clusters(bootstrap.groups, parts.shape[0])
    totals = clusters.sums(parts, bootstrap.n, bootstrap.seed)
    drawn = ratio(totals[:, 0], totals[:, 1])
    return clusters.percentiles(drawn, bootstrap.level, parts[:, 1] != 0)


def film_mean(values: Float64, bootstrap: Bootstrap) -> Estimate:
    """Mean of what is not NaN, with its cluster bootstrap interval.

    Args:
        values: float64 (N,), one a film; NaN where the film has no such figure.
        bootstrap: patient of every film, draws and level.

    Raises:
        ValueError: an infinite value, which has no mean; ``film_median`` takes it.
    """
    return film_means({"value": values}, bootstrap)["value"]


def film_means(values: Mapping[str, Float64], bootstrap: Bootstrap) -> dict[str, Estimate]:
    """``film_mean`` of several figures of the same films, from one set of draws."""
    clusters, columns = Clusters(bootstrap.groups), np.stack(list(values.values()), axis=1)
    value, films, drawn = clusters.means(columns, bootstrap.n, bootstrap.seed)
    out = {}
    for i, name in enumerate(values):
        interval = clusters.percentiles(drawn[:, i], bootstrap.level, ~np.isnan(columns[:, i]))
        out[name] = Estimate(float(value[i]), *interval, int(films[i]))
    return out


def film_median(values: Float64, bootstrap: Bootstrap) -> Estimate:
    """Median of what is not NaN, with its cluster bootstrap interval.

    The smallest value that at least half of the films do not exceed (the inverse of the empirical
    distribution at 1/2), so infinite values take part as the worst.

    Args:
        values: float64 (N,), one a film; NaN where the film has no such figure.
        bootstrap: patient of every film, draws and level.
    """
    clusters = Clusters(bootstrap.groups, len(values))
    order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
    if order.size == 0:
        return Estimate(math.nan, *NOTHING, 0)
    ranked = values[order]
    drawn = []
    for weights in clusters.row_weights(bootstrap.n, bootstrap.seed):
        below = np.cumsum(weights[:, order], axis=1)
        # The weighted median without sorting each draw: films are ranked once, weights change.
        place = np.argmax(below >= below[:, -1:] / 2, axis=1)
        drawn.append(np.where(below[:, -1] > 0, ranked[place], math.nan))
    value = float(ranked[(order.size - 1) // 2])
    known = ~np.isnan(values)
    interval = clusters.percentiles(np.concatenate(drawn), bootstrap.level, known, "inverted_cdf")
    return Estimate(value, *interval, order.size)


class Clusters:
    """The groups of a cluster bootstrap (Field and Welsh 2007), and its draws.

    Every draw takes as many groups as there are, with replacement, and each group with all its
    rows. The same groups and seed give the same draws, whatever is computed from them.

    Args:
        groups: (N,) group of every row, usually the patient.
        rows: N, where it must match something else.

    Raises:
        ValueError: no rows, another number of rows, or a NaN as a group.
    """

    def __init__(self, groups: ArrayLike, rows: int | None = None) -> None:
        g = np.asarray(groups)
        if g.ndim != 1 or (rows is not None and g.size != rows):
            raise ValueError(f"expected one group for each of {rows} rows, got {g.shape}")
        if g.size == 0:
            raise ValueError("expected at least one row, got none")
        if g.dtype.kind == "f" and np.isnan(g).any():
            raise ValueError("expected a group for every row, got NaN; give such a row its own")
        names, inverse = np.unique(g, return_inverse=True)
        self.of_row: NDArray[np.int64] = inverse.reshape(-1).astype(np.int64)
        self.count = len(names)

    def weights(self, n: int, seed: int, rows: int = 1) -> Iterator[Float64]:
        """How often each group was drawn: float64 (draws, groups), some draws at a time."""
        rng = np.random.default_rng(seed)
        step = max(1, _CELLS // max(self.count, rows))
        for done in range(0, n, step):
            size = min(step, n - done)
            pick = rng.integers(0, self.count, (size, self.count))
            pick += np.arange(size)[:, None] * self.count
            times = np.bincount(pick.reshape(-1), minlength=size * self.count)
            yield times.reshape(size, self.count).astype(np.float64)

    def row_weights(self, n: int, seed: int) -> Iterator[Float64]:
        """How often each row was drawn: float64 (draws, N), some draws at a time."""
        for weights in self.weights(n, seed, self.of_row.size):
            yield weights[:, self.of_row]

    def sums(self, columns: Float64, n: int, seed: int) -> Float64:
        """Sums of columns, float64 (N, K), over the rows of every draw: float64 (draws, K)."""
        within = np.zeros((self.count, columns.shape[1]))
        # Sums by group first: a draw is then a product of small matrices, however many films there
        # are.
        np.add.at(within, self.of_row, columns)
        return np.concatenate([weights @ within for weights in self.weights(n, seed)])

    def means(
        self, columns: Float64, n: int, seed: int
    ) -> tuple[Float64, NDArray[np.int64], Float64]:
        """Means of columns, float64 (N, K), without their NaN.

        Returns:
            Of all rows the means (K,) and how many rows each stands on (K,); of every draw the
            means (draws, K).

        Raises:
            ValueError: an infinite value, or another number of rows than of groups.
        """
        if len(columns) != self.of_row.size:
            raise ValueError(f"expected {self.of_row.size} rows as groups, got {len(columns)}")
        if np.isinf(columns).any():
            raise ValueError("expected finite figures, got an infinite one; take the median")
        known = ~np.isnan(columns)
        parts = np.concatenate([np.where(known, columns, 0.0), known], axis=1)
        top, bottom = np.split(self.sums(parts, n, seed), 2, axis=1)
        rows = known.sum(axis=0)
        return ratio(parts[:, : len(rows)].sum(axis=0), rows), rows, ratio(top, bottom)

    def percentiles(
        self,
        values: Float64,
        level: float,
        rows: NDArray[np.bool_] | None = None,
        method: str = "linear",
    ) -> Interval:
        """Expanded percentile interval of the figures of the draws, NaN left out.

        Percentiles of few groups lie too close together: they are taken further out, as Student's
        t of the effective groups lies beyond the normal, and by the bootstrap's own factor of
        sqrt((k - 1)/k) (Hesterberg 2015). One group says nothing of the spread between groups: NaN,
        NaN where fewer than two have a row that the figure stands on.

        Args:
            values: float64 (draws,).
            level: coverage, in (0, 1).
            rows: bool (N,), rows that the figure stands on; all where not given.
            method: of ``numpy.quantile``.
        """
        normal_quantile(level)
        known = values[~np.isnan(values)]
        if known.size == 0 or self.standing(rows) < 2:
            return NOTHING
        tail = _expanded((1 - level) / 2, self.effective(rows))
        ends = [tail, 1 - tail]
        low, high = np.quantile(known, ends, method=method)  # type: ignore[call-overload]
        return float(low), float(high)

    def standing(self, rows: NDArray[np.bool_] | None = None) -> int:
        """Groups that have one of these rows, bool (N,); all where not given."""
        return self.count if rows is None else len(np.unique(self.of_row[rows]))

    def effective(self, rows: NDArray[np.bool_] | None = None) -> float:
        """Groups that are as good as equal ones: (rows)^2 over the sum of squares by group.

        Where few groups have most rows, an interval stands on little more than those (Kish 1965).
        """
        sizes = np.bincount(self.of_row if rows is None else self.of_row[rows])
        return float(sizes.sum()) ** 2 / max(float((sizes.astype(np.float64) ** 2).sum()), 1.0)


def _expanded(tail: float, groups: float) -> float:
    """The tail of the draws that has the wanted tail of the truth beyond it (Hesterberg 2015)."""
    z = math.sqrt(groups / (groups - 1)) * t_quantile(tail, groups - 1)
    return 0.5 * math.erfc(z / math.sqrt(2))


def unexpanded(tail: float, groups: float) -> float:
    """The tail of the truth beyond a tail of the draws, in (0, 0.5): undoes ``_expanded``."""
    z = -NormalDist().inv_cdf(tail)
    return t_tail(z * math.sqrt((groups - 1) / groups), groups - 1)
