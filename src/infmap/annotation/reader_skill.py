"""How the readers of a film compare with their consensus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from infmap.annotation import outcomes, projects
from infmap.annotation.consensus import METHODS
from infmap.annotation.store import get_mask
from infmap.core.errors import UsageError
from infmap.metrics.mask_agreement import dice
from infmap.metrics.staple import staple
from infmap.web.masks import decode, plane


@dataclass(frozen=True)
class Skill:
    """One reader and label.

    Attributes:
        reader: name.
        label: what was marked.
        films: that the reader read with others.
        dice: mean Dice with the consensus, over films in which either marks something.
        sensitivity: mean, as STAPLE estimates it.
        specificity: mean, as STAPLE estimates it.
    """

    reader: str
    label: str
    films: int
    dice: float
    sensitivity: float
    specificity: float


def reader_skill(
    c: Connection,
    project: str,
    method: str = "staple",
    progress: Callable[[int, int], None] | None = None,
) -> list[Skill]:
    """Compare readers with the consensus of each film that several of them read independently.

    Args:
        c: a transaction.
        project: identifier.
        method: of the consensus, a key of ``consensus.METHODS``.
        progress: called with films done and films in all.

    Raises:
        NotFound: there is no such project.
        UsageError: no such method.
    """
    if method not in METHODS:
        raise UsageError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    labels = projects.get(c, project).labels
    by_film: dict[str, dict[str, str]] = defaultdict(dict)
    for one in outcomes.every(c, project):
        # The first reading alone: a comparison and an adjudication show others' masks.
        first = one.kind in ("draw", "choose") and one.repeat_of is None and one.reading == 1
        if first and one.revision.mask is not None:
            by_film[one.revision.film][one.reader] = one.revision.mask
    films = [of for of in by_film.values() if len(of) > 1]
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for number, of in enumerate(films, 1):
        readers = sorted(of)
        masks = [decode(get_mask(c, of[reader])) for reader in readers]
        for label in labels:
            # Each label on its own: a reader may be good at lungs and not at effusions.
            planes = [plane(mask, label) for mask in masks]
            joined, skill = METHODS[method](planes), staple(planes)
            for k, reader in enumerate(readers):
                row = dice(planes[k], joined), skill.sensitivity[k], skill.specificity[k]
                found[reader, label].append(row)
        if progress:
            progress(number, len(films))
    return [
        Skill(reader, label, len(rows), *(_mean(column) for column in np.array(rows).T))
        for (reader, label), rows in sorted(found.items())
    ]


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
