"""Reading a mask: the one place that decides which of its pixels are foreground.

A mask has two values, background and foreground, however they are written: 0/255, 0/1, a colour on
black, a palette, an alpha channel. Anything else is refused with the values it has: a mask that is
misread as empty would be taken for a film without disease.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from infmap.catalog.plain import plain_grey_levels
from infmap.core.errors import UnreadableFilm
from infmap.core.quiet import quiet
from infmap.core.types import BoolImage, RealArray
from infmap.dedup.thumbnails import opencv
from infmap.dicom.exif import as_seen, orientation_of
from infmap.dicom.read import sniff

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
EXPECTED = "expected a mask as PNG, JPEG, TIFF, BMP or GIF with background 0 and one other value"
RESIZED = "resized to its film"
_NAMED = {
    b"\x93NUMPY": "a NumPy array",
    b"\x1f\x8b": "a gzip file, such as NIfTI",
    b"PK\x03\x04": "a zip archive",
}
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_NUMBERS = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# The limits below were chosen by hand on masks saved by common programs; what is outside is refused
# with its values, never guessed at.
_FULL = {"u1": 255.0, "u2": 65535.0}
"""Full scale by type; other numbers are probabilities where none is above 1, else 8-bit levels."""
_CLASSES = 8
"""Most values of a lossless mask that are classes; soft edges of a resized mask have more."""
_FAINTEST = 0.25
"""Least foreground of a mask with soft or compressed edges, of full scale: below lie classes."""
_BETWEEN = 0.25, 0.75
"""Values between, of the foreground's: JPEG at quality 40 keeps ringing outside them."""
_EDGE = 4
"""Most pixels of such values for each pixel of outline: JPEG smears an edge over two pixels to
either side; a second class or a probability map has whole areas of them."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask as read.

    Attributes:
        foreground: bool (h, w), mask pixels, rotated by the mask's own EXIF orientation.
        turned: whether the mask says by EXIF how it lies.
        notes: what was decided about it, each a phrase.
    """

    foreground: BoolImage
    turned: bool = False
    notes: tuple[str, ...] = ()


def read_mask(path: Path, values: Sequence[float] | None = None) -> Mask:
    """Read a mask file.

    Args:
        path: PNG, JPEG, TIFF, BMP, GIF or WebP of one picture.
        values: those that are foreground, where somebody named them; every other is background.

    Raises:
        UnreadableFilm: it is none of these, is damaged, or has not two values; the reason names the
            values it has.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFilm(f"{EXPECTED}, the system says {error.strerror}") from error
    if values is None and (levels := plain_grey_levels(data)) is not None:
        return _decide(levels, lossy=False)
    if not data:
        raise UnreadableFilm(f"{EXPECTED}, got an empty file; copy it again")
    with quiet():  # what Pillow says of odd tags is of no use here
        image, wide = _open(data)
    lossy, orientation = image.format in ("JPEG", "WEBP"), orientation_of(image) or 1
    try:
        plane, notes = _plane(image, wide, lossy)
    except ValueError as error:
        raise UnreadableFilm(f"{EXPECTED}, got pixels of the kind {image.mode}") from error
    plane = as_seen(plane, orientation)
    mask = _named(plane, values) if values is not None else _decide(plane, lossy)
    return Mask(mask.foreground, orientation != 1, (*notes, *mask.notes))


def fit_mask(
    mask: Mask, shape: tuple[int, int], orientation: int = 1
) -> tuple[BoolImage, tuple[str, ...]]:
    """Bring a mask to its film's grid.

    A mask without EXIF whose film has one is in the film's stored grid where its size, or else its
    aspect, is the stored one's; where that does not tell (a square film, or one that is mirrored or
    upside down), it is taken to be, since programs that draw masks read pixels as they are stored.

    Args:
        mask: as read.
        shape: (H, W) of the film, film pixels: after its EXIF orientation.
        orientation: the EXIF orientation of the film's file, 1 to 8.

    Returns:
        bool (H, W), film pixels; and what was done to it, each a phrase.

    Raises:
        UnreadableFilm: its aspect is not the film's.
    """
    found, notes = mask.foreground, list(mask.notes)
    if orientation != 1 and not mask.turned:
        stored = shape[::-1] if orientation >= 5 else shape
        exact = found.shape in (shape, stored)
        if found.shape == stored or (not exact and _alike(found.shape, stored)):
            found = as_seen(found, orientation)
            notes.append("turned as its film, by the film's EXIF orientation")
    if found.shape == shape:
        return found, tuple(notes)
    if not _alike(found.shape, shape):
        raise UnreadableFilm(
            f"expected a mask of the film's size, {shape[1]} x {shape[0]}, or of its aspect, "
            f"got {found.shape[1]} x {found.shape[0]}"
        )
    image = Image.fromarray(found).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    return np.asarray(image), (*notes, RESIZED)


def film_mask(path: Path, shape: tuple[int, int], film: Path) -> tuple[BoolImage, tuple[str, ...]]:
    """A mask that ingest has accepted, in its film's grid.

    Args:
        path: its file.
        shape: (H, W) of its film.
        film: the film's file, whose EXIF orientation counts where the mask has not its size.

    Returns:
        As ``fit_mask``.

    Raises:
        UnreadableFilm: as ``read_mask`` and ``fit_mask``.
        OSError: the film cannot be opened.
    """
    mask = read_mask(path)
    same = mask.foreground.shape == shape
    return fit_mask(mask, shape, 1 if same else film_orientation(film.read_bytes()))


def film_orientation(data: bytes) -> int:
    """EXIF orientation of a film's file, 1 to 8; 1 where it has none or is no picture."""
    # A cheap look first: opening every film once more would double the reading.
    marks = (b"Exif", b"eXIf", b"exif", b"Orientation")  # JPEG and WebP, PNG, its old text, XMP
    if not data.startswith((b"II", b"MM")) and not any(mark in data for mark in marks):
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return orientation_of(image) or 1
    except Exception:  # a DICOM file has none
        return 1


