"""Masks in film pixels, put together from drawn regions."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from infmap.core.errors import UnreadableFilm
from infmap.core.types import BoolImage
from infmap.sources import MaskCrop, Polygon, SourceRecord


def draw(root: Path, record: SourceRecord, shape: tuple[int, int]) -> dict[str, BoolImage]:
    """Masks that a record's drawn regions make.

    Args:
        root: the source's folder.
        record: with crops or outlines.
        shape: (H, W) of the film.

    Returns:
        "opacity" and "lungs" to bool (H, W), film pixels: those that were drawn. A film whose
        opacities were all drawn, and are none, has an empty mask.

    Raises:
        UnreadableFilm: a crop is missing, damaged, or does not lie inside the film.
    """
    masks: dict[str, BoolImage] = {}
    for kind in ("opacity", "lungs"):
        crops = [crop for crop in record.crops if crop.kind == kind]
        outlines = [outline for outline in record.polygons if outline.kind == kind]
        if crops or outlines or (kind == "opacity" and record.opacity_drawn):
            masks[kind] = paste(root, crops, shape) | fill(outlines, shape)
    return masks


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
            with Image.open(root / crop.path) as image:
                region = np.asarray(image.convert("RGB")).any(axis=-1)
        except (OSError, ValueError) as error:
            raise UnreadableFilm(f"expected the mask {crop.path}, got {error}") from error
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
