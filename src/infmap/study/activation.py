"""Activation maps of a classifier as if they were infection maps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.catalog.rows import Film
from infmap.explain import activation_maps
from infmap.metrics.localization import (
    MapSet,
    Truth,
    best_threshold,
    film_energy,
    film_pointing,
)
from infmap.metrics.surface import surface_figures
from infmap.study.config import StudyConfig
from infmap.study.films import FilmTable, class_name, figures_by_set, films_file
from infmap.study.records import COLUMNS, ActivationFigures, FilmRow
from infmap.study.splits import EXTERNAL, HELD_OUT, VALIDATION
from infmap.study.study import read_csv, write_csv
from infmap.training.dataset import INFECTION, Films

if TYPE_CHECKING:
    from infmap.study.scoring import Scorer


def score_activation_maps(
    scorer: Scorer, study: StudyConfig, folder: Path
) -> dict[str, ActivationFigures]:
    """Score every method, cut at its best threshold on the validation set.

    Scored are the sources in which infection is drawn: their held-out films, and each one that was
    left out of training.

    Returns:
        Method to its figures; none where no validation film or no film to score shows infection.
    """
    found = {}
    for method in study.activation_maps:
        most = study.scorecam_films if method == "scorecam" else study.activation_films
        chosen_on = scorer.load(chosen_films(drawn_films(scorer.part(VALIDATION)), most))
        parts = {
            part: scorer.load(chosen_films(drawn_films(scorer.part(part)), most))
            for part in (HELD_OUT, EXTERNAL)
        }
        if _infection(chosen_on).any() and any(len(films) for films in parts.values()):
            found[method] = _score(scorer, study, method, chosen_on, parts, folder)
    return found


def drawn_films(rows: Sequence[Film]) -> list[Film]:
    """Films of which it is known at every pixel where infection is, of sources that draw it."""
    sources = {row["source"] for row in rows if row["infection_mask"]}
    return [
        row
        for row in rows
        if row["source"] in sources and (row["covid19"] is False or row["infection_mask"])
    ]


def chosen_films(rows: Sequence[Film], most: int) -> list[Film]:
    """At most so many films of each source, by hash: the same ones of whatever run."""
    chosen: list[Film] = []
    for source in sorted({row["source"] for row in rows}):
        of = [row for row in rows if row["source"] == source]
        of.sort(key=lambda r: hashlib.sha256(r["film_id"].encode()).digest())
        chosen += of[:most]
    return chosen


def class_maps(scorer: Scorer, study: StudyConfig, films: Films, method: str) -> MapSet:
    """Activation maps of films, as many channels weighed as the study says."""
    images = films.images[:, None].astype(np.float32) / np.float32(255.0)
    channels = study.scorecam_channels if method == "scorecam" else None
    return MapSet(method, activation_maps(scorer.network, images, method, channels=channels))


def _score(
    scorer: Scorer,
    study: StudyConfig,
    method: str,
    chosen_on: Films,
    parts: dict[str, Films],
    folder: Path,
) -> ActivationFigures:
    groups = np.array([scorer.groups[row["film_id"]] for row in chosen_on.rows])
    maps = class_maps(scorer, study, chosen_on, method)
    threshold = best_threshold(maps, Truth(_infection(chosen_on), groups))
    rows = [
        row
        for part, films in parts.items()
        if len(films)
        for row in _rows(scorer, study, method, threshold, part, films)
    ]
    write_csv(folder / films_file(method), rows, COLUMNS)
    # Read again, so that the figures are those of the digits in the file.
    figures = figures_by_set(FilmTable.of(read_csv(folder / films_file(method))), study.draws)
    return {
        "threshold": threshold,
        "threshold_from": f"{len(chosen_on)} validation films",
        "channels": study.scorecam_channels if method == "scorecam" else None,
        "metrics": figures["metrics"],
        "held_out": figures["held_out"],
        "external": figures["external"],
    }


def _rows(
    scorer: Scorer, study: StudyConfig, method: str, threshold: float, part: str, films: Films
) -> Iterator[FilmRow]:
    truth = _infection(films)
    maps = class_maps(scorer, study, films, method).values
    found = maps >= np.float32(threshold)
    counts = metrics.confusion(truth, found)
    surface = surface_figures(truth, found, study.surface_tolerance)
    dice, energy, pointing = counts.dice(), film_energy(maps, truth), film_pointing(maps, truth)
    for i, row in enumerate(films.rows):
        yield {
            "film_id": row["film_id"],
            "source": row["source"],
            "group": scorer.groups[row["film_id"]],
            "patient": row["patient_id"],
            "class": class_name(int(films.classes[i])),
            "set": part,
            "tp": int(counts.tp[i]),
            "fp": int(counts.fp[i]),
            "fn": int(counts.fn[i]),
            "tn": int(counts.tn[i]),
            "dice": float(dice[i]),
            "nsd": float(surface.nsd[i]),
            "hd95": float(surface.hd95[i]),
            "energy": float(energy[i]),
            "pointing": float(pointing[i]),
        }


def _infection(films: Films) -> NDArray[np.bool_]:
    return np.asarray((films.masks & INFECTION) > 0)
