"""What a project's decisions show: agreement of readers, how networks fare, time a film takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from infmap.annotation import outcomes, projects, schema
from infmap.annotation.agreement import Agreement, Reading, agreements, fleiss
from infmap.annotation.network_figures import (
    Choice,
    NetworkFigures,
    TimeFigures,
    Timing,
    edit_distance,
    network_figures,
    time_figures,
)
from infmap.annotation.outcomes import Decided
from infmap.annotation.store import get_mask
from infmap.core.files import finite
from infmap.metrics import Estimate
from infmap.web.masks import Mask, decode, plane

LONGEST_SIDE = 1024
"""Pixels: a larger film is counted on every second (third, ...) row and column. What is counted are
shares of regions, which a thousandth of the film's side does not move."""
_BY_HAND = "hand"
T = TypeVar("T", bound=np.generic)


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
    """

    project: str
    films: int
    agreement: tuple[Agreement, ...]
    fleiss: dict[str, Estimate]
    networks: tuple[NetworkFigures, ...]
    times: tuple[TimeFigures, ...]


def as_json(report: Report) -> object:
    """A report as values of JSON; a figure that nothing stands behind is null."""
    return finite(asdict(report))


def of_project(c: Connection, project: str, *, draws: int = 1000) -> Report:
    """Compute the report; films are read one at a time.

    Args:
        c: a transaction.
        project: identifier.
        draws: of the bootstrap by patient.

    Raises:
        NotFound: there is no such project.
    """
    rules = projects.get(c, project)
    decided = outcomes.every(c, project)
    f = schema.films
    rows = c.execute(select(f.c.id, f.c.patient, f.c.lungs).where(f.c.project_id == project))
    films = {row.id: _Film(row.patient or row.id, row.lungs) for row in rows}
    by_film: dict[str, list[Decided]] = defaultdict(list)
    for one in decided:
        by_film[one.revision.film].append(one)
    # What a reader was unsure of is no finding to agree on.
    labels = [label for label in rules.labels if label != "uncertain"] or list(rules.labels)
    choices = [
        choice for film, of in by_film.items() for choice in _choices(c, films[film].patient, of)
    ]
    timings = [
        Timing(films[d.revision.film].patient, d.reader, d.kind, d.revision.active_ms / 1000)
        for d in decided
    ]
    return Report(
        project=rules.name,
        films=len(by_film),
        agreement=tuple(agreements(_readings(c, films, by_film), labels, draws=draws)),
        fleiss=fleiss(_readings(c, films, by_film), labels, draws=draws),
        networks=tuple(network_figures(choices, draws=draws)),
        times=tuple(time_figures(timings, draws=draws)),
    )


@dataclass(frozen=True)
class _Film:
    patient: str
    lungs: str | None


def _readings(
    c: Connection,
    films: dict[str, _Film],
    by_film: dict[str, list[Decided]],
) -> Iterator[Sequence[Reading]]:
    """The readings of each film that was read more than once, without adjudications."""
    for film, of in by_film.items():
        kept = [d for d in of if d.kind != "adjudicate" and d.revision.mask is not None]
        # The last reading of a film counts; a comparison of one's own outline with a network's is
        # no second look at the film by the same reader.
        last = max((d.reading for d in kept), default=0)
        read = [d for d in kept if d.reading == last]
        if len(read) < 2:
            continue
        lungs = None
        if films[film].lungs is not None:
            lungs = _small(plane(_mask(c, films[film].lungs), "lungs"))
        yield [
            Reading(
                film,
                films[film].patient,
                d.reader,
                _small(_mask(c, d.revision.mask)),
                d.revision.created,
                lungs if lungs is not None and lungs.any() else None,
                d.repeat_of is not None,
            )
            for d in read
        ]


def _choices(c: Connection, patient: str, of: Sequence[Decided]) -> Iterator[Choice]:
    """The decisions of a film that showed networks' proposals."""
    senior = [d for d in of if d.kind == "adjudicate"]
    for d in of:
        shown = tuple(s.origin for s in d.shown if s.origin != _BY_HAND)
        if not shown or d.kind == "adjudicate" or d.repeat_of is not None:
            continue
        picked = next((s for s in d.shown if s.side == d.revision.side), None)
        of_network = picked is not None and picked.origin != _BY_HAND
        edited, overturned = 0.0, False
        if picked is not None and of_network and d.revision.mask is not None:
            if d.revision.mask != picked.mask:
                edited = edit_distance(_mask(c, picked.mask), _mask(c, d.revision.mask))
            later = [s for s in senior if s.reading == d.reading]
            overturned = any(s.revision.mask != d.revision.mask for s in later)
        yield Choice(
            d.revision.film,
            patient,
            d.round,
            shown,
            len(d.shown),
            picked.origin if picked is not None and of_network else None,
            edited,
            overturned,
        )


def _mask(c: Connection, digest: str | None) -> Mask:
    if digest is None:
        raise ValueError("expected a decision with a mask")
    return decode(get_mask(c, digest))


def _small(mask: NDArray[T]) -> NDArray[T]:
    step = -(-max(mask.shape) // LONGEST_SIDE)
    return np.ascontiguousarray(mask[::step, ::step])
