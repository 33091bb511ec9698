"""Figures of a run from its table of films: films.csv."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.core.types import CLASSES
from infmap.metrics import Confusion, Estimate
from infmap.metrics.surface import SurfaceFigures, surface_table
from infmap.study import records
from infmap.study.records import COLUMNS, SetFigures
from infmap.study.splits import EXTERNAL, HELD_OUT

NOT_COVID = "not covid19"
"""Class of a film of which no more is known than that it is not of COVID-19."""
_TEXT = ("film_id", "source", "group", "patient", "class", "set")
_AGREEMENT = ("mae", "icc", "bias", "limit_low", "limit_high")
Float64 = NDArray[np.float64]
MEANS = {
    "lungs_dice_film": "lung_dice",
    "opacity_dice_film": "opacity_dice",
    "energy_in_infection": "energy",
    "pointing": "pointing",
}
"""Figures that are the mean of a column over the films that have it."""


@dataclass(frozen=True, eq=False)
class FilmTable:
    """Columns of films.csv, one entry a film.

    Attributes:
        text: film_id, source, group, patient, class, set: str (N,).
        values: every other column as float64 (N,); NaN where empty, 0 and 1 for false and true.
    """

    text: dict[str, NDArray[np.str_]]
    values: dict[str, Float64]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, object]]) -> FilmTable:
        """A table from rows as ``csv.DictReader`` gives them."""
        text = {name: np.array([str(r.get(name) or "") for r in rows], np.str_) for name in _TEXT}
        numbers = [name for name in COLUMNS if name not in _TEXT]
        values = {name: np.array([_number(r.get(name)) for r in rows]) for name in numbers}
        return cls(text, values)

    @classmethod
    def joined(cls, tables: Sequence[FilmTable]) -> FilmTable:
        """The films of several tables, one after another."""
        return cls(
            {name: np.concatenate([t.text[name] for t in tables]) for name in tables[0].text},
            {name: np.concatenate([t.values[name] for t in tables]) for name in tables[0].values},
        )

    def __len__(self) -> int:
        return int(self.text["film_id"].size)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> FilmTable:
        """Some of the films, by a mask or by places."""
        return FilmTable(
            {name: column[keep] for name, column in self.text.items()},
            {name: column[keep] for name, column in self.values.items()},
        )

    def part(self, name: str, source: str | None = None) -> FilmTable:
        """Films of one set, of one source or all."""
        keep = self.text["set"] == name
        return self.where(keep if source is None else keep & (self.text["source"] == source))

    def known(self, *names: str) -> FilmTable:
        """Films of which all these columns are known."""
        keep = np.ones(len(self), np.bool_)
        for name in names:
            keep &= ~np.isnan(self.values[name])
        return self.where(keep)

    def with_class(self) -> FilmTable:
        """Films of which it is known whether they are of COVID-19."""
        return self.where(self.text["class"] != "")

    @property
    def counts(self) -> Confusion:
        """Pixel counts; all must be known."""
        names = ("tp", "fp", "fn", "tn")
        return Confusion(*(self.values[name].astype(np.int64) for name in names))

    @property
    def covid(self) -> NDArray[np.bool_]:
        """Films with COVID-19."""
        return np.asarray(self.text["class"] == CLASSES[0])


def _number(value: object) -> float:
    if value is None or value == "":
        return math.nan
    if isinstance(value, str) and value in ("true", "false"):
        return float(value == "true")
    return float(value)  # type: ignore[arg-type]


def class_name(index: int) -> str | None:
    """A film's class as films.csv has it, from ``Films.classes``; None where it is unknown."""
    if index >= 0:
        return CLASSES[index]
    return NOT_COVID if index == -2 else None


