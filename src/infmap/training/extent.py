"""Fit the severity's map from opaque shares of the lungs to radiologists' extent scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infmap.inference.severity import LUNG_MAX, Calibration

Float64 = NDArray[np.float64]

PRIOR_FILMS = 8
"""The definition's own map counts as so many films, at lungs from 1/16 to 15/16 opaque. A fixed
number: it shapes a fit on dozens of readings, and fades with hundreds."""
SMOOTHNESS = 1.0
"""Films that a change of slope by 1 (extent of a lung per lung) between knots counts as: a fixed
number too. Without it dozens of readings, whose scores scatter by 1.5, make steps of a curve."""
INNER_KNOTS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Knots of the spline, opaque fraction of a lung: closer where mild disease is graded."""
TABLE = np.round(np.linspace(0.0, 1.0, 41), 4)
"""Shares at which the fitted curve is written into the manifest."""
FOLDS = 10
FEWEST_FILMS, FEWEST_PATIENTS = 20, 10
"""Readings below which nothing is fitted: each fold needs films and patients."""


@dataclass(frozen=True, eq=False)
class Readings:
    """Films with a known extent.

    Attributes:
        shares: float64 (N, 2), mean opacity probability of the right and the left lung, [0, 1].
        scores: float64 (N,), geographic extent, 0 to 8.
        patients: int64 (N,), 0 to P - 1.

    Raises:
        ValueError: shapes or ranges are wrong.
    """

    shares: Float64
    scores: Float64
    patients: NDArray[np.int64]

    def __post_init__(self) -> None:
        x, y = self.shares, self.scores
        if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1] or len(self.patients) != len(y):
            raise ValueError(
                f"expected (N, 2) shares, (N,) scores and patients, got {x.shape}, {y.shape} and "
                f"{len(self.patients)}"
            )
        if len(y) and (x.min() < 0 or x.max() > 1 or y.min() < 0 or y.max() > 2 * LUNG_MAX):
            raise ValueError("expected shares in [0, 1] and scores in [0, 8]")

    @classmethod
    def known(cls, shares: ArrayLike, scores: ArrayLike, patients: Sequence[object]) -> Readings:
        """Films whose two lungs were found and whose score is known; the others are left out.

        Args:
            shares: float (N, 2), NaN for a lung that was not found.
            scores: float (N,), NaN for no reading.
            patients: (N,) of any kind.
        """
        x, y = np.asarray(shares, np.float64).reshape(-1, 2), np.asarray(scores, np.float64)
        keep = np.isfinite(x).all(axis=1) & np.isfinite(y)
        names = np.array([str(p) for p in patients])[keep]
        return cls(x[keep], y[keep], np.unique(names, return_inverse=True)[1].reshape(-1))

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, keep: NDArray[np.bool_]) -> Readings:
        """Some of the films."""
        return Readings(self.shares[keep], self.scores[keep], self.patients[keep])


def fit_extent(
    readings: Readings, healthy: ArrayLike, *, alpha: float = 0.1, population: str, seed: int = 0
) -> Calibration:
    """Fit the map on total scores, and its interval on patients that the map has not seen.

    Only totals are read by radiologists, so one map serves both lungs and their sum is fitted by
    least squares: a quadratic spline with rising coefficients from 0 to 4 (Ramsay 1988), hence
    smooth and monotone through (0, 0) and (1, 4). Healthy films count as much as those with
    readings, however many there are, with extent 0.

    The interval is made of residuals of cross-validation by patient. They are divided by a width
    that grows with the score by a line, and the quantile of the quotients scales that line
    (locally weighted residuals, Lei et al. 2018, but by cross-validation, not by a split: coverage
    is approximate). The coverage stated is that of intervals made without the patient.

    Args:
        readings: films that the network was not trained on, with readings.
        healthy: float (M, 2), shares of healthy films that it was not trained on; rows with a NaN
            are left out. May be empty.
        alpha: share of films that the interval may miss.
        population: what the films are.
        seed: of the draw of patients into folds.

    Returns:
        The calibration; the definition's own map where there are too few films or patients.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"expected alpha in (0, 1), got {alpha!r}")
    clear = np.asarray(healthy, np.float64).reshape(-1, 2)
    clear = clear[np.isfinite(clear).all(axis=1)]
    count = int(readings.patients.max()) + 1 if len(readings) else 0
    if len(readings) < FEWEST_FILMS or count < FEWEST_PATIENTS:
        return Calibration()
    fold = np.random.default_rng(seed).permutation(count)[readings.patients] % min(FOLDS, count)
    system = _System(readings, clear, fold)
    covered = np.zeros(len(readings), np.bool_)
    for held in range(int(fold.max()) + 1):
        out = fold == held
        found = _totals(readings.shares[out], system.curve({held}))
        width = np.interp(found, (0.0, 2 * LUNG_MAX), system.widths(alpha, held))
        covered[out] = np.abs(found - readings.scores[out]) <= width
    extents, widths = system.curve(set()), system.widths(alpha)
    patients = np.bincount(readings.patients, covered) / np.bincount(readings.patients)
    return Calibration(
        knots=tuple(float(k) for k in TABLE),
        extents=tuple(float(e) for e in extents),
        half_widths=widths,
        alpha=alpha,
        population=population,
        coverage=round(float(patients.mean()), 4),
        films=len(readings),
        healthy=len(clear),
    )


def conformal_quantile(residuals: ArrayLike, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest residual; infinite where n is too small for that."""
    r = np.sort(np.asarray(residuals, np.float64))
    rank = math.ceil((r.size + 1) * (1 - alpha) - 1e-9)
    return float(r[rank - 1]) if rank <= r.size else math.inf