def _open(data: bytes) -> tuple[Image.Image, RealArray | None]:
    """The picture of a file, decoded; and its pixels where they are colours of 16 bits.

    Pillow keeps the upper 8 bits of such colours only, of which a mask of 0 and 1 has none.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        frames = int(getattr(image, "n_frames", 1))
        wide = image.mode in ("RGB", "RGBA", "LA") and ";16" in str(image.tile)
        image.load()
    except UnidentifiedImageError as error:
        named = (name for magic, name in _NAMED.items() if data.startswith(magic))
        kind = next(named, None) or sniff(data)
        raise UnreadableFilm(f"{EXPECTED}, got {kind}; export it as PNG") from error
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise UnreadableFilm(f"{EXPECTED}, got a damaged file; copy it again") from error
    if frames > 1:
        raise UnreadableFilm(f"{EXPECTED}, got {frames} pictures in one file; save the mask alone")
    return image, _colours(data) if wide else None


def _colours(data: bytes) -> NDArray[np.uint16] | None:
    """Red, green, blue and, where there is one, alpha of a file of 16-bit colours."""
    cv = opencv()
    plane = cv.imdecode(np.frombuffer(data, np.uint8), cv.IMREAD_UNCHANGED)
    if plane is None or plane.ndim != 3 or plane.dtype != np.uint16:
        return None
    return np.ascontiguousarray(plane[..., [2, 1, 0, 3][: plane.shape[2]]])


def _plane(image: Image.Image, wide: RealArray | None, lossy: bool) -> tuple[RealArray, list[str]]:
    """One number a pixel, (h, w), background 0; and what was decided."""
    alpha: RealArray | None = None
    if wide is not None:
        colours, alpha = wide[..., :3], wide[..., 3] if wide.shape[2] == 4 else None
    elif image.mode in _NUMBERS and not (image.mode == "L" and "transparency" in image.info):
        plane = np.asarray(image)
        return plane.astype(np.uint8) if plane.dtype == np.bool_ else plane, []
    else:
        colours = np.asarray(image.convert("RGBA"))
        if image.mode in _ALPHA or "transparency" in image.info:
            alpha = colours[..., 3]
        colours = colours[..., :3]
        if image.mode == "P" and (indices := _indices(image, colours)) is not None:
            return indices, []
    if alpha is not None and alpha.min() == 0:
        return _transparent(colours, alpha, lossy)
    return _grey(colours, lossy), []


def _indices(image: Image.Image, colours: RealArray) -> NDArray[np.uint8] | None:
    """Palette numbers of a picture whose colours do not tell them apart; else None."""
    indices = np.asarray(image)
    used = np.unique(indices)
    if image.info.get("transparency") is None and len(used) > len(_packed(colours)[0]):
        return indices
    return None


def _transparent(colours: RealArray, alpha: RealArray, lossy: bool) -> tuple[RealArray, list[str]]:
    """What is transparent is background; what is not has a colour, or is foreground as it is."""
    visible = alpha > 0
    if not visible.any():
        raise UnreadableFilm(f"{EXPECTED}, got a picture that is transparent everywhere")
    if len(np.unique(colours[visible], axis=0)) == 1:
        return alpha, ["foreground is what is not transparent"]
    return _grey(colours * visible[..., None].astype(colours.dtype), lossy), []


def _grey(colours: RealArray, lossy: bool) -> RealArray:
    """One number a pixel for one colour on black: its strongest channel."""
    if (colours == colours[..., :1]).all():
        return np.ascontiguousarray(colours[..., 0])
    plane: RealArray = colours.max(axis=-1)
    names, _ = _packed(colours)
    # Black and one colour: whatever the colour, it is the foreground.
    if len(names) <= 2 and not names[0].any():
        return (plane > 0).astype(np.uint8)
    strong = plane > plane.max() / 2
    colour = np.median(colours[strong], axis=0)
    off = np.abs(colours - plane[..., None] * (colour / max(colour.max(), 1.0))).max(axis=-1)
    # 1e-3 of the pixels may stray from the one hue: JPEG's chroma at an edge. More is a second
    # colour, and with it a second class.
    if (lossy or len(names) > _CLASSES) and float(np.mean(off > plane.max() / 2)) < 1e-3:
        return plane
    raise UnreadableFilm(f"{EXPECTED}, got {_listed([_colour(name) for name in names], 'colours')}")


def _packed(colours: RealArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The colours that occur, (k, 3), black first; and a number a pixel for its colour, (h, w)."""
    wide = colours.astype(np.int64)
    numbers = (wide[..., 0] << 32) + (wide[..., 1] << 16) + wide[..., 2]
    found = np.unique(numbers)
    return np.stack([found >> 32, found >> 16 & 0xFFFF, found & 0xFFFF], axis=1), numbers


