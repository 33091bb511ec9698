"""Checks and small arithmetic that the metrics share."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.integer] | NDArray[np.floating]
"""Counts, or sums and means of them."""


def ratio(top: Numbers, bottom: Numbers, empty: float = math.nan) -> Float64:
    """Quotient, and ``empty`` where the denominator is zero."""
    out = np.full(np.shape(top), empty, dtype=np.float64)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)
    return out


def mean(values: Float64) -> float:
    """Mean; NaN of nothing."""
    return float(values.mean()) if values.size else math.nan


def known_mean(values: Float64) -> float:
    """Mean of what is not NaN; NaN of nothing."""
    return mean(values[~np.isnan(values)])


def labels(truth: ArrayLike) -> NDArray[np.bool_]:
    """Checked bool (N,)."""
    t = np.asarray(truth)
    if t.ndim != 1:
        raise ValueError(f"expected an (N,) vector, got {t.shape}")
    if not np.isin(t, (0, 1)).all():
        raise ValueError("expected truth of 0 and 1; leave films with unknown truth out")
    return t.astype(np.bool_)


def pair(
    truth: ArrayLike, score: ArrayLike, unit: bool = False
) -> tuple[NDArray[np.bool_], Float64]:
    """Checked truth and score, (N,) each; ``unit`` asks for scores in [0, 1]."""
    t, s = np.asarray(truth), np.asarray(score, np.float64)
    if t.shape != s.shape or t.ndim != 1:
        raise ValueError(f"expected two (N,) vectors, got {t.shape} and {s.shape}")
    t = labels(t)
    if np.isnan(s).any():
        raise ValueError("expected scores, got NaN; leave films without a score out")
    if unit and s.size and not (s.min() >= 0 and s.max() <= 1):
        raise ValueError(f"expected probabilities, got [{s.min():g}, {s.max():g}]")
    return t, s


def readings(x: ArrayLike, y: ArrayLike) -> tuple[Float64, Float64]:
    """Two checked, finite vectors, float64 (N,)."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"expected two (N,) vectors, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("expected finite readings; leave films without a reading out")
    return a, b


def normal_quantile(level: float) -> float:
    """Standard normal quantile of a two-sided interval."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a level in (0, 1), got {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)
