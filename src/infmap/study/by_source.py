"""Figures of each source by a model that left it out, and the one number that models are chosen by.

All of it reads a table of films, so that any network whose maps went through
``infmap.study.evaluation`` can be assessed. Figures are named in words, see docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.catalog.rows import Score
from infmap.core.types import CLASSES
from infmap.metrics import Estimate
from infmap.study.external import Limit
from infmap.study.films import NOT_COVID, FilmTable
from infmap.study.severity import lung_shares, mean_of_lungs, readings_of, severity_figures

COVID, OTHER, NORMAL = CLASSES
FEWEST = 5
"""Films of a class below which nothing is said of it: one film would move a share by a fifth."""
INFECTED = 0.01
"""Share of the lungs above which a film without visible infection counts as a false map."""
OPAQUE = 0.02
"""Share of the lungs from which an opacity counts as found: the smallest that a reader outlines."""
SPECIFICITY = 0.99
"""Specificity at which sensitivities are compared, as operating points are chosen."""
SCORES = {
    "probability": "covid_probability",
    "mean infection": "infection_mean",
    "mean opacity": "opacity_mean",
    "infected fraction": "infected_share_predicted",
    "class log-odds": "class_log_odds",
}
"""What a detection can be read from: name to column. Means are of the network's own maps over the
lungs; probability and share are as written, after post-processing."""
AGAINST = ("healthy films left out", "healthy films of the source", "other diagnoses")
"""What COVID-19 films of a source stand against: the first are of all sources that the same model
left out."""
EXTENT_SCORES = (("brixia_global", "senior"), ("geographic_extent", "mean"))
"""Readers' scores of both lungs, name and reader, whose correlations make the severity's part."""
VALIDATION, LEFT_OUT = "validation", "left-out"
KNOWN_EMPTY = "known-empty"
Figures = dict[str, Estimate]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScoredFilms:
    """Films, each read by a model that was not trained on it or a copy of it.

    Attributes:
        table: the films; its column ``set`` is ``validation`` or ``left-out``. A film of the
            validation set stands once for each model. The class of known-empty films is "".
        fold: str (N,), name of the fold whose model read the film.
        known_empty: bool (N,), no visible infection, whatever the cause of the examination.
    """

    table: FilmTable
    fold: NDArray[np.str_]
    known_empty: Bools

    def __len__(self) -> int:
        return len(self.table)

    def where(self, keep: Bools | NDArray[np.intp]) -> ScoredFilms:
        """Some of the films, by a mask or by places."""
        return ScoredFilms(self.table.where(keep), self.fold[keep], self.known_empty[keep])

    @property
    def left_out(self) -> ScoredFilms:
        """Films of sources that their model was not trained on."""
        return self.where(self.table.text["set"] == LEFT_OUT)

    def of_source(self, source: str) -> ScoredFilms:
        """Films of a source, those that are known to be empty aside."""
        return self.where((self.table.text["source"] == source) & ~self.known_empty)


def figures(films: ScoredFilms, scores: Sequence[Score]) -> dict[str, Figures]:
    """All figures: name of some films to name of a figure.

    Films are named ``validation, fold NAME``, by their source, and ``known-empty``.

    Args:
        films: validation set and films left out.
        scores: rows of a snapshot's scores.
    """
    out: dict[str, Figures] = {}
    inside = films.where(films.table.text["set"] == VALIDATION)
    for fold in np.unique(inside.fold):
        mine = inside.where(inside.fold == fold)
        out[f"{VALIDATION}, fold {fold}"] = validation_figures(mine.table)
    outside = films.left_out
    normal = outside.table.text["class"] == NORMAL
    healthy = lung_shares(outside.table.where(normal))
    for source in np.unique(outside.table.text["source"]):
        part = outside.of_source(source)
        if not len(part):
            continue
        pool = outside.where(normal & np.isin(outside.fold, part.fold)).table
        found = detection_figures(part.table, pool) | map_figures(part.table)
        out[str(source)] = found | severity_figures(part.table, scores, healthy)
    empty = outside.where(outside.known_empty).table
    if len(empty):
        out[KNOWN_EMPTY] = _area_figures(empty, "films") | {
            "opaque fraction, median": metrics.film_median(
                empty.values["opaque_share_predicted"], metrics.Bootstrap(empty.text["group"])
            )
        }
    return {name: found for name, found in out.items() if found}


def detection_figures(table: FilmTable, pool: FilmTable) -> Figures:
    """AUROC of every score, and shares of films called COVID-19 or found opaque.

    Args:
        table: films of one source.
        pool: healthy films that the same model left out, of whatever source.
    """
    out: Figures = {}
    covid, other, normal = (table.where(mask) for mask in by_class(table))
    for name, against in zip(AGAINST, (pool, normal, other), strict=True):
        if min(len(covid), len(against)) >= FEWEST:
            for score, column in SCORES.items():
                out |= _auroc(f"AUROC against {name}, {score}", covid, against, column)
    for name, part in (("COVID-19", covid), ("other diagnoses", other), ("normal", normal)):
        if len(part) >= FEWEST:
            out |= _area_figures(part, f"{name} films" if part is not other else name)
    return out


def map_figures(table: FilmTable) -> Figures:
    """Dice a film against drawn opacities and lungs, and the error of shares."""
    out: Figures = {}
    covid, other, _ = by_class(table)
    v, groups = table.values, table.text["group"]
    infected, opaque = drawn(table)
    for name, column, keep in (
        ("infection Dice, COVID-19 films", "dice", covid & infected),
        ("opacity Dice, COVID-19 films", "opacity_dice", covid & opaque),
        ("opacity Dice, other diagnoses", "opacity_dice", other & opaque),
        ("lung Dice", "lung_dice", np.isfinite(v["lung_dice"])),
    ):
        if keep.sum() >= FEWEST:
            out[name] = metrics.film_mean(v[column][keep], metrics.Bootstrap(groups[keep]))
    return out | share_figures(table)


def share_figures(table: FilmTable) -> Figures:
    """Found minus true fraction of the lungs, of films with drawn areas (Bland and Altman 1986)."""
    out: Figures = {}
    covid, other, _ = by_class(table)
    v, groups = table.values, table.text["group"]
    infected, opaque = drawn(table)
    for name, share, keep in (
        ("infected fraction, COVID-19 films", "infected_share", covid & infected),
        ("opaque fraction, COVID-19 films", "opaque_share", covid & opaque),
        ("opaque fraction, other diagnoses", "opaque_share", other & opaque),
    ):
        true, found = v[f"{share}_true"], v[f"{share}_predicted"]
        known = keep & np.isfinite(true + found)
        if known.sum() >= FEWEST:
            bootstrap = metrics.Bootstrap(groups[known])
            limits = metrics.bland_altman(true[known], found[known], bootstrap)
            out[f"bias of {name}"] = limits.bias
            out[f"lower limit of agreement of {name}"] = limits.lower
            out[f"upper limit of agreement of {name}"] = limits.upper
    return out


def validation_figures(table: FilmTable) -> Figures:
    """Figures in source: pixels, lungs, and detection at a fixed specificity."""
    out: Figures = {}
    seen = table.known("tp")
    if len(seen):
        pixels = metrics.segmentation_table(seen.counts, metrics.Bootstrap(seen.text["group"]))
        out["pooled F1"] = pixels["f1"]
        out["Dice, mean of all films"] = pixels["dice_film"]
    covid, other, normal = by_class(table)
    nothing = table.where(np.zeros(len(table), np.bool_))
    out |= detection_figures(table, nothing) | map_figures(table)
    truth, groups = covid, table.text["group"]
    known = covid | other | normal
    for score, column in SCORES.items():
        use = known & np.isfinite(table.values[column])
        if min((use & truth).sum(), (use & ~truth).sum()) >= FEWEST:
            values = table.values[column][use]
            _, threshold = metrics.sensitivity_at(truth[use], values, SPECIFICITY)
            yes = truth[use]
            out[f"sensitivity at specificity {SPECIFICITY:g}, {score}"] = metrics.rate(
                (values >= threshold)[yes], groups[use][yes]
            )
    return out


def by_class(table: FilmTable) -> tuple[Bools, Bools, Bools]:
    """Films of COVID-19, of another diagnosis, and normal ones, bool (N,) each."""
    name = table.text["class"]
    return name == COVID, np.isin(name, (OTHER, NOT_COVID)), name == NORMAL


def drawn(table: FilmTable) -> tuple[Bools, Bools]:
    """Films with a drawn infection, and with drawn opacities in drawn lungs, bool (N,) each."""
    v = table.values
    with np.errstate(invalid="ignore"):
        return v["tp"] + v["fn"] > 0, v["opaque_share_true"] > 0


def _area_figures(table: FilmTable, name: str) -> Figures:
    """Shares of films that are called COVID-19, read as infected, read as opaque."""
    v, groups = table.values, table.text["group"]
    infected, opaque = (
        np.nan_to_num(v[f"{what}_share_predicted"]) for what in ("infected", "opaque")
    )
    return {
        f"called COVID-19, {name}": metrics.rate(v["covid_detected"] > 0, groups),
        f"infected area > {INFECTED:.0%}, {name}": metrics.rate(infected > INFECTED, groups),
        f"opaque area >= {OPAQUE:.0%}, {name}": metrics.rate(opaque >= OPAQUE, groups),
    }


def _auroc(name: str, positive: FilmTable, negative: FilmTable, column: str) -> Figures:
    values = [np.nan_to_num(part.values[column]) for part in (positive, negative)]
    if all(np.isnan(part.values[column]).all() for part in (positive, negative)):
        return {}
    truth = np.arange(len(positive) + len(negative)) < len(positive)
    groups = np.concatenate([positive.text["group"], negative.text["group"]])
    return {name: metrics.auroc_estimate(truth, np.concatenate(values), groups)}


@dataclass(frozen=True)
class Selection:
    """The number that models are chosen by: the mean of its parts.

    Attributes:
        value: the mean, with its interval by patient.
        parts: detection, known-empty films, Dice to radiologists, severity; each a mean over
            sources, with its interval.
        missed: floors that are not reached, in words; with one, the model is not to be chosen.
    """

    value: Estimate
    parts: dict[str, Estimate]
    missed: tuple[str, ...]


def selection(
    films: ScoredFilms,
    scores: Sequence[Score],
    found: dict[str, Figures],
    floors: Sequence[Limit],
    draws: int = 1000,
) -> Selection:
    """Assess models by what they are for.

    Args:
        films: validation set and films left out.
        scores: rows of a snapshot's scores.
        found: of ``figures``, on which the floors stand.
        floors: bounds in source.
        draws: of the cluster bootstrap, over all films left out.
    """
    parts = dict(_parts(films.left_out, scores))
    whole = films.left_out
    groups = whole.table.text["group"]

    def mean(index: NDArray[np.int64]) -> float:
        return float(np.mean([part(index) for part in parts.values()]))

    everything = np.arange(len(whole))
    out = {
        name: Estimate(
            float(part(everything)),
            *metrics.bootstrap_interval(part, metrics.Bootstrap(groups, draws)),
            len(whole),
        )
        for name, part in (parts | {"selection": mean}).items()
    }
    missed = tuple(str(floor) for floor in floors if not floor.met(worst(found, floor).value))
    return Selection(out.pop("selection"), out, missed)


def worst(found: dict[str, Figures], limit: Limit) -> Estimate:
    """The figure that a bound is on; of the validation set the worst of its folds.

    Returns:
        NaN where there is no such figure.
    """
    of = [
        figures[limit.figure]
        for name, figures in found.items()
        if name.partition(",")[0] == limit.films and limit.figure in figures
    ]
    if not of:
        return Estimate(np.nan, np.nan, np.nan, 0)
    choose = min if limit.at_least is not None else max
    return choose(of, key=lambda estimate: estimate.value)


Statistic = Callable[[NDArray[np.int64]], float]


def _parts(films: ScoredFilms, scores: Sequence[Score]) -> Iterator[tuple[str, Statistic]]:
    """Each part of the number, as a function of places of films, repeats included."""
    table = films.table
    v, source, fold = table.values, table.text["source"], films.fold
    covid, other, normal = by_class(table)
    sides = []
    for name in np.unique(source[covid]):
        mine = covid & (source == name)
        if mine.sum() >= FEWEST:
            sides.append((mine, normal & np.isin(fold, fold[mine])))

    def detection(index: NDArray[np.int64]) -> float:
        areas = []
        for mine, pool in sides:
            yes, no = index[mine[index]], index[pool[index]]
            truth = np.arange(len(yes) + len(no)) < len(yes)
            areas.append(metrics.auroc(truth, v["covid_probability"][np.concatenate([yes, no])]))
        return float(np.mean(areas)) if areas else float("nan")

    infected = np.nan_to_num(v["infected_share_predicted"]) > INFECTED

    def empty(index: NDArray[np.int64]) -> float:
        return 1.0 - _mean(infected[index[films.known_empty[index]]])

    of_infection, of_opacity = drawn(table)

    def dice(index: NDArray[np.int64]) -> float:
        of_covid = v["dice"][index[(covid & of_infection)[index]]]
        of_other = v["opacity_dice"][index[(other & of_opacity)[index]]]
        return (_mean(of_covid) + _mean(of_other)) / 2.0

    share = mean_of_lungs(lung_shares(table))
    truths = readings_of(table.text["film_id"], scores)
    read = [truths[key] for key in EXTENT_SCORES if key in truths]

    def severity(index: NDArray[np.int64]) -> float:
        known = [index[np.isfinite(share + truth)[index]] for truth in read]
        if not known or min(map(len, known)) < 2:
            return float("nan")
        pairs = zip(read, known, strict=True)
        return float(np.mean([np.corrcoef(truth[i], share[i])[0, 1] for truth, i in pairs]))

    yield "AUROC of COVID-19 against healthy films, mean of sources left out", detection
    yield f"known-empty films without an infected area > {INFECTED:.0%}", empty
    yield "Dice to radiologists, mean of COVID-19 and other diagnoses", dice
    yield "r of severity, mean of Brixia global and geographic extent", severity


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
