"""What is known of a film's infection, opacities and lungs: one rule for all that reads a catalog.

| state | meaning |
|---|---|
| mask | a mask shows where |
| empty | there is none |
| somewhere | there is some in the lungs; where is unknown |
| unknown | nothing is known |

The columns ``infection_truth``, ``opacity_truth`` and ``lung_truth`` hold the state. A source or a
curator may state one; else it follows from the labels and masks.
"""

from __future__ import annotations

from collections.abc import Mapping

from infmap.core.types import Truth

MASK, EMPTY, SOMEWHERE, UNKNOWN = STATES = ("mask", "empty", "somewhere", "unknown")
TRUTHS = ("infection_truth", "opacity_truth", "lung_truth")
"""Columns of the films that hold a state, in the order of ``schema.MASKS``."""
NEEDED = ("covid19", "normal", "infection_mask", "infection_pixels", "opacity_mask",
          "opacity_pixels", "lung_mask", *TRUTHS)  # fmt: skip
"""Columns that ``film_truth`` reads."""
CODES = {MASK: Truth.DENSE, EMPTY: Truth.DENSE, SOMEWHERE: Truth.SOMEWHERE, UNKNOWN: Truth.UNKNOWN}
"""State to what training holds."""


def film_truth(row: Mapping[str, object]) -> tuple[str, str, str]:
    """States of a film's infection, opacities and lungs.

    What is stated holds. Else a film without COVID-19 has no infection, other pneumonia or not, and
    neither has one that is stated to have no opacity; a drawn infection holds also where the class
    is unknown. The opacities of a COVID-19 film are its infection, a normal film has none, and
    those of another pneumonia are unknown unless drawn. Infected pixels are opaque: where infection
    is somewhere, so is opacity.

    Args:
        row: of the films table; columns that it lacks count as null.
    """
    infection = _text(row.get("infection_truth")) or _infection(row)
    opacity = _text(row.get("opacity_truth")) or _opacity(row, infection)
    return infection, opacity, _text(row.get("lung_truth")) or _drawn(row, "lung") or UNKNOWN


def mask_paths(row: Mapping[str, object]) -> tuple[str | None, str | None, str | None]:
    """Infection, opacity and lung mask of a row: a path, "" for known to be empty, None for none.

    The opacity mask of a film whose opacities are its infection is the infection mask.
    """
    infection, opacity, lungs = film_truth(row)
    return (
        _path(infection, _text(row["infection_mask"])),
        _path(opacity, _text(row["opacity_mask"] or row["infection_mask"])),
        _path(lungs, _text(row["lung_mask"])),
    )


def _infection(row: Mapping[str, object]) -> str:
    if row["covid19"] is False or row.get("opacity_truth") == EMPTY:
        return EMPTY
    return _drawn(row, "infection") or UNKNOWN


def _opacity(row: Mapping[str, object], infection: str) -> str:
    if drawn := _drawn(row, "opacity"):
        return drawn
    if row["normal"]:
        return EMPTY
    of_covid19 = row["covid19"] is not False and bool(row["covid19"] or row["infection_mask"])
    return infection if of_covid19 or infection == SOMEWHERE else UNKNOWN


def _drawn(row: Mapping[str, object], kind: str) -> str | None:
    """The state that a mask file makes; None without one."""
    if not row[f"{kind}_mask"]:
        return None
    return EMPTY if kind != "lung" and row.get(f"{kind}_pixels") == 0 else MASK


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _path(state: str, path: str | None) -> str | None:
    return {MASK: path, EMPTY: ""}.get(state)
