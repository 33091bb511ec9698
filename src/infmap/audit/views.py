"""What a probe is shown: the film, or what is left of it when the lungs are taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from infmap.audit.films import SIDE, Sample
from infmap.core.types import BoolImage, Float32Image

# Shares of the canvas and pixels of a block; chosen by hand. 3 % hides the rim that a mask drawn
# too small would leave; 8 % is where markers and collimation are.
GROWN = 0.03
BORDER = 0.08
BLOCK = 16
# A quarter of a grey level: keeps the logarithm of a plain block finite.
_FLAT = 1e-3
WHOLE = "whole film"
WITHOUT_LUNGS = "without lungs"
WITHOUT_BOX = "without the lungs' box"
EDGE = "border only"
HISTOGRAM = "size and histogram"
SIZE = "size only"

Keep = Callable[[BoolImage, BoolImage], BoolImage]
"""From the film's place on the canvas and its lung mask, both bool (128, 128), the pixels kept."""


def _whole(place: BoolImage, lungs: BoolImage) -> BoolImage:
    return place


def _without_lungs(place: BoolImage, lungs: BoolImage) -> BoolImage:
    return np.asarray(place & ~grown(lungs))


def _without_box(place: BoolImage, lungs: BoolImage) -> BoolImage:
    box = np.zeros_like(lungs)
    rows, columns = np.nonzero(grown(lungs))
    if rows.size:
        box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return np.asarray(place & ~box)


def _border(place: BoolImage, lungs: BoolImage) -> BoolImage:
    rows, columns = np.nonzero(place)
    top, left = rows.min(), columns.min()
    height, width = rows.max() + 1 - top, columns.max() + 1 - left
    inner = place.copy()
    down, across = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    inner[top : top + down] = inner[top + height - down :] = False
    inner[:, left : left + across] = inner[:, left + width - across :] = False
    return np.asarray(place & ~inner)


PIXEL_VIEWS: dict[str, Keep] = {
    WHOLE: _whole,
    WITHOUT_LUNGS: _without_lungs,
    WITHOUT_BOX: _without_box,
    EDGE: _border,
}
NEED_LUNGS = (WITHOUT_LUNGS, WITHOUT_BOX)


def grown(lungs: BoolImage) -> BoolImage:
    """The lung mask, wider by 3 % of the canvas on every side, so that no rim is left."""
    if not lungs.any():
        return lungs
    return np.asarray(ndimage.distance_transform_edt(~lungs) <= GROWN * len(lungs))


def films_of(sample: Sample, view: str) -> NDArray[np.int64]:
    """Films that have the view: int (n,). Views without lungs need a lung mask."""
    if view not in NEED_LUNGS:
        return np.arange(len(sample.rows))
    return np.flatnonzero(sample.masked & sample.lungs.any(axis=(1, 2)))


def pixel_view(
    sample: Sample, view: str, films: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Films as a probe sees them; what is not kept, and the canvas, is the mean of what is.

    Returns:
        Pixels, uint8 (n, 128, 128); texture, float32 (n, 128), of what is kept: the logarithm of
        the spread of grey levels and of the step between neighbours, in 8 x 8 blocks; and the
        share of the films that keep a pixel, float32 (128, 128), [0, 1].
    """
    keep = PIXEL_VIEWS[view]
    pictures = np.empty((len(films), SIDE, SIDE), np.uint8)
    textures = np.empty((len(films), 2 * (SIDE // BLOCK) ** 2), np.float32)
    seen = np.zeros((SIDE, SIDE), np.float32)
    for n, i in enumerate(films):
        kept = keep(_place(sample.extent[i]), sample.lungs[i])
        mean = sample.pixels[i][kept].mean() if kept.any() else 0
        # The mean of what is kept: black would draw the outline of what was taken away.
        pictures[n] = np.where(kept, sample.pixels[i], np.uint8(mean))
        textures[n] = _texture(sample.pixels[i], kept)
        seen += kept
    return pictures, textures, np.asarray(seen / max(1, len(films)), np.float32)


def _texture(picture: NDArray[np.uint8], kept: BoolImage) -> NDArray[np.float32]:
    value = picture / 255.0
    mean = _blocks(value, kept)
    spread = np.sqrt(np.maximum(_blocks(value * value, kept) - mean * mean, 0.0))
    both = kept[1:, 1:] & kept[:-1, 1:] & kept[1:, :-1]
    step = np.abs(np.diff(value, axis=0)[:, 1:]) + np.abs(np.diff(value, axis=1)[1:])
    pad = ((1, 0), (1, 0))
    figures = np.stack([spread, _blocks(np.pad(step, pad), np.pad(both, pad))])
    return np.log(figures + _FLAT).astype(np.float32).ravel()


def _blocks(value: NDArray[np.float64], kept: BoolImage) -> NDArray[np.float64]:
    """Mean of what is kept in each block; 0 where nothing is."""
    count = SIDE // BLOCK
    parts = [part.reshape(count, BLOCK, count, BLOCK).sum((1, 3)) for part in (value * kept, kept)]
    return np.asarray(parts[0] / np.maximum(parts[1], 1))


def _place(extent: NDArray[np.int64]) -> BoolImage:
    height, width = (int(length) for length in extent)
    place = np.zeros((SIDE, SIDE), np.bool_)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    place[top : top + height, left : left + width] = True
    return place


def table_view(sample: Sample, view: str) -> Float32Image:
    """Figures of the file in place of its pixels.

    Returns:
        float32 (N, K): height, width, their ratio, bits (-1 where unknown), file type in
        one column a type; and for "size and histogram" 64 shares of grey levels.
    """
    kinds = sorted(set(sample.kinds))
    columns = [_numbers(row.get("height") for row in sample.rows)]
    columns += [_numbers(row.get("width") for row in sample.rows)]
    columns += [columns[0] / columns[1], _numbers(row.get("bits") for row in sample.rows)]
    columns += [np.array([kind == k for k in sample.kinds], np.float32) for kind in kinds]
    size = np.stack(columns, axis=1).astype(np.float32)
    return size if view == SIZE else np.concatenate([size, sample.histogram], axis=1)


def _numbers(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([-1 if value is None else value for value in values], np.float64)
