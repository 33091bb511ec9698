"""How good a model is on a site's films: as it was, and cross-validated after calibration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.inference.manifest import Manifest
from infmap.inference.operating import Rate
from infmap.inference.operating_fit import film_rate
from infmap.inference.site import SiteFigures
from infmap.metrics import Estimate
from infmap.site.calibration import calibrated, fit_site
from infmap.site.films import Reading, SiteFilms

FOLDS = 10


def figures(films: SiteFilms, read: Reading) -> SiteFigures:
    """Figures of what users get of a site's films, see ``SiteFigures``."""
    sick, unknown = films.covid19 == 1, films.covid19 < 0
    other = (films.covid19 == 0) & ~films.healthy
    shares = np.nan_to_num(read.infected[films.healthy])
    groups = films.groups[films.healthy]
    found = SiteFigures(
        specificity=_share(films, ~read.detected, films.healthy),
        specificity_other=_share(films, ~read.detected, other),
        sensitivity=_share(films, read.detected, sick),
        infected=_rate(metrics.film_mean(shares, metrics.Bootstrap(groups)))
        if len(groups)
        else None,
        called=_share(films, read.detected, unknown),
    )
    if not sick.any() or not (films.covid19 == 0).any():
        return found
    known = films.covid19 >= 0
    truth, probability, patients = sick[known], read.probability[known], films.groups[known]
    bootstrap = metrics.Bootstrap(patients)
    return replace(
        found,
        auroc=_rate(metrics.auroc_estimate(truth, probability, patients)),
        brier=_rate(metrics.brier_estimate(truth, probability, bootstrap)),
        ece=_rate(metrics.ece_estimate(truth, probability, bootstrap, bins=10)),
    )


def cross_validated(
    films: SiteFilms, manifest: Manifest, aim: float, *, folds: int = FOLDS, seed: int = 0
) -> SiteFigures:
    """Figures after calibration: each labelled film is read by one that left its patient out.

    Films without a label enter no fit, so the calibration on all films reads them. AUROC is that of
    before, as a calibration keeps the order of films.
    """
    place = fold_of(films, folds, seed)
    read = films.read(calibrated(manifest, fit_site(films, manifest, aim), "the site"))
    for fold in range(folds):
        held = (place == fold) & (films.covid19 >= 0)
        rest = films.part(place != fold)
        if not held.any() or not rest.healthy.any():
            continue
        fitted = calibrated(manifest, fit_site(rest, manifest, aim), "the rest")
        found = films.part(held).read(fitted)
        read.probability[held], read.detected[held] = found.probability, found.detected
        read.infected[held] = found.infected
    after = figures(films, read)
    return replace(after, auroc=figures(films, films.read(manifest)).auroc)


def fold_of(films: SiteFilms, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each film, int64 (N,): a patient's films in one, classes spread evenly."""
    kind = np.where(films.healthy, 2, films.covid19)
    order = np.random.default_rng(seed).permutation(len(films))
    place: dict[int, int] = {}
    for label in (1, 2, 0, -1):
        for i in order[kind[order] == label]:
            place.setdefault(int(films.groups[i]), len(place) % folds)
    return np.array([place[int(group)] for group in films.groups], np.int64)


def _share(films: SiteFilms, hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> Rate | None:
    if not of.any():
        return None
    return film_rate(hits[of], [str(group) for group in films.groups[of]])


def _rate(found: Estimate) -> Rate:
    """An estimate in [0, 1]; an interval that is not known is all of it."""
    low, high = (0.0, 1.0) if math.isnan(found.low) else (found.low, found.high)
    value = round(found.value, 4)
    return Rate(
        value, min(value, max(0.0, round(low, 4))), max(value, min(1.0, round(high, 4))), found.n
    )
