"""What a network says of films against their truth: the one evaluator.

Deployed model folders are scored on the maps that users get: as ``infmap.inference.postprocess``
makes them, at the operating points of the model. Runs of a study are scored on the network's own
map, as the paper does and as activation maps are: a map that users get is empty on a film that is
not detected, so that it says how well the film is classified, too. Films are scored in network
pixels. ``infmap.study.films`` turns the rows into figures with intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from infmap import metrics
from infmap.core.types import BoolImage
from infmap.core.zones import share
from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.inference.postprocess import (
    LEVELS,
    UInt8Image,
    class_log_odds,
    film_probability,
    first_level,
)
from infmap.metrics.localization import film_energy, film_pointing
from infmap.metrics.surface import surface_figures
from infmap.study.films import class_name
from infmap.study.paper_rule import map_areas
from infmap.study.records import FilmRow
from infmap.training.calibration import Outputs
from infmap.training.dataset import INFECTION, LUNGS, OPACITY

TOLERANCE = 2.0
"""Distance of outlines that counts as agreement, network pixels."""


def evaluate(
    outputs: Outputs,
    thresholds: Thresholds,
    detection: PlattScaling,
    groups: Mapping[str, str],
    part: str,
    tolerance: float = TOLERANCE,
    least_area: int = 1,
    own_map: bool = False,
) -> Iterator[FilmRow]:
    """Rows of films.csv of a network with maps, see ``infmap.study.films.COLUMNS``.

    What is unknown of a film is absent from its row. Where truth and result are both empty, Dice
    is 1, of lungs too.

    Args:
        outputs: films with what the network says of them.
        thresholds: operating points.
        detection: from logits and the map's peak to the film's probability.
        groups: film_id to the group that intervals must keep together.
        part: what the films are to the network, such as "held-out".
        tolerance: of outlines, network pixels.
        least_area: infected pixels of the network's own map from which a film is positive by the
            paper's rule.
        own_map: score infection on the network's own map, cut at ``thresholds.infection``, not on
            the one that users get.
    """
    findings = list(outputs.findings(thresholds, detection))
    films = outputs.films
    if not findings:
        return
    truth = (films.masks & INFECTION) > 0
    raw = outputs.maps[:, 0]
    if own_map:
        found, planes = raw >= first_level(thresholds.infection), raw
    else:
        found = np.stack([f.infected for f in findings])
        planes = np.stack([f.infection for f in findings])
    counts = metrics.confusion(truth, found)
    dice = counts.dice()
    surface = surface_figures(truth, found, tolerance)
    areas = map_areas(raw, thresholds.infection)
    levels = planes.astype(np.float32) / np.float32(LEVELS)
    energy, pointing = film_energy(levels, truth), film_pointing(levels, truth)
    for i, finding in enumerate(findings):
        row = _head(outputs, i, groups, part)
        said: FilmRow = {
            "covid_probability": finding.probability,
            "covid_detected": finding.detected,
            "map_peak": float(outputs.maps[i][0].max()) / LEVELS,
            "map_area": int(areas[i]),
            "map_any": bool(areas[i]),
            "map_detected": bool(areas[i] >= least_area),
            "infected_share_predicted": share(found[i], finding.lungs),
            "opaque_share_predicted": finding.opaque_share(),
            "infection_mean": _mean_level(outputs.maps[i][0], finding.lungs),
            "opacity_mean": _mean_level(outputs.maps[i][1], finding.lungs),
            "opacity_right": finding.mean_opacity("ABC"),
            "opacity_left": finding.mean_opacity("DEF"),
        }
        row.update(said)
        infection, opacity, lungs = films.dense[i]
        true_lungs, true_opacity = ((films.masks[i] & bit) > 0 for bit in (LUNGS, OPACITY))
        if infection:
            row["tp"], row["fp"] = int(counts.tp[i]), int(counts.fp[i])
            row["fn"], row["tn"] = int(counts.fn[i]), int(counts.tn[i])
            row["dice"], row["nsd"] = float(dice[i]), float(surface.nsd[i])
            row["hd95"] = float(surface.hd95[i])
            row["energy"], row["pointing"] = float(energy[i]), float(pointing[i])
        if opacity:
            row["opacity_dice"] = _dice(true_opacity, finding.opaque)
        if lungs:
            row["lung_dice"] = _dice(true_lungs, finding.lungs)
        if infection and lungs:
            row["infected_share_true"] = share(truth[i], true_lungs)
        if opacity and lungs:
            row["opaque_share_true"] = share(true_opacity, true_lungs)
        yield row


def evaluate_classifier(
    outputs: Outputs, point: float, detection: PlattScaling, groups: Mapping[str, str], part: str
) -> Iterator[FilmRow]:
    """Rows of films.csv of a network without maps.

    Args:
        outputs: films with what the network says of them; the maps are not looked at.
        point: a film is called COVID-19 at or above it, probability.
        detection: from logits to the film's probability.
        groups: film_id to the group that intervals must keep together.
        part: what the films are to the network.
    """
    for i, logits in enumerate(outputs.logits):
        probability = film_probability(logits, 0, 0.0, detection)
        row = _head(outputs, i, groups, part)
        row["covid_probability"], row["covid_detected"] = probability, probability >= point
        yield row


def _head(outputs: Outputs, i: int, groups: Mapping[str, str], part: str) -> FilmRow:
    film = outputs.films.rows[i]
    return {
        "film_id": film["film_id"],
        "source": film["source"],
        "group": groups[film["film_id"]],
        "patient": film["patient_id"],
        "class": class_name(int(outputs.films.classes[i])),
        "set": part,
        "class_log_odds": float(class_log_odds(outputs.logits[i])),
    }


def _mean_level(levels: UInt8Image, lungs: BoolImage) -> float:
    """Mean probability of a map, uint8 (S, S), over the lungs, bool (S, S); 0 without lungs."""
    return float(levels[lungs].mean()) / LEVELS if lungs.any() else 0.0


def _dice(truth: BoolImage, found: BoolImage) -> float:
    """Dice of two masks, bool (H, W)."""
    return float(metrics.confusion(truth[None], found[None]).dice()[0])
