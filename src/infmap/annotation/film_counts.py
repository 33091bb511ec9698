"""What the masks of one film say, counted once.

A report on thousands of films then reads masks only of those decided since the last one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from infmap.annotation import schema
from infmap.annotation.agreement import Pair, Reading, Several, pairs_of, several_of
from infmap.annotation.aided import AidedReading, Marks
from infmap.annotation.consensus import consensus
from infmap.annotation.network_figures import Choice, edit_distance
from infmap.annotation.outcomes import Decided
from infmap.annotation.store import get_mask
from infmap.core.types import BoolImage
from infmap.web.masks import Mask, decode, plane

LONGEST_SIDE = 1024
"""Pixels: a larger film is counted on every second (third, ...) row and column. What is counted are
shares of regions, which a thousandth of the film's side does not move."""
_BY_HAND = "hand"
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class DecidedFilm:
    """A film with its decisions; equal ones give equal counts.

    Attributes:
        film: identifier.
        patient: identifier, the same for all films of one patient.
        lungs: digest; None where unknown.
        decided: the decisions that count, in order.
        proposals: (round, digest) of networks' masks.
    """

    film: str
    patient: str
    lungs: str | None
    decided: tuple[Decided, ...]
    proposals: tuple[tuple[int, str], ...]


@dataclass(frozen=True, eq=False)
class FilmCounts:
    """What a report takes from one film.

    Attributes:
        pairs: of readings.
        several: of readers; None with one.
        choices: between proposals.
        aided: readings with proposals, or without though there were some.
    """

    pairs: tuple[Pair, ...]
    several: Several | None
    choices: tuple[Choice, ...]
    aided: tuple[AidedReading, ...]


def films_of(c: Connection, project: str, decided: Sequence[Decided]) -> list[DecidedFilm]:
    """The films of a project that have a decision, in the order of the first one.

    Args:
        c: a transaction.
        project: identifier.
        decided: its decisions.
    """
    f, p = schema.films, schema.proposals
    films = select(f.c.id, f.c.patient, f.c.lungs).where(f.c.project_id == project)
    rows = {row.id: row for row in c.execute(films)}
    masks: dict[str, list[tuple[int, str]]] = defaultdict(list)
    query = select(p).join(f, f.c.id == p.c.film_id).where(f.c.project_id == project)
    for row in c.execute(query.order_by(p.c.round, p.c.mask)):
        masks[row.film_id].append((row.round, row.mask))
    by_film: dict[str, list[Decided]] = defaultdict(list)
    for one in decided:
        by_film[one.revision.film].append(one)
    return [
        DecidedFilm(
            film, rows[film].patient or film, rows[film].lungs, tuple(of), tuple(masks[film])
        )
        for film, of in by_film.items()
    ]


def count(c: Connection, film: DecidedFilm, labels: Sequence[str]) -> FilmCounts:
    """Read the masks of one film and count.

    Args:
        c: a transaction.
        film: with its decisions.
        labels: names out of ``masks.LABELS``.
    """
    masks = _Masks(c)
    lungs = masks.lungs(film.lungs)
    readings = _readings(masks, film, lungs)
    return FilmCounts(
        tuple(pairs_of(readings, labels)),
        several_of(readings, labels),
        tuple(_choices(masks, film)),
        tuple(_aided(masks, film, lungs, labels)),
    )


class _Masks:
    """The masks of one film by digest, each decoded once."""

    def __init__(self, c: Connection) -> None:
        self._c = c
        self._kept: dict[str, Mask] = {}

    def whole(self, digest: str | None) -> Mask:
        """As it was drawn."""
        if digest is None:
            raise ValueError("expected a decision with a mask")
        return decode(get_mask(self._c, digest))

    def small(self, digest: str | None) -> Mask:
        """At most ``LONGEST_SIDE`` wide and high."""
        found = self._kept.get(digest or "")
        if found is None:
            found = self._kept[digest or ""] = _small(self.whole(digest))
        return found

    def lungs(self, digest: str | None) -> BoolImage | None:
        """The film's lungs, small; None where they are unknown or empty."""
        lungs = plane(self.small(digest), "lungs") if digest is not None else None
        return lungs if lungs is not None and lungs.any() else None


