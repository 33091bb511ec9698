"""Annotations in the form of COCO (Lin et al. 2014): outlines and boxes by film."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Required, TypedDict

from infmap.core.errors import UsageError
from infmap.sources.record import Box, Polygon, is_relative

# Parts of words, in lower case, by which annotators name opacities; chosen by hand.
OPACITIES = ("opacit", "infection", "consolidation", "ground", "ggo", "infiltrat", "pneumonia")


class Category(TypedDict):
    """What annotations may show."""

    id: int | str
    name: str


class Image(TypedDict, total=False):
    """A film; sides in pixels."""

    id: Required[int | str]
    file_name: Required[str]
    width: int
    height: int


class Annotation(TypedDict, total=False):
    """One thing on a film: outlines as x, y, x, y..., or run lengths; a box as left, top, sides."""

    image_id: Required[int | str]
    category_id: Required[int | str]
    segmentation: list[list[float]] | dict[str, object] | None
    bbox: list[float] | None


class Annotations(TypedDict):
    """A file, as far as it is read here."""

    categories: list[Category]
    images: list[Image]
    annotations: list[Annotation]


@dataclass(frozen=True)
class AnnotatedFilm:
    """What the annotations hold of one film.

    Attributes:
        file: its path, as the annotations name it.
        opacity_drawn: all its opacities have an outline: something was drawn on it, opacities are
            among the categories, and none is a mere box.
        polygons: outlines of lungs and opacities, film pixels.
        boxes: annotations that have no outline, or one of another category, film pixels.
    """

    file: str
    opacity_drawn: bool
    polygons: tuple[Polygon, ...]
    boxes: tuple[Box, ...]


def read(path: Path) -> list[AnnotatedFilm]:
    """The films of a file, in its order.

    Raises:
        UsageError: it is not such a file, or holds run-length encoded masks.
    """
    try:
        content: Annotations = json.loads(path.read_text(encoding="utf-8"))
        kinds = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        drawn: dict[int | str, list[Annotation]] = defaultdict(list)
        for annotation in content["annotations"]:
            drawn[annotation["image_id"]].append(annotation)
        opacities = any(kind_of(name) == "opacity" for name in kinds.values())
        return [
            _film(image, drawn[image["id"]], kinds, opacities, path) for image in content["images"]
        ]
    except UsageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UsageError(
            f"{path}: expected images, annotations and categories in the form of COCO, "
            f"got {type(error).__name__}: {error}"
        ) from error


def kind_of(category: str) -> Literal["opacity", "lungs"] | None:
    """What a category's name shows."""
    name = category.lower()
    if any(word in name for word in OPACITIES):
        return "opacity"
    return "lungs" if "lung" in name else None


def inside(path: str, table: Path) -> str:
    """A relative path that stays below the root.

    Raises:
        UsageError: it is empty, absolute or leads out.
    """
    posix = path.replace("\\", "/")
    parts = [part for part in posix.split("/") if part not in ("", ".")]
    if not parts or not is_relative(posix) or ".." in parts:
        raise UsageError(f"{table}: expected paths below its folder, got {path!r}")
    return "/".join(parts)


def _film(
    image: Image,
    annotations: list[Annotation],
    kinds: dict[int | str, str],
    opacities: bool,
    path: Path,
) -> AnnotatedFilm:
    width, height = image.get("width"), image.get("height")
    canvas = (int(width), int(height)) if width and height else None
    polygons: list[Polygon] = []
    boxes: list[Box] = []
    drawn = opacities and any(kind_of(kinds[e["category_id"]]) for e in annotations)
    for entry in annotations:
        category = kinds[entry["category_id"]]
        outlines, kind = entry.get("segmentation") or [], kind_of(category)
        if isinstance(outlines, dict):
            raise UsageError(
                f"{path}: expected outlines, got a run-length encoded mask of "
                f"{image['file_name']}; export polygons, or masks as pictures with films.csv"
            )
        if outlines and kind:
            polygons += [Polygon(_points(numbers), kind, canvas) for numbers in outlines]
        elif box := entry.get("bbox"):
            left, top, across, down = (float(side) for side in box)
            boxes.append(Box(category, left, top, across, down))
            # A box has no outline: the opacity mask would lack this one, so it stays unknown.
            drawn = drawn and kind != "opacity"
    return AnnotatedFilm(
        file=inside(str(image["file_name"]), path),
        opacity_drawn=drawn,
        polygons=tuple(polygons),
        boxes=tuple(boxes),
    )


def _points(numbers: list[float]) -> tuple[tuple[float, float], ...]:
    """(x, y) pairs of "x, y, x, y..."."""
    return tuple((float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
