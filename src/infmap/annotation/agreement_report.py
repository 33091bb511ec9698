"""What a project's decisions show: agreement of readers, how networks fare, time a film takes."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from infmap.annotation import outcomes, projects
from infmap.annotation.agreement import Agreement, agreements, fleiss
from infmap.annotation.aided import Comparison, comparisons
from infmap.annotation.film_counts import DecidedFilm, FilmCounts, count, films_of
from infmap.annotation.network_figures import (
    NetworkFigures,
    TimeFigures,
    Timing,
    network_figures,
    time_figures,
)
from infmap.core.files import finite
from infmap.metrics import Estimate


@dataclass(frozen=True)
class Report:
    """What the decisions of one project show.

    Attributes:
        project: its name.
        films: with a decision.
        agreement: between and within readers.
        fleiss: kappa of all readers of a film, by label.
        networks: how their proposals fare.
        times: of readers.
        unaided: films drawn without proposals against those read with some.
    """

    project: str
    films: int
    agreement: tuple[Agreement, ...]
    fleiss: dict[str, Estimate]
    networks: tuple[NetworkFigures, ...]
    times: tuple[TimeFigures, ...]
    unaided: tuple[Comparison, ...]


def as_json(report: Report) -> object:
    """A report as values of JSON; a figure that nothing stands behind is null."""
    return finite(asdict(report))


def of_project(
    c: Connection,
    project: str,
    *,
    draws: int = 1000,
    known: MutableMapping[DecidedFilm, FilmCounts] | None = None,
) -> Report:
    """Compute the report; films are read one at a time.

    Args:
        c: a transaction.
        project: identifier.
        draws: of the bootstrap by patient.
        known: counts of an earlier report of this project, which become those of this one.

    Raises:
        NotFound: there is no such project.
    """
    rules = projects.get(c, project)
    decided = outcomes.every(c, project)
    # What a reader was unsure of is no finding to agree on.
    labels = [label for label in rules.labels if label != "uncertain"] or list(rules.labels)
    earlier = known if known is not None else {}
    films = films_of(c, project, decided)
    counts = {film: earlier.get(film) or count(c, film, labels) for film in films}
    if known is not None:
        known.clear()
        known.update(counts)
    patients = {film.film: film.patient for film in films}
    timings = [
        Timing(patients[d.revision.film], d.reader, d.kind, d.revision.active_ms / 1000)
        for d in decided
    ]
    every = list(counts.values())
    several = [one.several for one in every if one.several is not None]
    pairs = [pair for one in every for pair in one.pairs]
    choices = [choice for one in every for choice in one.choices]
    aided = [reading for one in every for reading in one.aided]
    return Report(
        project=rules.name,
        films=len(films),
        agreement=tuple(agreements(pairs, labels, draws=draws)),
        fleiss=fleiss(several, labels, draws=draws),
        networks=tuple(network_figures(choices, draws=draws)),
        times=tuple(time_figures(timings, draws=draws)),
        unaided=tuple(comparisons(aided, labels, draws=draws)),
    )
