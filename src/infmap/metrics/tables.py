"""The whole table of a run, every figure with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from infmap.metrics._arrays import pair
from infmap.metrics.calibration import brier_estimate, ece_estimate
from infmap.metrics.detection import auprc_estimate, auroc_estimate
from infmap.metrics.intervals import Bootstrap, Clusters, Estimate, film_means, rate
from infmap.metrics.pixels import RATIOS, Confusion, film_values


class EstimateRecord(TypedDict):
    """The JSON form of an ``Estimate``; None for what is not finite."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def segmentation_table(counts: Confusion, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """Pixel figures of one run: pooled, and per film with positives and negatives apart.

    Args:
        counts: pixel counts, one entry a film.
        bootstrap: patient of every film, draws and level.

    Returns:
        Every ratio of ``Confusion`` pooled over all pixels, under its own name; means over films
        under the names of ``film_values``, films without the figure left out and counted out of
        ``n``. Cluster bootstrap by patient, but the interval of ``rate`` for ``false_alarm``, a
        share of films.

    Raises:
        ValueError: no films, or another number of groups than of films.
    """
    clusters = Clusters(bootstrap.groups, len(counts))
    drawn = Confusion(
        *np.rint(clusters.sums(counts.columns(), bootstrap.n, bootstrap.seed)).astype(np.int64).T
    )
    pool = counts.pooled()
    out = {}
    for name in RATIOS:
        standing = ~np.isnan(getattr(counts, name)())
        interval = clusters.percentiles(getattr(drawn, name)(), bootstrap.level, standing)
        out[name] = Estimate(float(getattr(pool, name)()[0]), *interval, len(counts))
    out |= film_means(film_values(counts), bootstrap)
    healthy = ~counts.positive
    out["false_alarm"] = rate(
        counts.fp[healthy] > 0, np.asarray(bootstrap.groups)[healthy], bootstrap.level
    )
    return out


def detection_table(
    truth: ArrayLike, score: ArrayLike, decision_threshold: float, bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """Film figures of one run: rates at a fixed operating point, areas, calibration.

    Args:
        truth: bool (N,).
        score: float (N,), higher for positive.
        decision_threshold: positive is ``score >= decision_threshold``.
        bootstrap: patient of every film, draws and level.

    Returns:
        ``sensitivity``, ``specificity``, ``precision``, ``negative_predictive_value`` and
        ``accuracy`` with the intervals of ``rate``, NaN without films to count; ``auroc`` with that
        of ``auroc_estimate``; ``iou``, ``f1`` and ``f2`` (1 where nothing is positive and nothing
        called so), ``auprc``, ``brier`` and ``ece`` (15 bins) with cluster bootstrap intervals. No
        interval stands on the films of one patient. ``brier`` and ``ece``
        are NaN of 0 films where a score lies outside [0, 1] and so is no probability.

    Raises:
        ValueError: no films, an unknown truth, a NaN score or threshold, or another number of
            groups than of films.
    """
    if math.isnan(decision_threshold):
        raise ValueError("expected a decision threshold, got NaN")
    t, s = pair(truth, score)
    clusters = Clusters(bootstrap.groups, t.size)
    yes = s >= decision_threshold
    cells = Confusion(*(c.astype(np.int64) for c in (t & yes, ~t & yes, t & ~yes, ~t & ~yes)))
    g = np.asarray(bootstrap.groups)
    out = {
        "sensitivity": rate(yes[t], g[t], bootstrap.level),
        "specificity": rate(~yes[~t], g[~t], bootstrap.level),
        "precision": rate(t[yes], g[yes], bootstrap.level),
        "negative_predictive_value": rate(~t[~yes], g[~yes], bootstrap.level),
        "accuracy": rate(yes == t, g, bootstrap.level),
    }
    drawn = Confusion(
        *np.rint(clusters.sums(cells.columns(), bootstrap.n, bootstrap.seed)).astype(np.int64).T
    )
    pool = cells.pooled()
    for name in ("iou", "f1", "f2"):
        interval = clusters.percentiles(getattr(drawn, name)(), bootstrap.level)
        out[name] = Estimate(float(getattr(pool, name)()[0]), *interval, t.size)
    out["auroc"] = auroc_estimate(t, s, bootstrap.groups, bootstrap.level)
    out["auprc"] = auprc_estimate(t, s, bootstrap)
    # Scores that are no probabilities (logits, say) have areas, but no calibration.
    unit = bool(s.min() >= 0 and s.max() <= 1)
    none = Estimate(math.nan, math.nan, math.nan, 0)
    out["brier"] = brier_estimate(t, s, bootstrap) if unit else none
    out["ece"] = ece_estimate(t, s, bootstrap, 15) if unit else none
    return out


def to_dict(table: Mapping[str, Estimate], digits: int = 5) -> dict[str, EstimateRecord]:
    """The JSON form of a table: value, low, high and n; null for what is not finite."""

    def r(value: float) -> float | None:
        return round(float(value), digits) if math.isfinite(value) else None

    return {
        name: {"value": r(e.value), "low": r(e.low), "high": r(e.high), "n": e.n}
        for name, e in table.items()
    }
