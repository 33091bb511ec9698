"""Fit a site's operating point, and with labels its probability.

All of it acts on the log-odds z of a film's probability, whatever they were made of: a site's are
``slope * z + intercept``. The order of films stays, so does AUROC.

Without enough films of COVID-19 only the operating point can be fitted. It is fitted as a shift of
the log-odds (slope 1) that brings the wanted film to the model's own threshold: that threshold is
also the one of pixels, so masks keep their level. With labels, slope and intercept make a
probability of the site, and the threshold follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap.inference.manifest import Manifest, PlattScaling
from infmap.site.films import SiteFilms, log_odds

Float64 = NDArray[np.float64]
FEWEST = 10
"""Patients of a class (COVID-19, others) from which the probability is fitted on labels."""
SLOPE_SPREAD, SHIFT_SPREAD = 0.5, 2.0
"""Standard deviations of the prior on the logarithm of the slope and on the intercept, around the
shipped 1 and 0: a slope between 0.4 and 2.7 and a shift of 4 log-odds are within two of them.
Chosen by hand; a handful of patients outweighs neither."""
BEYOND = 1e-6
"""Log-odds by which the operating point lies above the film that it is to leave uncalled."""


@dataclass(frozen=True)
class SiteCalibration:
    """From the log-odds of a model to those of a site.

    Attributes:
        slope: above 0.
        intercept: log-odds.
        point: operating point, on the site's probability, (0, 1).
        recalibrated: slope and intercept were fitted on labels.
    """

    slope: float
    intercept: float
    point: float
    recalibrated: bool


def healthy_needed(aim: float) -> int:
    """Healthy patients that a specificity needs: the highest of n has n / (n + 1) below it."""
    return max(FEWEST, math.ceil(aim / (1.0 - aim) - 1e-9))


def supported_specificity(healthy: int, aim: float, level: float = 0.95) -> float:
    """Lower one-sided bound of the specificity of the point that n healthy patients give.

    The share of a population below the k-th of n ascending values follows Beta(k, n + 1 - k),
    whatever the distribution (Wilks 1941), which is also the lower limit of Clopper and Pearson.
    """
    from scipy.stats import beta

    rank = _rank(healthy, aim)
    return float(beta.ppf(1.0 - level, rank, healthy + 1 - rank))


def fit_site(films: SiteFilms, manifest: Manifest, aim: float) -> SiteCalibration:
    """Fit a site's calibration.

    The operating point lies just above the k-th of n healthy patients (each with its highest film),
    k = ceil(aim * (n + 1)): a further healthy patient of the site lies below it with a probability
    of at least ``aim``, on the average over such calibrations (conformal prediction). With fewer
    patients than that needs, it lies above the highest.

    Args:
        films: of the site; at least one is healthy.
        manifest: of the model as it is.
        aim: specificity on healthy films, (0, 1).

    Raises:
        ValueError: no healthy film.
    """
    odds = log_odds(films.read(manifest).probability)
    point = manifest.thresholds.covid
    return fit_odds(odds, films.covid19, films.healthy, films.groups, point, aim)


def fit_odds(
    odds: Float64,
    covid19: NDArray[np.int8],
    healthy: NDArray[np.bool_],
    groups: NDArray[np.int64],
    threshold: float,
    aim: float,
) -> SiteCalibration:
    """``fit_site`` from log-odds alone.

    Args:
        odds: float64 (N,), of a film's probability.
        covid19: int8 (N,), 1 it is, 0 it is not, -1 unknown.
        healthy: bool (N,).
        groups: int64 (N,), patient.
        threshold: operating point of the model as it is, (0, 1).
        aim: specificity on healthy films, (0, 1).

    Raises:
        ValueError: no healthy film.
    """
    if not healthy.any():
        raise ValueError("expected healthy films, got none")
    known = covid19 >= 0
    slope, intercept = 1.0, 0.0
    enough = min(len(np.unique(groups[covid19 == label])) for label in (0, 1)) >= FEWEST
    if enough:
        slope, intercept = fit_scaling(odds[known], covid19[known] == 1, groups[known])
    edge = _edge(slope * odds[healthy] + intercept, groups[healthy], aim) + BEYOND
    if enough:
        point = 1.0 / (1.0 + math.exp(-max(-13.0, min(13.0, edge))))
        return SiteCalibration(slope, intercept, point, True)
    return SiteCalibration(1.0, math.log(threshold / (1.0 - threshold)) - edge, threshold, False)


def fit_scaling(
    odds: Float64, covid19: NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[float, float]:
    """Platt scaling of log-odds, drawn towards leaving them as they are.

    The likelihood (each patient counts once) is weighed against a normal prior on the intercept and
    on the logarithm of the slope, so that the slope stays above 0 and few films change little.

    Args:
        odds: float64 (N,), of films with a known label.
        covid19: bool (N,).
        groups: int64 (N,), patient.

    Returns:
        (slope, intercept).
    """
    from scipy.optimize import minimize

    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1.0 / sizes[place.reshape(-1)]
    truth = covid19.astype(np.float64)

    def loss(p: Float64) -> float:
        z = math.exp(p[0]) * odds + p[1]
        fit = weights @ (np.logaddexp(0.0, z) - truth * z)
        return float(fit + (p[0] / SLOPE_SPREAD) ** 2 / 2.0 + (p[1] / SHIFT_SPREAD) ** 2 / 2.0)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-3.0, 3.0), (-50.0, 50.0)]).x
    return math.exp(float(found[0])), float(found[1])


def calibrated(manifest: Manifest, site: SiteCalibration, where: str) -> Manifest:
    """The manifest with a site's log-odds and operating point.

    The points that rule in and out were measured on other films, and the errors of areas at another
    operating point, so they go.

    Args:
        manifest: of the model as it is.
        site: the calibration.
        where: the site's films in words.
    """
    thresholds = manifest.thresholds
    if thresholds.film is None:
        thresholds = replace(thresholds, infection=site.point)
    else:
        thresholds = replace(thresholds, film=site.point)
    thresholds = replace(thresholds, infection_chosen_on=where)
    was = manifest.detection.population
    population = where if site.recalibrated else f"{was}; shifted for {where}"
    detection = rescaled(manifest.detection, site.slope, site.intercept)
    return replace(
        manifest,
        thresholds=thresholds,
        detection=replace(detection, population=population[:500]),
        operating=None,
        areas=None,
    )


def rescaled(scaling: PlattScaling, slope: float, intercept: float) -> PlattScaling:
    """The scaling whose log-odds are ``slope`` times as large, plus ``intercept``.

    Every number of a Platt scaling is a weight of what it is made of, or its intercept.
    """
    numbers = {f.name: getattr(scaling, f.name) for f in fields(scaling)}
    weights: dict[str, Any] = {
        k: slope * v for k, v in numbers.items() if isinstance(v, (int, float))
    }
    weights["intercept"] += intercept
    return replace(scaling, **weights)


def _rank(count: int, aim: float) -> int:
    """The how-manieth of ascending values the operating point lies above."""
    return min(count, math.ceil(aim * (count + 1) - 1e-9))


def _edge(odds: Float64, groups: NDArray[np.int64], aim: float) -> float:
    highest = np.sort([odds[groups == group].max() for group in np.unique(groups)])
    return float(highest[_rank(len(highest), aim) - 1])
