"""Burned-in annotations and side markers: small, bright, sharp glyphs near the film's edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from infmap.core.types import Float32Image

# Pixels of the long side at which glyphs are looked for; the limits below are shares of it, of the
# film's grey levels, or of a letter. They were set on phantoms and on 300 Train films of
# COVID-QU-Ex; docs/audit.md, "Writing on the film", has what they find and miss.
LONG = 512
MARGIN = 0.2
CONTRAST = 0.25
STEP = 0.2
Box = tuple[slice, slice]
# Height of a letter at most and at least, and length of a word that ran together.
_TALLEST, _LOWEST, _LONGEST = 0.09, 5, 10  # share of the long side; pixels; heights


@dataclass(frozen=True)
class Text:
    """What looks like writing on a film.

    Attributes:
        glyphs: letters, digits and markers found.
        line: whether three or more of them stand in a line, as in a name, a date or "PORTABLE".
    """

    glyphs: int
    line: bool


def find_text(film: Float32Image, lungs: Float32Image | None = None) -> Text:
    """Look for glyphs in the outer fifth of a film, outside the lungs.

    A glyph is a connected region that stands out of its surroundings by a white top-hat, is of a
    letter's height, width and fill, and has an edge as steep as ink: films have none in the body.

    Args:
        film: float32 (H, W), [0, 1], bright bone.
        lungs: float32 (H, W), 0 or 1, where known.
    """
    picture = _scaled(film, _how(film))
    # 99.8, not 99.5: writing may be the brightest half per cent of a film.
    low, high = np.percentile(picture[::3, ::3], (0.5, 99.8))
    # A film without contrast has no glyphs, only noise that scaling would raise.
    if high - low < 0.05:
        return Text(0, False)
    picture = np.clip((picture - low) / (high - low), 0, 1)
    inside = None if lungs is None else _scaled(lungs, Image.Resampling.NEAREST) > 0.5
    bright, dark = _glyphs(picture, inside), _glyphs(1 - picture, inside)
    line = _in_line(bright) or _in_line(dark)
    return Text(len(bright) + (len(dark) if _in_line(dark) else 0), line)


def _glyphs(picture: Float32Image, inside: NDArray[np.bool_] | None) -> list[Box]:
    """Boxes of bright glyphs."""
    long = max(picture.shape)
    raised = picture - _ground(picture, long) >= CONTRAST
    labels, _ = ndimage.label(raised, np.ones((3, 3)))
    boxes = []
    for number, where in enumerate(ndimage.find_objects(labels), 1):
        if not _letter_size(where, long) or not _near_edge(where, picture.shape):
            continue
        region = labels[where] == number
        if inside is not None and inside[where][region].mean() > 0.2:
            continue
        if _like_glyph(picture, region, where):
            boxes.append(where)
    return boxes


def _ground(picture: Float32Image, long: int) -> Float32Image:
    """The film without what is narrower than a stroke: its opening, at half the resolution."""
    even = np.pad(picture, [(0, length % 2) for length in picture.shape], mode="edge")
    half = np.minimum(
        np.minimum(even[::2, ::2], even[1::2, ::2]), np.minimum(even[::2, 1::2], even[1::2, 1::2])
    )
    # About 2 % of the long side: wider than a stroke, narrower than a rib.
    size = 2 * round(0.01 * long) + 1
    opened = ndimage.grey_opening(half, size=(size, size))
    whole = opened.repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(whole[: picture.shape[0], : picture.shape[1]], np.float32)


def _scaled(film: Float32Image, how: Image.Resampling) -> Float32Image:
    scale = LONG / max(film.shape)
    height, width = (max(1, round(scale * length)) for length in film.shape)
    return np.asarray(Image.fromarray(film).resize((width, height), how))


def _how(film: Float32Image) -> Image.Resampling:
    return Image.Resampling.BICUBIC if max(film.shape) < LONG else Image.Resampling.BOX


def _letter_size(where: Box, long: int) -> bool:
    height, width = (part.stop - part.start for part in where)
    return bool(_LOWEST <= height <= _TALLEST * long and 2 <= width <= _LONGEST * height)


def _near_edge(where: Box, shape: tuple[int, ...]) -> bool:
    middle = ((part.start + part.stop) / 2 / length for part, length in zip(where, shape))
    return any(min(place, 1 - place) < MARGIN for place in middle)


def _like_glyph(picture: Float32Image, region: NDArray[np.bool_], where: Box) -> bool:
    """Not a blob, nor a thread; and ink falls to the ground within two pixels."""
    if not (0.35 if _wide(where) else 0.2) <= region.mean() <= 0.9:
        return False
    top, left = (max(0, part.start - 3) for part in where)
    near = picture[top : where[0].stop + 3, left : where[1].stop + 3]
    ink = np.zeros(near.shape, np.bool_)
    ink[where[0].start - top :, where[1].start - left :][: region.shape[0], : region.shape[1]] = (
        region
    )
    ring = ndimage.binary_dilation(ink, np.ones((3, 3)), 3) & ~ndimage.binary_dilation(
        ink, np.ones((3, 3)), 1
    )
    if not ring.any():
        return False
    step = float(np.median(near[ink])) - near[ring]
    # The weakest tenth of the rim: all of it has to be sharp, but for touching neighbours.
    return bool(np.quantile(step, 0.1) >= STEP)


def _wide(where: Box) -> bool:
    """Whether a region is a word whose letters have run together."""
    height, width = (part.stop - part.start for part in where)
    return bool(width >= 2.5 * height)


def _in_line(boxes: list[Box]) -> bool:
    """Whether there is a word, or three glyphs of like height follow each other along a row."""
    for first in boxes:
        if _wide(first):
            return True
        tall = first[0].stop - first[0].start
        middle = (first[0].start + first[0].stop) / 2
        places = sorted(
            (box[1].start, box[1].stop)
            for box in boxes
            if abs((box[0].start + box[0].stop) / 2 - middle) <= 0.4 * tall
            and 0.6 <= (box[0].stop - box[0].start) / tall <= 1.6
        )
        run = 1
        for before, after in zip(places, places[1:]):
            run = run + 1 if after[0] - before[1] <= 1.5 * tall else 1
            # Three in a row: two bright spots side by side are common in a chest.
            if run >= 3:
                return True
    return False
