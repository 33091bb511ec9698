"""What a model folder is worth on films that it was not trained on: the maps that users get."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.catalog.groups import film_groups
from infmap.core.zones import share
from infmap.inference.areas import AreaErrors, MapErrors, ShareError
from infmap.inference.manifest import Manifest
from infmap.inference.postprocess import LEVELS
from infmap.training.calibration import Outputs, population
from infmap.training.dataset import INFECTION, LUNGS, OPACITY
from infmap.training.validation import Score, film_confidence, score_films

Float64 = NDArray[np.float64]


def scored(manifest: Manifest, outputs: Outputs) -> tuple[Manifest, Score]:
    """The manifest with the figures of its validation set, and those that a run's log tells.

    Args:
        manifest: operating points fitted.
        outputs: of the validation set.
    """
    found = score(manifest, outputs)
    figures = {"films": len(outputs), **found.to_dict()}
    areas = area_errors(manifest, outputs)
    return replace(manifest, metrics={"validation": figures}, areas=areas), found


def score(manifest: Manifest, outputs: Outputs) -> Score:
    """Figures of a model folder on films, from the maps that users get.

    A plain classifier has none that a user could get: its detection is scored by its class.
    """
    if not outputs.maps.any():
        sure = film_confidence(outputs.maps, outputs.logits)
        return score_films(outputs.maps, sure, outputs.films, manifest.thresholds.infection)
    maps = np.zeros_like(outputs.maps)
    probability = np.zeros(len(outputs))
    for i, found in enumerate(outputs.findings(manifest.thresholds, manifest.detection)):
        maps[i] = found.infection, found.opacity, np.where(found.lungs, LEVELS, 0)
        probability[i] = found.probability
    return score_films(maps, probability, outputs.films, manifest.thresholds.infection)


def area_errors(manifest: Manifest, outputs: Outputs) -> AreaErrors | None:
    """Estimated minus true share of the lungs, on films whose maps and lungs are known.

    The estimated share is of the lungs that were found, the true one of those that were drawn.
    Films on which no lungs were found have no estimate, and are left out.

    Args:
        manifest: operating points fitted.
        outputs: films that the network was not trained on.

    Returns:
        None of a plain classifier, and where no true map is known.
    """
    if not outputs.maps.any():
        return None
    films = outputs.films
    found = np.array(
        [
            (f.infected_share(), f.opaque_share())
            for f in outputs.findings(manifest.thresholds, manifest.detection)
        ]
    ).reshape(-1, 2)
    true = np.full((len(films), 2), math.nan)
    for i, masks in enumerate(films.masks):
        if films.dense[i, 2]:
            lungs = (masks & LUNGS) > 0
            true[i] = [share((masks & bit) > 0, lungs) for bit in (INFECTION, OPACITY)]
    true[~films.dense[:, :2]] = math.nan
    groups = film_groups(films.rows)
    infection, opacity = (map_errors(true[:, k], found[:, k], groups) for k in range(2))
    if infection is None and opacity is None:
        return None
    known = np.isfinite(true + found).any(axis=1)
    return AreaErrors(infection, opacity, population(films.part(known).rows))


def map_errors(true: Float64, found: Float64, groups: Sequence[str]) -> MapErrors | None:
    """Errors of a share on films where both are known.

    Args:
        true: (N,), [0, 1]; NaN where unknown.
        found: (N,), the same.
        groups: (N,), patient or near-duplicate group.

    Returns:
        None with fewer than two groups.
    """
    known = np.isfinite(true + found)
    names = np.asarray(groups, np.str_)
    every, positive = (
        _share_error(true[keep], found[keep], names[keep]) for keep in (known, known & (true > 0))
    )
    return None if every is None else MapErrors(every, positive)


def _share_error(true: Float64, found: Float64, groups: NDArray[np.str_]) -> ShareError | None:
    if len(np.unique(groups)) < 2:
        return None
    limits = metrics.bland_altman(true, found, metrics.Bootstrap(groups))
    bias, lower, upper = limits.bias, limits.lower.value, limits.upper.value
    difference = found - true
    return ShareError(
        bias=round(bias.value, 4),
        low=round(bias.low, 4),
        high=round(bias.high, 4),
        lower=round(lower, 4),
        upper=round(upper, 4),
        within=round(float(np.mean((difference >= lower) & (difference <= upper))), 4),
        films=bias.n,
    )


def area_lines(areas: AreaErrors | None) -> list[str]:
    """What the model card says of the areas' errors."""
    return [] if areas is None else [f"- {sentence}" for sentence in areas.sentences()]
