"""Activation maps of a classifier as if they were infection maps."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infmap import metrics
from infmap.explain import activation_maps
from infmap.metrics.localization import MapSet, Truth, best_threshold, localize
from infmap.metrics.surface import surface_figures, surface_table
from infmap.study.config import StudyConfig
from infmap.study.films import class_name, films_file
from infmap.study.records import COLUMNS, ActivationFigures, FilmRow
from infmap.study.splits import HELD_OUT, VALIDATION
from infmap.study.study import write_csv
from infmap.training.dataset import INFECTION, LUNGS, Films

if TYPE_CHECKING:
    from infmap.study.scoring import Scorer

MOST = 2000
"""Held-out films scored at most, chosen by hash whatever they show: maps cost a backward pass."""


def score_activation_maps(
    scorer: Scorer, study: StudyConfig, folder: Path
) -> dict[str, ActivationFigures]:
    """Score every method on the held-out films, each at its best threshold on the validation set.

    Returns:
        Method to its figures: ``segmentation`` as in ``film_figures``, and ``localization`` of
        ``infmap.explain``; none where no validation film or no held-out film shows infection.
    """
    validation, held_out = _films(scorer, VALIDATION), _films(scorer, HELD_OUT)
    if not (_truth(scorer, validation) and _truth(scorer, held_out)):
        return {}
    return {
        method: _score(scorer, study, method, validation, held_out, folder)
        for method in study.activation_maps
    }


def _score(
    scorer: Scorer,
    study: StudyConfig,
    method: str,
    validation: Films,
    held_out: Films,
    folder: Path,
) -> ActivationFigures:
    chosen_on, truth = _truth(scorer, validation), _truth(scorer, held_out)
    if chosen_on is None or truth is None:
        return {}
    threshold = best_threshold(_maps(scorer, validation, method), chosen_on)
    maps = _maps(scorer, held_out, method)
    found = maps.values >= np.float32(threshold)
    surface = surface_figures(truth.infection, found, study.surface_tolerance)
    local = localize(maps, truth, threshold, threshold_from="validation films", draws=study.draws)
    counts = local.counts
    dice = counts.dice()
    rows: list[FilmRow] = [
        {
            "film_id": row["film_id"],
            "source": row["source"],
            "group": truth.patients[i],
            "patient": row["patient_id"],
            "class": class_name(int(held_out.classes[i])),
            "set": HELD_OUT,
            "tp": int(counts.tp[i]),
            "fp": int(counts.fp[i]),
            "fn": int(counts.fn[i]),
            "tn": int(counts.tn[i]),
            "dice": float(dice[i]),
            "nsd": float(surface.nsd[i]),
            "hd95": float(surface.hd95[i]),
        }
        for i, row in enumerate(held_out.rows)
    ]
    write_csv(folder / films_file(method), rows, COLUMNS)
    bootstrap = metrics.Bootstrap(truth.patients, study.draws)
    table = metrics.segmentation_table(counts, bootstrap)
    table |= surface_table(surface, bootstrap)
    segmentation = {f"infection_{k}": e for k, e in metrics.to_dict(table).items()}
    return {
        "threshold": threshold,
        "threshold_from": f"{len(validation)} validation films",
        "films": len(held_out),
        "segmentation": segmentation,
        "localization": local.to_dict(),
    }


def _films(scorer: Scorer, part: str) -> Films:
    """Films of a part whose infection is known."""
    rows = [r for r in scorer.part(part) if r["covid19"] is False or r["infection_mask"]]
    rows.sort(key=lambda r: hashlib.sha256(str(r["film_id"]).encode()).digest())
    return scorer.load(rows[:MOST])


def _maps(scorer: Scorer, films: Films, method: str) -> MapSet:
    images = films.images[:, None].astype(np.float32) / np.float32(255.0)
    return MapSet(method, activation_maps(scorer.network, images, method))


def _truth(scorer: Scorer, films: Films) -> Truth | None:
    """Truth of the films; None where no film shows infection."""
    infection = (films.masks & INFECTION) > 0
    if not infection.any():
        return None
    groups = np.array([scorer.groups[row["film_id"]] for row in films.rows])
    lungs = (films.masks & LUNGS) > 0 if films.dense[:, 2].all() else None
    return Truth(infection, groups, lungs)
