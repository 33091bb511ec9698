"""Masks of a film, in film pixels: those its source names, and those made of drawn regions."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from infmap.catalog.mask_files import fit_mask, read_mask
from infmap.catalog.schema import MASKS, PIXELS
from infmap.core.errors import UnreadableFilm
from infmap.core.types import BoolImage
from infmap.sources import MaskCrop, Polygon, SourceRecord

KINDS: tuple[Literal["opacity"], Literal["lungs"]] = ("opacity", "lungs")
_FILES = {"infection": "infection_mask", "opacity": "opacity_mask", "lungs": "lung_mask"}
_PIXELS = dict(zip(MASKS, PIXELS, strict=True))


@dataclass
class FilmMasks:
    """The masks of one film.

    Attributes:
        columns: of the films: which masks there are, how many pixels each has, and what was decided
            about them. A mask that cannot be read is unknown: null.
        files: path below the catalog to the bytes of a PNG file, of masks that were drawn, turned
            with their film, or read by values that the source names.
        failures: path of a mask that cannot be read, to the reason.
    """

    columns: dict[str, str | int | None]
    files: dict[str, bytes]
    failures: dict[str, str]

    def put(self, film_id: str, kind: str, mask: BoolImage) -> str:
        """Keep a mask as a file of the catalog; the path that a row names it by."""
        path = f"masks/{film_id}.{kind}.png"
        self.files[path] = png(mask)
        return f"@catalog/{path}"


def find_masks(
    film_id: str, root: Path, record: SourceRecord, shape: tuple[int, int], orientation: int = 1
) -> FilmMasks:
    """Read and count the masks that a record names, and draw those of its regions.

    Args:
        film_id: the film's identity.
        root: the source's folder.
        record: of the film.
        shape: (H, W) of the film, film pixels.
        orientation: EXIF orientation of the film's file, 1 to 8.
    """
    found = FilmMasks(dict.fromkeys((*MASKS, *PIXELS)), {}, {})
    notes: dict[str, None] = {}
    read: dict[tuple[str, tuple[float, ...] | None], tuple[str, int] | None] = {}
    for kind, column in _FILES.items():
        path, values = getattr(record, column), dict(record.mask_values).get(column)
        if path is None:
            continue
        if (path, values) not in read:
            read[path, values] = None
            try:
                mask = read_mask(root / path, values)
                plane, more = fit_mask(mask, shape, orientation)
            except UnreadableFilm as error:
                found.failures[path] = f"the mask of {film_id}: {error.reason}"
                continue
            notes |= dict.fromkeys(more)
            as_it_is = values is None and not any(note.startswith("turned") for note in more)
            place = path if as_it_is and not mask.turned else found.put(film_id, kind, plane)
            read[path, values] = place, int(plane.sum())
        if known := read[path, values]:
            found.columns[column], found.columns[_PIXELS[column]] = known
    for region in KINDS:
        try:
            drawn = draw(root, record, shape, region)
        except UnreadableFilm as error:
            found.failures[record.path] = f"the {region} mask of {film_id}: {error.reason}"
            continue
        if drawn is not None:
            columns = ["lung_mask"] if region == "lungs" else ["opacity_mask"]
            # An opacity of a COVID-19 film is its infection; of another film it is not.
            if region == "opacity" and record.covid19:
                columns.append("infection_mask")
            place = found.put(film_id, region, drawn)
            for column in columns:
                found.columns |= {column: place, _PIXELS[column]: int(drawn.sum())}
    found.columns["mask_note"] = "; ".join(notes) or None
    return found


def draw(
    root: Path, record: SourceRecord, shape: tuple[int, int], kind: Literal["opacity", "lungs"]
) -> BoolImage | None:
    """The mask that a record's drawn regions of a kind make.

    Args:
        root: the source's folder.
        record: with crops or outlines.
        shape: (H, W) of the film.
        kind: of the regions.

    Returns:
        bool (H, W), film pixels; None where none was drawn. A film whose opacities were all drawn,
        and are none, has an empty mask.

    Raises:
        UnreadableFilm: a crop is missing, damaged, or does not lie inside the film.
    """
    crops = [crop for crop in record.crops if crop.kind == kind]
    outlines = [outline for outline in record.polygons if outline.kind == kind]
    if not crops and not outlines and not (kind == "opacity" and record.opacity_drawn):
        return None
    return paste(root, crops, shape) | fill(outlines, shape)


def paste(root: Path, crops: Iterable[MaskCrop], shape: tuple[int, int]) -> BoolImage:
    """Union of crops at their places.

    Args:
        root: the source's folder.
        crops: regions of one film; their canvas must be the film, or the film a whole multiple.
        shape: (H, W) of the film.

    Returns:
        bool (H, W), film pixels.

    Raises:
        UnreadableFilm: a crop is missing, damaged, or does not lie inside the film.
    """
    mask = np.zeros(shape, np.bool_)
    for crop in crops:
        times = _times(crop.canvas, shape, crop.path)
        try:
            region = read_mask(root / crop.path).foreground
        except UnreadableFilm as error:
            raise UnreadableFilm(f"{crop.path}: {error.reason}") from error
        region = region.repeat(times, axis=0).repeat(times, axis=1)
        top, left = crop.top * times, crop.left * times
        bottom, right = top + region.shape[0], left + region.shape[1]
        if bottom > shape[0] or right > shape[1]:
            raise UnreadableFilm(
                f"expected the mask {crop.path} inside the film of {shape[1]}x{shape[0]}, "
                f"got its corner at ({right}, {bottom})"
            )
        mask[top:bottom, left:right] |= region
    return mask


def fill(outlines: Iterable[Polygon], shape: tuple[int, int]) -> BoolImage:
    """Union of the insides of outlines.

    Args:
        outlines: of one film; what lies beyond the film is cut off.
        shape: (H, W) of the film.

    Returns:
        bool (H, W), film pixels.

    Raises:
        UnreadableFilm: an outline was drawn on a canvas of another shape.
    """
    image = Image.new("1", (shape[1], shape[0]))
    for outline in outlines:
        times = _times(outline.canvas, shape, "an outline") if outline.canvas else 1
        points = [(x * times, y * times) for x, y in outline.points]
        ImageDraw.Draw(image).polygon(points, fill=1)
    return np.asarray(image)


def _times(canvas: tuple[int, int], shape: tuple[int, int], name: str) -> int:
    """How many times the film is as large as the canvas, (width, height), it was drawn on."""
    times = shape[1] // canvas[0]
    if times < 1 or (canvas[0] * times, canvas[1] * times) != (shape[1], shape[0]):
        raise UnreadableFilm(
            f"expected a film of {canvas[0]}x{canvas[1]} as {name} was drawn on, "
            f"got {shape[1]}x{shape[0]}"
        )
    return times


def png(mask: BoolImage) -> bytes:
    """A mask as the bytes of a PNG file, 0/255."""
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(file, format="PNG")
    return file.getvalue()