def _readings(masks: _Masks, film: DecidedFilm, lungs: BoolImage | None) -> list[Reading]:
    """The readings of a film that was read more than once, without adjudications."""
    kept = [d for d in film.decided if d.kind != "adjudicate" and d.revision.mask is not None]
    # The last reading of a film counts; a comparison of one's own outline with a network's is
    # no second look at the film by the same reader.
    last = max((d.reading for d in kept), default=0)
    read = [d for d in kept if d.reading == last]
    if len(read) < 2:
        return []
    return [
        Reading(
            film.film,
            film.patient,
            d.reader,
            masks.small(d.revision.mask),
            d.revision.created,
            lungs,
            d.repeat_of is not None,
        )
        for d in read
    ]


def _choices(masks: _Masks, film: DecidedFilm) -> Iterator[Choice]:
    """The decisions of a film that showed networks' proposals."""
    senior = [d for d in film.decided if d.kind == "adjudicate"]
    for d in film.decided:
        shown = tuple(s.origin for s in d.shown if s.origin != _BY_HAND)
        if not shown or d.kind == "adjudicate" or d.repeat_of is not None:
            continue
        picked = next((s for s in d.shown if s.side == d.revision.side), None)
        of_network = picked is not None and picked.origin != _BY_HAND
        edited, overturned = 0.0, False
        if picked is not None and of_network and d.revision.mask is not None:
            if d.revision.mask != picked.mask:
                edited = edit_distance(masks.whole(picked.mask), masks.whole(d.revision.mask))
            later = [s for s in senior if s.reading == d.reading]
            overturned = any(s.revision.mask != d.revision.mask for s in later)
        yield Choice(
            d.revision.film,
            film.patient,
            d.round,
            shown,
            len(d.shown),
            picked.origin if picked is not None and of_network else None,
            edited,
            overturned,
        )


def _aided(
    masks: _Masks, film: DecidedFilm, lungs: BoolImage | None, labels: Sequence[str]
) -> Iterator[AidedReading]:
    """First readings of a film for which there were proposals, shown or not."""
    slots: dict[int, list[Decided]] = defaultdict(list)
    for d in film.decided:
        if d.reading == 1 and d.repeat_of is None and d.kind in ("choose", "draw"):
            slots[d.slot].append(d)
    # Who rejects all candidates draws next: both decisions are one reading.
    read = {
        slot: of
        for slot, of in slots.items()
        if of[-1].revision.mask is not None and any(d.unaided or d.kind == "choose" for d in of)
    }
    if not read:
        return
    drawn = {slot: masks.small(of[-1].revision.mask) for slot, of in read.items()}
    senior = [d for d in film.decided if d.kind == "adjudicate" and d.reading == 1]
    final = [d.revision.mask for d in senior if d.revision.mask is not None]
    decided = masks.small(final[-1]) if final else None
    for slot, of in read.items():
        number = max(d.round for d in of)
        shown = [masks.small(mask) for n, mask in film.proposals if n == number]
        others = [mask for other, mask in drawn.items() if other != slot]
        agreed = decided if decided is not None or not others else consensus(others, "majority")
        yield AidedReading(
            film.patient,
            not any(d.unaided for d in of),
            sum(d.revision.active_ms for d in of) / 1000,
            {label: _marks(drawn[slot], agreed, shown, lungs, label) for label in labels},
        )


def _marks(
    mask: Mask,
    agreed: Mask | None,
    proposals: Sequence[Mask],
    lungs: BoolImage | None,
    label: str,
) -> Marks:
    marked = plane(mask, label)
    pairs = [_dice(marked, plane(proposal, label)) for proposal in proposals]
    near = [value for value in pairs if not np.isnan(value)]
    return Marks(
        _dice(marked, plane(agreed, label)) if agreed is not None else np.nan,
        float(np.mean(near)) if near else np.nan,
        np.count_nonzero(marked) / (lungs.sum() if lungs is not None else marked.size),
    )


def _dice(a: BoolImage, b: BoolImage) -> float:
    both = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / both if both else np.nan


def _small(mask: NDArray[T]) -> NDArray[T]:
    step = -(-max(mask.shape) // LONGEST_SIDE)
    return np.ascontiguousarray(mask[::step, ::step])
