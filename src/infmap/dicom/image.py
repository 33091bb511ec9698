"""PNG, JPEG, TIFF, BMP, WebP, JPEG 2000 and JPEG XL files, and pictures held by Pillow.

Pillow decodes PNG, BMP and WebP; libjpeg, asked strictly, JPEG; a process of its own the rest.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.core.quiet import quiet
from infmap.core.types import RealArray
from infmap.dicom import codestream
from infmap.dicom.codecs import TIFF, Job, decode_strictly
from infmap.dicom.damage import Damaged
from infmap.dicom.decoder_pool import decode_apart
from infmap.dicom.exif import as_seen, orientation_of
from infmap.dicom.film import Film, too_large
from infmap.dicom.grey_levels import from_numbers, to_grey

_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_NUMBERS = ("L", "I;16", "I;16B", "I;16L", "I;16N", "I;16S", "I", "F")
_BITS = {"1": 1, "I": 32, "F": 32}


def decode_image(data: bytes, kind: str, max_pixels: int) -> Film:
    """Decode an image file that holds one film.

    Args:
        data: the file's bytes.
        kind: "PNG", "JPEG", "TIFF", "BMP", "WEBP", "JPEG 2000" or "JPEG XL".
        max_pixels: refuse more pixels than this before decoding.

    Returns:
        the film, upright by EXIF.

    Raises:
        UnreadableFilm: damaged, truncated, or larger than allowed.
        RejectedFilm: a colour picture, or several frames.
    """
    if kind == "TIFF":
        return _tiff(data, max_pixels)
    if kind in (codestream.JPEG_2000, codestream.JPEG_XL):
        return _apart(data, kind, max_pixels, [])
    if kind == "JPEG":
        return _jpeg(data, max_pixels)
    with _open(data, kind, max_pixels) as image:
        _load(image, kind)
        return decode_picture(image, kind)


def decode_picture(image: Image.Image, kind: str = "picture") -> Film:
    """Take the film from a picture that Pillow has decoded, or will.

    Args:
        image: any mode; of several frames the current one. Left as it is.
        kind: what messages call it.

    Returns:
        the film, upright by EXIF.

    Raises:
        UnreadableFilm: damaged.
        RejectedFilm: a colour picture.
    """
    _load(image, kind)
    notes: list[str] = []
    if image.mode in _NUMBERS:
        if "transparency" in image.info:
            notes.append("a grey level is marked as transparent; it was kept as it is")
        pixels, more = from_numbers(np.asarray(image))
        photometric = "MONOCHROME2"
    else:
        _check_palette(image, kind)
        pixels, more = to_grey(_rgb(image, notes))
        photometric = {"P": "PALETTE COLOR", "PA": "PALETTE COLOR"}.get(image.mode, "RGB")
        photometric = "MONOCHROME2" if image.mode in ("1", "LA", "La") else photometric
    bits = 16 if image.mode.startswith("I;16") else _BITS.get(image.mode, 8)
    turned = as_seen(pixels, _exif_orientation(image, notes))
    return Film(turned, warnings=notes + more, bits=bits, photometric=photometric)


def _jpeg(data: bytes, max_pixels: int) -> Film:
    """A JPEG file of 8 bits, in grey or colour, without loss of what libjpeg warns of."""
    frame = codestream.jpeg_frame(data)
    if frame is None:
        raise _damaged("JPEG", data.rstrip(b"\0").endswith(b"\xff\xd9"))
    if frame.width * frame.height > max_pixels:
        raise too_large(max_pixels, f"{frame.width} x {frame.height}")
    # Baseline, extended and progressive DCT of 8 bits are decoded here; everything else in a
    # process of its own (docs/decisions/018).
    if frame.precision != 8 or frame.process not in (0xC0, 0xC1, 0xC2):
        return _apart(data, str(codestream.kind_of(data)), max_pixels, [])
    colours = {1: "GRAY", 3: "RGB", 4: "CMYK"}.get(frame.components)
    if colours is None:
        raise UnreadableFilm(
            f"expected a JPEG image of 1, 3 or 4 components, got {frame.components}; "
            "export it again as PNG"
        )
    try:
        plane = decode_strictly(data, frame, colours)
    except Damaged as error:
        whole = data.rstrip(b"\0").endswith(b"\xff\xd9")
        raise _damaged("JPEG", whole) from error
    with _open(data, "JPEG", max_pixels) as image:
        if colours == "CMYK":  # Pillow knows who stores the complement
            return decode_picture(image, "JPEG")
        notes: list[str] = []
        orientation = _exif_orientation(image, notes)
    pixels, more = from_numbers(plane) if plane.ndim == 2 else to_grey(plane)
    photometric = "MONOCHROME2" if plane.ndim == 2 else "RGB"
    turned = as_seen(pixels, orientation)
    return Film(turned, warnings=notes + more, bits=8, photometric=photometric)


def _tiff(data: bytes, max_pixels: int) -> Film:
    """A TIFF file; see ``infmap.dicom.tiff`` for what its decoder gives."""
    notes: list[str] = []
    result = decode_apart(Job(TIFF, max_pixels), data, "a whole TIFF image", notes)
    info, values = result.info, result.values
    if info["frames"] > 1:
        raise RejectedFilm(
            f"expected one film, got a TIFF file of {info['frames']} frames; save the film alone"
        )
    if info["colour"]:
        rgb = _opaque(_eight_bits(values, info["bits"]), notes, info["colour"])
        pixels, more = to_grey(rgb)
        photometric = "RGB"
    else:
        pixels, more = from_numbers(values, info["bits"])
        if info["inverse"]:
            # White is zero is MONOCHROME1: from here on air is dark.
            pixels = np.float32(1.0) - pixels
        photometric = "MONOCHROME1" if info["inverse"] else "MONOCHROME2"
    turned = as_seen(pixels, info["orientation"])
    return Film(turned, warnings=notes + more, bits=info["bits"], photometric=photometric)


def _apart(data: bytes, kind: str, max_pixels: int, notes: list[str]) -> Film:
    """A bare stream of a compression that otherwise lies inside DICOM."""
    result = decode_apart(Job(kind, max_pixels), data, f"a whole {kind} image", notes)
    values = result.values
    bits = result.precision or 8 * values.dtype.itemsize
    if values.ndim == 3 and values.shape[2] in (3, 4):
        rgb = _opaque(_eight_bits(values, bits), notes, "RGBA" if values.shape[2] == 4 else "RGB")
        pixels, more = to_grey(rgb)
        return Film(pixels, warnings=notes + more, bits=bits, photometric="RGB")
    plane = values[..., 0] if values.ndim == 3 else values
    pixels, more = from_numbers(plane, bits)
    return Film(pixels, warnings=notes + more, bits=bits, photometric="MONOCHROME2")


def _open(data: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Read the header only, and refuse what would not fit."""
    try:
        with quiet():
            image = Image.open(io.BytesIO(data), formats=(kind,))
            # Pillow counts further pictures of a multi-picture JPEG as frames; the first one is the
            # film.
            frames = 1 if kind == "JPEG" else int(getattr(image, "n_frames", 1))
    except Image.DecompressionBombError as error:
        raise too_large(max_pixels, "many more") from error
    except UnidentifiedImageError as error:
        raise UnreadableFilm(
            f"expected a {kind} image, got one whose header is damaged or of a variant that is "
            "not read; export it again as PNG"
        ) from error
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise _damaged(kind, "truncated" not in str(error).lower()) from error
    width, height = image.size
    if width * height > max_pixels:
        raise too_large(max_pixels, f"{width} x {height}")
    if frames > 1:
        raise RejectedFilm(
            f"expected one film, got a {kind} file of {frames} frames; save the film alone"
        )
    return image


