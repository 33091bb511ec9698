"""Rows of a catalog's tables as they come from polars: dictionaries with known keys and types.

They are typed dictionaries and not dataclasses: polars makes dictionaries, a snapshot has many
thousand rows, and a row may lack columns (a selection, an older table).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from infmap.dedup.duplicates import DuplicatePair

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Box", "DuplicatePair", "Failure", "Film", "Score",
    "box_rows", "failure_rows", "film_rows", "pair_rows", "score_rows",
]  # fmt: skip


class Film(TypedDict, total=False):
    """A row of the films. Lengths in film pixels; None where a value is unknown."""

    film_id: str
    source: str
    path: str
    patient_id: str | None
    offset_days: int | None
    study_date: str | None
    view: str | None
    view_guess: str | None
    sex: str | None
    age: float | None
    width: int
    height: int
    bits: int | None
    photometric: str | None
    bytes_hash: str
    pixel_hash: str | None
    perceptual_hash: str
    size: int | None
    modified: int | None
    brightness: float | None
    contrast: float | None
    sharpness: float | None
    clipped: float | None
    covid19: bool | None
    pneumonia: bool | None
    normal: bool | None
    infection_mask: str | None
    opacity_mask: str | None
    lung_mask: str | None
    infection_pixels: int | None
    opacity_pixels: int | None
    lung_pixels: int | None
    infection_truth: str | None
    opacity_truth: str | None
    lung_truth: str | None
    mask_note: str | None
    drawn: str | None
    licence: str | None
    official_split: str | None
    duplicate_group: str | None
    split: str | None
    fold: int | None


class Score(TypedDict, total=False):
    """A row of the scores: one reader's value of one named score for one film."""

    film_id: str
    name: str
    reader: str | None
    value: float


class Box(TypedDict, total=False):
    """A row of the boxes, film pixels: what one reader boxed in one film."""

    film_id: str
    label: str
    reader: str | None
    left: float
    top: float
    width: float
    height: float


class Failure(TypedDict, total=False):
    """A row of the failures: a file that could not be taken up, and why."""

    source: str
    path: str
    reason: str
    film_id: str | None


def film_rows(films: pl.DataFrame) -> list[Film]:
    """The rows of a frame with columns of the films table."""
    return _rows(films)


def pair_rows(duplicates: pl.DataFrame) -> list[DuplicatePair]:
    """The rows of a frame with columns of the duplicates table."""
    return _rows(duplicates)


def score_rows(scores: pl.DataFrame) -> list[Score]:
    """The rows of a frame with columns of the scores table."""
    return _rows(scores)


def box_rows(boxes: pl.DataFrame) -> list[Box]:
    """The rows of a frame with columns of the boxes table."""
    return _rows(boxes)


def failure_rows(failures: pl.DataFrame) -> list[Failure]:
    """The rows of a frame with columns of the failures table."""
    return _rows(failures)


def _rows(frame: pl.DataFrame) -> list[Any]:
    # polars types its rows as dictionaries of anything; schema.conform has checked the columns.
    return frame.to_dicts()