class _System:
    """Normal equations of the fit by fold, so that leaving folds out costs no pass over films.

    Args:
        readings: the films.
        healthy: float64 (M, 2), shares of healthy films.
        fold: int64 (N,), of each reading.
    """

    def __init__(self, readings: Readings, healthy: Float64, fold: NDArray[np.int64]) -> None:
        self._readings, self._fold = readings, fold
        steps = _steps(readings.shares)
        parts = [fold == held for held in range(int(fold.max()) + 1)]
        self._counts = [int(part.sum()) for part in parts]
        self._grams = [steps[part].T @ steps[part] for part in parts]
        self._sides = [steps[part].T @ readings.scores[part] for part in parts]
        self._clear = np.zeros_like(self._grams[0])
        if len(healthy):
            rows = _steps(healthy)
            self._clear = rows.T @ rows / len(healthy)
        plain = Calibration()
        prior = np.tile((np.arange(PRIOR_FILMS)[:, None] * 2 + 1) / (2 * PRIOR_FILMS), 2)
        rows = _steps(prior)
        self._prior = rows.T @ rows + SMOOTHNESS * _roughness()
        self._target = rows.T @ np.interp(prior, plain.knots, plain.extents).sum(axis=1)

    def curve(self, held: set[int]) -> Float64:
        """Extents at ``TABLE``, from 0 to 4, never falling, from all folds but some."""
        from scipy.optimize import nnls  # type: ignore[import-untyped, unused-ignore]

        used = [i for i in range(len(self._counts)) if i not in held]
        count = sum(self._counts[i] for i in used)
        gram = sum((self._grams[i] for i in used), count * self._clear) + self._prior
        side = sum((self._sides[i] for i in used), self._target)
        # All steps together are 4: as heavy a row as rounding allows, then made exact. A
        # millionth of a film on the diagonal keeps steps finite that no film touches.
        heavy = 1e4 * (count + PRIOR_FILMS)
        gram = gram + heavy + 1e-6 * np.eye(len(gram))
        lower = np.linalg.cholesky(gram)
        steps, _ = nnls(lower.T, np.linalg.solve(lower, side + heavy * LUNG_MAX))
        curve = np.maximum.accumulate(_basis(TABLE) @ (steps * LUNG_MAX / steps.sum()))
        curve[0], curve[-1] = 0.0, LUNG_MAX
        return np.asarray(np.clip(np.round(curve, 5), 0.0, LUNG_MAX), dtype=np.float64)

    def widths(self, alpha: float, held: int | None = None) -> tuple[float, float]:
        """Half widths at scores 0 and 8, from folds left out in turn; ``held`` is not looked at."""
        found = np.full(len(self._fold), np.nan)
        for other in range(len(self._counts)):
            if other != held:
                out = self._fold == other
                left = {other} if held is None else {other, held}
                found[out] = _totals(self._readings.shares[out], self.curve(left))
        seen = np.isfinite(found)
        return _widths(found[seen], np.abs(found - self._readings.scores)[seen], alpha)


def _roughness() -> Float64:
    """Quadratic form of the steps: squared changes of slope from one to the next, (K, K)."""
    knots = np.concatenate([[0.0] * 3, INNER_KNOTS, [1.0] * 3])
    # A step lies between the averages of two neighbouring pairs of knots (Greville 1967).
    middles = (knots[1:-2] + knots[2:-1]) / 2.0
    changes = np.diff(np.diag(1.0 / np.diff(middles)), axis=0)
    return np.asarray(changes.T @ changes)


def _steps(shares: Float64) -> Float64:
    """What each step of the spline adds to the total of two lungs, float64 (N, K)."""
    return np.asarray(_basis(shares.reshape(-1)).reshape(len(shares), 2, -1).sum(axis=1))


def _basis(x: Float64) -> Float64:
    """Rising quadratic splines from 0 at 0 to 1 at 1, float64 (N, K): sums of B-splines."""
    from scipy.interpolate import BSpline

    knots = np.concatenate([[0.0] * 3, INNER_KNOTS, [1.0] * 3])
    parts = BSpline.design_matrix(x, knots, 2).toarray()
    return np.asarray(np.cumsum(parts[:, ::-1], axis=1)[:, ::-1][:, 1:])


def _totals(shares: Float64, extents: Float64) -> Float64:
    return np.asarray(np.interp(shares, TABLE, extents).sum(axis=1), dtype=np.float64)


def _widths(scores: Float64, residuals: Float64, alpha: float) -> tuple[float, float]:
    """Half widths at scores 0 and 8 of the line that covers enough of the films."""
    from scipy.optimize import nnls

    ends = np.stack([1.0 - scores / (2 * LUNG_MAX), scores / (2 * LUNG_MAX)], axis=1)
    line, _ = nnls(ends, residuals)
    # No end narrower than half the mean: few films lie there, and a residual of 0 says little.
    line = np.maximum(line, max(residuals.mean() / 2.0, 1e-3))
    scale = conformal_quantile(residuals / (ends @ line), alpha)
    low, high = (min(float(scale * end), 2 * LUNG_MAX) for end in line)
    return round(low, 4), round(high, 4)