def _named(plane: RealArray, values: Sequence[float]) -> Mask:
    """Foreground is what was said to be."""
    return Mask(np.isin(plane, np.asarray(values)))


def _decide(plane: RealArray, lossy: bool) -> Mask:
    """Foreground of numbers (h, w)."""
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise UnreadableFilm(f"{EXPECTED}, got values that are no numbers")
    if plane.dtype == np.uint8:
        values = np.flatnonzero(np.bincount(plane.reshape(-1), minlength=256))
    else:
        values = np.unique(plane)
    low, high = float(values[0]), float(values[-1])
    faint = high < _FAINTEST * _full(plane, high)
    if low == 0 and len(values) <= 2 and not (lossy and faint and high > 0):
        return Mask(plane > 0)
    if low > 0 and len(values) == 1:
        return Mask(np.ones(plane.shape, np.bool_), notes=(f"foreground everywhere ({high:g})",))
    if low >= 0 and not faint and (lossy or len(values) > _CLASSES):
        return _soft(plane, values, high)
    raise UnreadableFilm(_refusal(values))


def _soft(plane: RealArray, values: RealArray, high: float) -> Mask:
    """Foreground of a mask whose edges are soft or compressed: above half of its level."""
    # The median of the bright half, not the maximum, which ringing overshoots.
    level = float(np.median(plane[plane > high / 2]))
    found = plane > level / 2
    outline = int((found[1:] != found[:-1]).sum() + (found[:, 1:] != found[:, :-1]).sum())
    between = int(((plane > _BETWEEN[0] * level) & (plane < _BETWEEN[1] * level)).sum())
    if between > _EDGE * outline:
        raise UnreadableFilm(_refusal(values))
    return Mask(found, notes=("soft edges, cut at half",))


def _full(plane: RealArray, high: float) -> float:
    """Full scale of a mask's numbers."""
    return _FULL.get(plane.dtype.str[1:], 1.0 if high <= 1 else 255.0 if high <= 255 else high)


def _refusal(values: RealArray) -> str:
    if len(values) > _CLASSES and values[0] >= 0 and values[-1] <= 1:
        more = "probabilities; save it as 0 and 255 above your threshold"
    else:
        more = "save it as 0 and 255, or name the value of the foreground in films.csv"
    return f"{EXPECTED}, got {_listed([f'{v:g}' for v in values], 'values')}: {more}"


def _listed(names: Sequence[str], what: str) -> str:
    """All names, or the first and last of many with their number."""
    if len(names) <= _CLASSES:
        return ", ".join(names)
    return f"{names[0]} to {names[-1]}, {len(names)} {what}"


def _colour(colour: RealArray) -> str:
    return "(" + ", ".join(str(int(part)) for part in colour) + ")"


def _alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two sizes have one aspect, to the rounding of a pixel of the smaller."""
    small, large = sorted((a, b))
    return (
        # One pixel: a side that was halved was rounded.
        abs(small[0] - large[0] * small[1] / large[1]) <= 1
        or abs(small[1] - large[1] * small[0] / large[0]) <= 1
    )