def _load(image: Image.Image, kind: str) -> None:
    """Decode all pixels."""
    try:
        with quiet():
            image.load()
    except MemoryError:
        raise
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise _damaged(kind, "truncated" not in str(error).lower()) from error


def _exif_orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF orientation, 1 to 8; 1 where it is absent or damaged."""
    found = orientation_of(image)
    if found is None:
        notes.append("the EXIF orientation is damaged and was ignored")
    return found or 1


def _check_palette(image: Image.Image, kind: str) -> None:
    """Refuse pixels that point beyond their palette; Pillow would show them black."""
    if image.mode in ("P", "PA"):
        entries = len(image.getpalette("RGB") or ()) // 3
        if int(np.asarray(image.getchannel(0)).max()) >= entries:
            raise UnreadableFilm(
                f"expected a whole {kind} image, got one with a damaged palette; "
                "export it again as grey PNG"
            )


def _rgb(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3); see ``_opaque`` for transparency."""
    try:
        with quiet():
            if image.mode in _ALPHA:
                return _opaque(np.asarray(image.convert("RGBA")), notes, "RGBA")
            if "transparency" in image.info:
                notes.append("a colour is marked as transparent; it was kept as it is")
            return np.asarray(image.convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # palettes and profiles are decoded only here
        raise _damaged("colour", True) from error


def _opaque(values: RealArray, notes: list[str], colours: str) -> NDArray[np.uint8]:
    """Colours without ink or transparency.

    What is transparent is no part of the film and becomes black; an alpha that is the same
    everywhere says nothing and is ignored.

    Args:
        values: uint8 (H, W, 3 or 4).
        notes: gets a sentence where an alpha was ignored.
        colours: "RGB", "RGBA" or "CMYK".

    Returns:
        uint8 (H, W, 3), RGB.
    """
    if colours == "CMYK":
        # 16 bits hold the product of two levels; 127 rounds the division to the nearest.
        light = 255 - values.astype(np.uint16)
        return np.asarray((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)
    rgb, alpha = values[..., :3], values[..., 3:]
    if colours == "RGB" or int(alpha.min()) == 255:
        return np.ascontiguousarray(rgb)
    # The same everywhere says nothing of where the film ends.
    if int(alpha.min()) == int(alpha.max()):
        notes.append("the picture is equally transparent everywhere; that was ignored")
        return np.ascontiguousarray(rgb)
    return np.asarray((rgb * alpha.astype(np.uint16) + 127) // 255).astype(np.uint8)


def _eight_bits(values: RealArray, bits: int) -> NDArray[np.uint8]:
    """Samples of any depth as uint8: unsigned over their range, floats over [0, 1]."""
    if values.dtype == np.uint8 and bits == 8:
        return np.asarray(values, np.uint8)
    if values.dtype.kind == "f":
        return np.asarray(np.clip(np.nan_to_num(values), 0.0, 1.0) * 255.0 + 0.5, np.uint8)
    scaled: NDArray[np.float64] = values.astype(np.float64) * (255.0 / ((1 << bits) - 1))
    return (np.clip(scaled, 0.0, 255.0) + 0.5).astype(np.uint8)


def _damaged(kind: str, whole: bool) -> UnreadableFilm:
    """The error of a file that breaks midway, or stops."""
    state = "damaged" if whole else "truncated"
    return UnreadableFilm(f"expected a whole {kind} image, got a {state} one; copy it again")
