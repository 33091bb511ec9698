"""TIFF through tifffile, which knows every sample format, with Pillow for old compressions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import RealArray
from infmap.dicom.damage import Damaged, NotRead, TooLarge

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

# Bits of NewSubfileType, codes of PhotometricInterpretation and of ExtraSamples: TIFF 6.0.
_REDUCED, _MASK = 1, 4
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_READ = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR)
_UNASSOCIATED = 2
# Chosen by hand, not measured.
_ALIKE = 0.02
"""Aspect ratios that differ by less belong to one picture in two sizes."""


class TiffInfo(TypedDict, total=False):
    """What a TIFF file states beside its values.

    Attributes:
        frames: full pictures in the file; the first is decoded.
        inverse: white is zero.
        orientation: 1 to 8, as in EXIF.
        bits: of a sample.
        colour: "RGB", "RGBA", "CMYK", or "" for grey.
    """

    frames: int
    inverse: bool
    orientation: int
    bits: int
    colour: str


def pixels_of(data: bytes, most: int) -> int:
    """Pixels of the film in a TIFF file, without decoding it.

    Raises:
        TooLarge: more than ``most``.
    """
    with _open(data) as file:
        page, _ = _film(file)
        count = int(page.imagelength) * int(page.imagewidth)
    if count > most:
        raise TooLarge(f"{page.imagewidth} x {page.imagelength}")
    return count


def read_tiff(data: bytes, most: int) -> tuple[RealArray, TiffInfo]:
    """Decode the one film of a TIFF file.

    Args:
        data: the file.
        most: pixels allowed.

    Returns:
        (H, W) numbers, or (H, W, 3) or (H, W, 4) colours, as stored but for a palette, which is
        resolved to uint8; and what the file states beside.

    Raises:
        Damaged: not a whole TIFF.
        NotRead: a variant that neither library reads.
    """
    with _open(data) as file:
        page, frames = _film(file)
        photometric = int(page.photometric)
        if photometric not in _READ:
            raise NotRead(f"TIFF of photometric interpretation {photometric}")
        info: TiffInfo = {
            "frames": frames,
            "inverse": photometric == _WHITE_IS_ZERO,
            "orientation": _orientation(page),
            "bits": int(page.bitspersample),
            "colour": "",
        }
        try:
            # One thread: the process has a limit on CPU time, and several films are decoded beside
            # each other.
            values = np.asarray(page.asarray(maxworkers=1))
        except MemoryError:
            raise
        except Exception as error:
            return _by_pillow(data, info, error)
        if photometric == _PALETTE:
            info |= {"bits": 8, "colour": "RGB"}
            return _resolve(values, page.colormap), info
        return _arranged(values, page, photometric, info)


def _open(data: bytes) -> TiffFile:
    import tifffile

    try:
        return tifffile.TiffFile(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:
        raise Damaged(str(error)) from error


def _film(file: TiffFile) -> tuple[TiffPage, int]:
    """The page that is the film, and how many full pictures there are.

    Reduced-resolution pages and masks, said to be so (NewSubfileType) or smaller with the same
    aspect ratio, are reduced copies and do not count.
    """
    pages = [file.pages[index] for index in range(len(file.pages))]
    pages = [page for page in pages if not int(page.subfiletype) & (_REDUCED | _MASK)] or pages
    if not pages:
        raise Damaged("it has no page")
    largest = max(pages, key=lambda page: page.imagewidth * page.imagelength)
    if not largest.imagewidth * largest.imagelength:
        raise Damaged("it has no pixels")
    full = [page for page in pages if page is largest or not _is_thumbnail(page, largest)]
    return largest if len(full) == 1 else full[0], len(full)


def _is_thumbnail(page: TiffPage, largest: TiffPage) -> bool:
    """Whether a page is a small copy of the largest, by its size."""
    # Pyramids halve the side at each step; a copy larger than half is a second film.
    if not page.imagelength or page.imagewidth * 2 > largest.imagewidth:
        return False
    ratio = (page.imagewidth / page.imagelength) / (largest.imagewidth / largest.imagelength)
    # A rounded side of a small picture changes its aspect ratio by up to one pixel.
    return bool(abs(ratio - 1.0) < _ALIKE + 1.0 / min(page.imagewidth, page.imagelength))


def _orientation(page: TiffPage) -> int:
    # 274: Orientation, TIFF 6.0.
    tag = page.tags.get(274)
    value = int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
    return value if 1 <= value <= 8 else 1


def _resolve(values: RealArray, colormap: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Palette indices to uint8 (H, W, 3)."""
    table = np.asarray(colormap)
    if int(values.max()) >= table.shape[1]:
        raise Damaged("pixels point beyond its palette")
    # The palette has 16 bits by the standard; writers that put 8 there leave the rest zero.
    if int(table.max()) > 255:
        table = table >> 8
    return np.moveaxis(table[:, values].astype(np.uint8), 0, -1)


def _arranged(
    values: RealArray, page: TiffPage, photometric: int, info: TiffInfo
) -> tuple[RealArray, TiffInfo]:
    """Samples of a pixel on the last axis, extra samples removed."""
    values = np.squeeze(values) if values.ndim > 3 else values
    if values.ndim == 3:
        # 2: a plane for each sample, TIFF 6.0.
        planar = int(page.planarconfig) == 2
        values = np.moveaxis(values, 0, -1) if planar else values
    samples = values.shape[2] if values.ndim == 3 else 1
    extra = [int(kind) for kind in page.extrasamples or ()]
    if photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO):
        return (values[..., 0] if values.ndim == 3 else values), info
    if photometric == _CMYK and samples >= 4:
        return values[..., :4], info | {"colour": "CMYK"}
    if photometric in (_RGB, _YCBCR) and samples >= 3:
        if samples >= 4 and extra and extra[0] == _UNASSOCIATED:
            return values[..., :4], info | {"colour": "RGBA"}
        return values[..., :3], info | {"colour": "RGB"}
    raise NotRead(f"TIFF of {samples} samples a pixel and photometric interpretation {photometric}")


def _by_pillow(data: bytes, info: TiffInfo, error: Exception) -> tuple[RealArray, TiffInfo]:
    """What tifffile does not decode (old JPEG, fax, subsampled YCbCr) and libtiff may."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            image.load()
            if image.mode in ("1", "L"):
                # Pillow has turned white-is-zero and the orientation around already.
                plane = np.asarray(image.convert("L"))
                return plane, info | {"inverse": False, "bits": 8, "orientation": 1}
            colours = np.asarray(image.convert("RGB"))
            return colours, info | {"bits": 8, "colour": "RGB", "orientation": 1}
    except MemoryError:
        raise
    except Exception as second:
        if isinstance(error, NotImplementedError) or "not supported" in str(error).lower():
            raise NotRead("a TIFF variant that no decoder here knows") from second
        raise Damaged(f"{error}") from second