def film_figures(table: FilmTable, draws: int = 1000) -> dict[str, Estimate]:
    """Every figure of one set of films, by its column's name in results.csv.

    ``infection_*``: pixels, see ``segmentation_table`` and ``surface_table``. ``lungs_dice_film``
    and ``opacity_dice_film``: means over films.
    ``detection_*``: COVID-19 by the film's probability at its operating point: from the amount of
    infection in the lungs, of a classifier from its class. By the paper's rule, on the network's
    own map: ``any_detection_*``, positive where any pixel is, and ``map_detection_*``, where as
    many are as was chosen on the validation set. ``energy_in_infection`` and ``pointing``: see
    ``infmap.metrics.localization``. ``share_*``: agreement of the infected fraction of the lungs
    with the true one; ``opaque_share_*`` the same of opacities.

    Args:
        table: the films of one set.
        draws: of the bootstrap.
    """
    out: dict[str, Estimate] = {}
    seen = table.known("tp")
    if len(seen):
        bootstrap, v = metrics.Bootstrap(seen.text["group"], draws), seen.values
        out |= _named("infection", metrics.segmentation_table(seen.counts, bootstrap))
        predicted = v["tp"] + v["fp"] > 0
        surface = SurfaceFigures(v["nsd"], v["hd95"], v["tp"] + v["fn"] > 0, predicted)
        out |= _named("infection", surface_table(surface, bootstrap))
    for name, column in MEANS.items():
        part = table.known(column)
        if len(part):
            bootstrap = metrics.Bootstrap(part.text["group"], draws)
            out[name] = metrics.film_mean(part.values[column], bootstrap)
    out |= _named("detection", _detection(table, "covid_detected", "covid_probability", draws))
    out |= _named("any_detection", _detection(table, "map_any", "map_peak", draws))
    out |= _named("map_detection", _detection(table, "map_detected", "map_area", draws))
    for prefix, share in (("share", "infected_share"), ("opaque_share", "opaque_share")):
        columns = [f"{share}_true", f"{share}_predicted"]
        shares = table.known(*columns)
        if len(shares) >= 2:
            true, found = (shares.values[column] for column in columns)
            bootstrap = metrics.Bootstrap(shares.text["group"], draws)
            agreement = metrics.agreement_table(true, found, bootstrap)
            out |= _named(prefix, {name: agreement[name] for name in _AGREEMENT})
    return out


def figures_by_set(table: FilmTable, draws: int) -> SetFigures:
    """Figures of the held-out films, all and by source, and of each external source."""
    held_out = table.part(HELD_OUT)
    return {
        "metrics": metrics.to_dict(film_figures(held_out, draws)) if len(held_out) else {},
        "held_out": _by_source(held_out, draws),
        "external": _by_source(table.part(EXTERNAL), draws),
    }


def _by_source(table: FilmTable, draws: int) -> dict[str, records.Figures]:
    sources = table.text["source"]
    return {
        str(source): metrics.to_dict(film_figures(table.where(sources == source), draws))
        for source in np.unique(sources)
    }


def films_file(method: str) -> str:
    """Name of a method's films.csv in a run's folder."""
    return f"films-{method.replace('+', 'p')}.csv"


def _detection(table: FilmTable, yes: str, score: str, draws: int) -> dict[str, Estimate]:
    """Rates from the decisions, which each fold took at its own threshold; areas from the score."""
    part = table.with_class().known(yes, score)
    if not len(part):
        return {}
    truth, groups, values = part.covid, part.text["group"], part.values[score]
    bootstrap = metrics.Bootstrap(groups, draws)
    rates = metrics.detection_table(truth, part.values[yes], 0.5, bootstrap)
    kept = ("sensitivity", "specificity", "precision", "negative_predictive_value", "accuracy",
            "f1", "f2")  # fmt: skip
    out = {name: rates[name] for name in kept}
    out["auroc"] = metrics.auroc_estimate(truth, values, groups)
    out["auprc"] = metrics.auprc_estimate(truth, values, bootstrap)
    if score == "covid_probability":
        out["brier"] = metrics.brier_estimate(truth, values, bootstrap)
        out["ece"] = metrics.ece_estimate(truth, values, bootstrap, 15)
    return out


def _named(prefix: str, table: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {f"{prefix}_{name}": estimate for name, estimate in table.items()}
