"""Severity against radiologists' scores: correlation, and the interval's coverage and width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.catalog.rows import Score
from infmap.inference.severity import LUNG_MAX
from infmap.metrics import Estimate
from infmap.study.films import FilmTable
from infmap.training.extent import Readings, fit_extent
from infmap.training.snapshot import EXTENT

Float64 = NDArray[np.float64]
FOLDS = 5
FEWEST = 10
"""Readings below which no correlation is given: its interval would be as wide as its range."""


@dataclass(frozen=True, eq=False)
class Extents:
    """Extent of films by calibrations that other patients' films gave.

    Attributes:
        score: float64 (N,), 0 to 8; NaN where nothing could be fitted, or a lung was not found.
        low: float64 (N,), lower end of the interval.
        high: float64 (N,), upper end.
    """

    score: Float64
    low: Float64
    high: Float64


def extents_by_others(
    shares: Float64, truth: Float64, groups: NDArray[np.str_], healthy: Float64
) -> Extents:
    """Extent of each film, by a calibration on films of other groups.

    Args:
        shares: float64 (N, 2), mean opacity probability of the right and left lung.
        truth: float64 (N,), the readers' extent, 0 to 8; NaN where unread.
        groups: str (N,), patient or near-duplicate group.
        healthy: float64 (M, 2), shares of healthy films, on which the calibration stands too.
    """
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    fold = np.random.default_rng(0).permutation(group.max(initial=0) + 1)[group] % FOLDS
    score, low, high = (np.full(len(truth), np.nan) for _ in range(3))
    for held in range(FOLDS):
        learn = fold != held
        given = Readings.known(shares[learn], truth[learn], groups[learn])
        fitted = fit_extent(given, healthy, population="other groups")
        for i in np.flatnonzero(fold == held) if fitted.films else ():
            score[i] = sum(fitted.extent(float(share)) for share in shares[i])
            if np.isfinite(score[i]):
                half = fitted.half_width(float(score[i]))
                low[i] = max(0.0, score[i] - half)
                high[i] = min(2 * LUNG_MAX, score[i] + half)
    return Extents(score, low, high)


def severity_figures(
    table: FilmTable, scores: Sequence[Score], healthy: Float64
) -> dict[str, Estimate]:
    """Figures of the films that radiologists scored; none where too few are.

    ``r of SCORE (READER) with MEASURE`` for the mean opacity probability of both lungs, the opaque
    and the infected fraction, and the extent by ``extents_by_others``; of the extent also how often
    its interval holds the readers' score, and how wide it is.

    Args:
        table: films.
        scores: rows of a snapshot's scores: film_id, name, reader, value.
        healthy: float64 (M, 2), shares of healthy films, see ``extents_by_others``.
    """
    ids, groups, v = table.text["film_id"], table.text["group"], table.values
    truths = readings_of(ids, scores)
    shares = lung_shares(table)
    measures = {
        "mean opacity": mean_of_lungs(shares),
        "opaque fraction": v["opaque_share_predicted"],
        "infected fraction": v["infected_share_predicted"],
    }
    out: dict[str, Estimate] = {}
    for (name, reader), truth in sorted(truths.items()):
        of: dict[str, Float64] = dict(measures)
        if name == EXTENT:
            found = extents_by_others(shares, truth, groups, healthy)
            of["extent"] = found.score
            known = np.isfinite(found.score + truth)
            if known.sum() >= FEWEST:
                inside = (found.low <= truth) & (truth <= found.high)
                width = (found.high - found.low)[known]
                out["interval of extent, coverage"] = metrics.rate(inside[known], groups[known])
                out["interval of extent, median width"] = metrics.film_median(
                    width, metrics.Bootstrap(groups[known])
                )
        for measure, values in of.items():
            known = np.isfinite(values + truth)
            if known.sum() >= FEWEST:
                r, ends = metrics.pearson(
                    values[known], truth[known], metrics.Bootstrap(groups[known])
                )
                out[f"r of {name} ({reader}) with {measure}"] = Estimate(r, *ends, int(known.sum()))
    return out


def readings_of(
    film_ids: NDArray[np.str_], scores: Sequence[Score]
) -> dict[tuple[str, str], Float64]:
    """Score by its name and reader, float64 (N,) in the order of the films; NaN where unread.

    Zones' scores are left out: the map is compared with what is said of whole lungs.
    """
    at = {str(film_id): i for i, film_id in enumerate(film_ids)}
    out: dict[tuple[str, str], Float64] = {}
    for row in scores:
        if row["film_id"] in at and not _is_of_a_zone(row["name"]):
            values = out.setdefault((row["name"], str(row["reader"])), np.full(len(at), np.nan))
            values[at[row["film_id"]]] = row["value"]
    return out


def _is_of_a_zone(name: str) -> bool:
    """Whether a score is of one zone, A to F."""
    return name[-2:-1] == "_" and name[-1] in "ABCDEF"


def lung_shares(table: FilmTable) -> Float64:
    """Mean opacity probability of the right and left lung, float64 (N, 2); NaN without one."""
    return np.stack([table.values["opacity_right"], table.values["opacity_left"]], axis=1)


def mean_of_lungs(shares: Float64) -> Float64:
    """Mean of the lungs found, float64 (N,); NaN where neither was."""
    known = np.isfinite(shares)
    total = np.where(known, shares, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
