"""The record that every source yields: one film, what is known of it, and nothing guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Literal

SPLITS = ("train", "val", "test")
STATED = ("empty", "somewhere", "unknown")
"""What may be stated of a film's infection or opacities without a mask."""


def is_relative(path: str) -> bool:
    """Whether a POSIX path has neither a root nor a drive."""
    return not path.startswith(("/", "\\\\")) and path[1:2] != ":"


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
class Polygon:
    """A drawn region as a closed outline.

    Attributes:
        points: (x, y) of its corners in film pixels, three or more, the last joined to the first.
        kind: what the region shows.
        canvas: (width, height) of the film it was drawn on, in pixels, where the source says.
    """

    points: tuple[tuple[float, float], ...]
    kind: Literal["opacity", "lungs"]
    canvas: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"expected an outline of three points or more, got {self.points}")
        if not all(math.isfinite(n) for point in self.points for n in point):
            raise ValueError("expected an outline of finite points, got one that is not")


@dataclass(frozen=True)
class Box:
    """A rectangle that a reader drew.

    Attributes:
        label: what it shows, in the source's words.
        left: column of its left edge in film pixels.
        top: row of its upper edge in film pixels.
        width: in film pixels, above 0.
        height: in film pixels, above 0.
        reader: who drew it, where the source says.
    """

    label: str
    left: float
    top: float
    width: float
    height: float
    reader: str | None = None

    def __post_init__(self) -> None:
        sides = (self.left, self.top, self.width, self.height)
        if not all(math.isfinite(n) for n in sides) or min(self.width, self.height) <= 0:
            raise ValueError(f"{self.label}: expected a box with an area, got {sides}")


@dataclass(frozen=True)
class SourceFailure:
    """What a source lists and cannot mean: a film that is a failure, and the rest goes on.

    Attributes:
        path: of the film as the source names it.
        reason: one line: what was expected, what arrived.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class SourceRecord:
    """One film of a source. ``None`` is unknown, never negative.

    Attributes:
        path: POSIX path of the film relative to the source's root.
        name: of the film, unique within the source; left out, it is the file's name.
        patient_id: unique over sources; sources of one patient register share their prefix.
        offset_days: days since first symptoms or admission, as the source states it.
        study_date: when it was taken, as an ISO date (YYYY-MM-DD).
        view: "PA", "AP", "AP Supine", "L"..., in the source's words.
        sex: "F" or "M".
        age: of the patient at the time, in years.
        covid19: the film's patient has COVID-19.
        pneumonia: a pneumonia other than COVID-19; never true together with ``covid19``.
        normal: no finding.
        infection_mask: path relative to the root, film pixels, as ``catalog.mask_files`` reads it.
        opacity_mask: the same for any airspace opacity.
        lung_mask: the same for both lungs.
        infection_truth: what is stated of the infection where no mask shows it: "empty" (there is
            none), "somewhere" (there is some in the lungs), or "unknown" (whatever the labels
            say); None: it follows from the labels and masks.
        opacity_truth: the same of airspace opacities.
        mask_values: name of one of the three masks and the values of its pixels that are
            foreground, where the source names them; else a mask has two values, and 0 is
            background.
        licence: as the source states it.
        official_split: "train", "val" or "test" where the publisher splits.
        opacity_drawn: a reader drew all opacities; without a crop the mask is known to be empty.
        crops: drawn regions, from which ingest derives the masks.
        polygons: drawn outlines, from which ingest derives the masks.
        boxes: drawn rectangles.
        scores: readings of the film.
    """

    path: str
    name: str | None = None
    patient_id: str | None = None
    offset_days: int | None = None
    study_date: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None
    covid19: bool | None = None
    pneumonia: bool | None = None
    normal: bool | None = None
    infection_mask: str | None = None
    opacity_mask: str | None = None
    lung_mask: str | None = None
    infection_truth: str | None = None
    opacity_truth: str | None = None
    mask_values: tuple[tuple[str, tuple[float, ...]], ...] = ()
    licence: str | None = None
    official_split: str | None = None
    opacity_drawn: bool = False
    crops: tuple[MaskCrop, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    boxes: tuple[Box, ...] = ()
    scores: tuple[Score, ...] = ()

    @property
    def film_name(self) -> str:
        """``name``, or the file's name: what follows the source's name in a film's identity."""
        return self.name or self.path.rpartition("/")[2]

    def __post_init__(self) -> None:
        paths = (self.path, self.infection_mask, self.opacity_mask, self.lung_mask)
        for path in paths:
            if path and not is_relative(path):
                raise ValueError(f"{path}: expected a path relative to the source's root")
        if [self.covid19, self.pneumonia, self.normal].count(True) > 1:
            raise ValueError(f"{self.path}: expected at most one class, got several")
        self._check_truth()
        if self.official_split not in (*SPLITS, None):
            raise ValueError(f"{self.path}: expected one of {SPLITS}, got {self.official_split!r}")
        if self.sex not in ("F", "M", None):
            raise ValueError(f"{self.path}: expected the sex 'F' or 'M', got {self.sex!r}")
        if self.age is not None and not 0 <= self.age <= 130:
            raise ValueError(f"{self.path}: expected an age of 0 to 130 years, got {self.age}")
        if self.study_date is not None:
            try:
                date.fromisoformat(self.study_date)
            except ValueError as error:
                raise ValueError(f"{self.path}: expected a date YYYY-MM-DD, {error}") from error

    def _check_truth(self) -> None:
        infection, opacity = self.infection_truth, self.opacity_truth
        for kind, state, mask in (
            ("infection", infection, self.infection_mask),
            ("opacity", opacity, self.opacity_mask),
        ):
            if state not in (*STATED, None):
                raise ValueError(
                    f"{self.path}: expected {', '.join(STATED)} or nothing for {kind}, "
                    f"got {state!r}"
                )
            if state and mask:
                raise ValueError(f"{self.path}: expected {kind} as a mask or {state!r}, got both")
        shown = "somewhere" in (infection, opacity)
        if infection == "somewhere" and self.covid19 is False:
            raise ValueError(f"{self.path}: expected no infection on a film without COVID-19")
        if shown and self.normal:
            raise ValueError(f"{self.path}: expected no infection or opacity on a normal film")
        if infection == "somewhere" and opacity == "empty":
            raise ValueError(f"{self.path}: expected opacity where infection is, got none")
