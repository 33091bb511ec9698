"""Figures by view, sex and age, of the sources that state them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.rows import Film
from infmap.study.by_source import (
    FEWEST,
    NORMAL,
    Figures,
    ScoredFilms,
    detection_figures,
    map_figures,
)

AGES = (50.0, 70.0)
"""Years: below, between, from. Cut so that each third of the patients of Cohen has about as many
films."""


def strata_figures(films: ScoredFilms, rows: Sequence[Film]) -> dict[str, Figures]:
    """Figures of parts of each source left out, named ``SOURCE, PART``.

    Films of which the view, sex or age is not stated are in no part, and a part of fewer films
    than are needed for any figure is left out.

    Args:
        films: validation set and films left out.
        rows: of the snapshot, with view, sex and age.
    """
    known = {row["film_id"]: row for row in rows}
    outside = films.left_out
    normal = outside.table.text["class"] == NORMAL
    out: dict[str, Figures] = {}
    for source in np.unique(outside.table.text["source"]):
        part = outside.of_source(str(source))
        pool = outside.where(normal & np.isin(outside.fold, part.fold)).table
        of = [known[film_id] for film_id in part.table.text["film_id"]]
        for name, keep in _parts(of):
            if FEWEST <= keep.sum() < len(keep):
                table = part.table.where(keep)
                found = detection_figures(table, pool) | map_figures(table)
                if found:
                    out[f"{source}, {name}"] = found
    return out


def _parts(rows: Sequence[Film]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    views = [view_of(row["view"]) for row in rows]
    for view in ("AP", "PA"):
        yield view, np.array([found == view for found in views], np.bool_)
    for sex, name in (("F", "women"), ("M", "men")):
        yield name, np.array([row["sex"] == sex for row in rows], np.bool_)
    ages = np.array([math.nan if row["age"] is None else row["age"] for row in rows], np.float64)
    low, high = AGES
    with np.errstate(invalid="ignore"):
        yield f"below {low:.0f} years", ages < low
        yield f"{low:.0f} to {high - 1:.0f} years", (ages >= low) & (ages < high)
        yield f"from {high:.0f} years", ages >= high


def view_of(view: str | None) -> str | None:
    """AP or PA, lying or not; None for any other view, or where none is stated."""
    words = (view or "").upper().split()
    return next((word for word in words if word in ("AP", "PA")), None)
