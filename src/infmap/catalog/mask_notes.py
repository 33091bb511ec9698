"""What the masks of a source tell when they are seen together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from infmap.catalog.schema import MASKS, PIXELS, polars

if TYPE_CHECKING:
    import polars as pl

# Chosen by hand; only a question to the user, nothing is left out by it.
_MOST = {"infection_mask": 0.6, "opacity_mask": 0.6, "lung_mask": 0.85}
"""Share of the film above which a mask is asked about: lungs fill 20 to 45 % of a chest film, and
little more than 80 % of one that is cropped to them."""


def mask_notes(films: pl.DataFrame) -> list[str]:
    """One line a finding: masks that are all empty, that may be inverted, and what was decided.

    Args:
        films: of one source.
    """
    notes = []
    for mask, pixels in zip(MASKS, PIXELS, strict=True):
        notes += _empty(films, mask, pixels) + _full(films, mask, pixels)
    decided: dict[str, list[str]] = defaultdict(list)
    for film_id, note in films.select("film_id", "mask_note").drop_nulls().sort("film_id").rows():
        for part in note.split("; "):
            decided[part].append(film_id)
    for note, names in sorted(decided.items()):
        notes.append(f"masks of {len(names)} films: {note}, the first is that of {names[0]}")
    return notes


def _empty(films: pl.DataFrame, mask: str, pixels: str) -> list[str]:
    """A kind of mask of which none has a pixel, on films that should have some."""
    column = polars().col
    diseased = {
        "infection_mask": column("covid19").fill_null(False),
        "opacity_mask": ~column("normal").fill_null(False),
    }
    counts = films.filter(diseased.get(mask, True)).drop_nulls(pixels)[pixels]
    if counts.is_empty() or int(counts.sum()):
        return []
    return [f"{mask}: all {len(counts)} masks are empty; are they what you meant?"]


def _full(films: pl.DataFrame, mask: str, pixels: str) -> list[str]:
    """Masks that cover more of their film than they can."""
    column = polars().col
    share = column(pixels) / (column("width").cast(polars().Int64) * column("height"))
    names = films.filter(share > _MOST[mask])["film_id"].sort()
    if names.is_empty():
        return []
    return [
        f"{mask}: {len(names)} masks cover more than {_MOST[mask]:.0%} of their film, the first is "
        f"that of {names[0]}; are they inverted?"
    ]
