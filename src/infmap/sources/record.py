"""The record that every source yields: one film, what is known of it, and nothing guessed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Score:
    """One reading of a film by one reader.

    Attributes:
        name: what is scored, such as "geographic_extent" (0 to 8) or "brixia_global" (0 to 18).
        reader: who read it; "mean" for the mean of several.
        value: the score.
    """

    name: str
    reader: str
    value: float


@dataclass(frozen=True)
class MaskCrop:
    """A drawn region, stored as a crop of the film's canvas.

    Attributes:
        path: RGBA or RGB file relative to the source's root; foreground is any non-black pixel.
        kind: what the region shows.
        left: column of the crop's first pixel in film pixels.
        top: row of the crop's first pixel in film pixels.
        canvas: (width, height) of the film it was drawn on, in pixels.
    """

    path: str
    kind: Literal["opacity", "lungs"]
    left: int
    top: int
    canvas: tuple[int, int]

    def __post_init__(self) -> None:
        if self.left < 0 or self.top < 0 or min(self.canvas) < 1:
            raise ValueError(
                f"{self.path}: expected a crop inside its canvas, "
                f"got ({self.left}, {self.top}) on {self.canvas}"
            )


@dataclass(frozen=True)
class SourceRecord:
    """One film of a source. ``None`` is unknown, never negative.

    Attributes:
        path: POSIX path of the film relative to the source's root.
        patient_id: unique over sources; sources of one patient register share their prefix.
        offset_days: days since first symptoms or admission, as the source states it.
        view: "PA", "AP", "AP Supine"...
        covid19: the film's patient has COVID-19.
        pneumonia: a pneumonia other than COVID-19; never true together with ``covid19``.
        normal: no finding.
        infection_mask: path relative to the root, 0/255, film pixels.
        opacity_mask: the same for any airspace opacity.
        lung_mask: the same for both lungs.
        licence: as the source states it.
        official_split: "train", "val" or "test" where the publisher splits.
        opacity_drawn: a reader drew all opacities; without a crop the mask is known to be empty.
        crops: drawn regions, from which ingest derives the masks.
        scores: readings of the film.
    """

    path: str
    patient_id: str | None = None
    offset_days: int | None = None
    view: str | None = None
    covid19: bool | None = None
    pneumonia: bool | None = None
    normal: bool | None = None
    infection_mask: str | None = None
    opacity_mask: str | None = None
    lung_mask: str | None = None
    licence: str | None = None
    official_split: str | None = None
    opacity_drawn: bool = False
    crops: tuple[MaskCrop, ...] = ()
    scores: tuple[Score, ...] = ()

    def __post_init__(self) -> None:
        if [self.covid19, self.pneumonia, self.normal].count(True) > 1:
            raise ValueError(f"{self.path}: expected at most one class, got several")
        if self.official_split is not None and self.official_split not in SPLITS:
            raise ValueError(f"{self.path}: expected one of {SPLITS}, got {self.official_split!r}")
        if Path(self.path).is_absolute():
            raise ValueError(f"{self.path}: expected a path relative to the source's root")
