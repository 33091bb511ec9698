"""PNG, JPEG, TIFF and BMP, through Pillow."""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom.film import Film
from infmap.dicom.tones import from_numbers, to_grey

_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_NUMBERS = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_SAMPLES = {
    "1": (1, "MONOCHROME2"),
    "L": (8, "MONOCHROME2"),
    "LA": (8, "MONOCHROME2"),
    "La": (8, "MONOCHROME2"),
    "P": (8, "PALETTE COLOR"),
    "PA": (8, "PALETTE COLOR"),
    "I": (32, "MONOCHROME2"),
    "F": (32, "MONOCHROME2"),
} | {mode: (16, "MONOCHROME2") for mode in _NUMBERS if mode.startswith("I;")}
_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0
_quiet = threading.Lock()


def decode_image(data: bytes, kind: str, max_pixels: int) -> Film:
    """Decode an image file that holds one film.

    Args:
        data: the file's bytes.
        kind: "PNG", "JPEG", "TIFF" or "BMP".
        max_pixels: refuse more pixels than this before decoding.

    Returns:
        the film, upright by EXIF.

    Raises:
        UnreadableFilm: damaged, truncated, or larger than allowed.
        RejectedFilm: a colour picture, or several frames.
    """
    notes: list[str] = []
    with _open(data, kind, max_pixels) as image:
        white_is_zero = _white_is_zero(image)
        upright = _decode(image, kind, notes)
        mode = upright.mode
        if mode in _NUMBERS or (mode == "L" and "transparency" not in upright.info):
            pixels, more = from_numbers(np.asarray(upright))
            if white_is_zero:
                pixels = np.float32(1.0) - pixels
        else:
            _check_palette(upright, kind)
            pixels, more = to_grey(_rgb(upright))
    bits, photometric = _SAMPLES.get(mode, (8, "RGB"))
    if white_is_zero:
        photometric = "MONOCHROME1"
    return Film(pixels, warnings=notes + more, bits=bits, photometric=photometric)


def _open(data: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Read the header only, and refuse what would not fit."""
    try:
        # catch_warnings swaps interpreter-wide state, so only one thread may do it at a time.
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=(kind,))
            frames = 1 if kind == "JPEG" else int(getattr(image, "n_frames", 1))
    except Image.DecompressionBombError as error:
        raise _bomb(max_pixels, "many more") from error
    except UnidentifiedImageError as error:
        raise UnreadableFilm(
            f"expected a {kind} image, got one whose header is damaged or of a variant that is "
            "not read; export it again as PNG"
        ) from error
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise _damaged(kind, error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise _bomb(max_pixels, f"{width} x {height}")
    if frames > 1:
        raise RejectedFilm(
            f"expected one film, got a {kind} file of {frames} frames; save the film alone"
        )
    return image


def _decode(image: Image.Image, kind: str, notes: list[str]) -> Image.Image:
    """Decode all pixels and turn them upright."""
    try:
        image.load()
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise _damaged(kind, error) from error
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF is written by anyone's camera; the film is still good
        notes.append("the EXIF orientation is damaged and was ignored")
        return image


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF of wide numbers is a negative; Pillow inverts only the 8-bit ones."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None or image.mode not in _NUMBERS:
        return False
    return bool(tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO)


def _check_palette(image: Image.Image, kind: str) -> None:
    """Refuse pixels that point beyond their palette; Pillow would show them black."""
    if image.mode in ("P", "PA"):
        entries = len(image.getpalette("RGB") or ()) // 3
        if int(np.asarray(image.getchannel(0)).max()) >= entries:
            raise UnreadableFilm(
                f"expected a whole {kind} image, got one with a damaged palette; "
                "export it again as grey PNG"
            )


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), composited over black where there is transparency."""
    try:
        if image.mode in _ALPHA or "transparency" in image.info:
            rgba = np.asarray(image.convert("RGBA"))
            if bool((rgba[..., 3] == 255).all()):
                return rgba[..., :3]
            alpha = rgba[..., 3:].astype(np.uint16)
            return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
        return np.asarray(image.convert("RGB"))
    except Exception as error:  # palettes and profiles are decoded only here
        raise _damaged("colour", error) from error


def _bomb(max_pixels: int, arrived: str) -> UnreadableFilm:
    """The error of a file that says it is huge."""
    return UnreadableFilm(
        f"expected at most {max_pixels} pixels, the header says {arrived}; "
        "shrink the film if that is true"
    )


def _damaged(kind: str, error: Exception) -> UnreadableFilm:
    """The error of a file that stops or breaks midway."""
    state = "a truncated" if "truncated" in str(error).lower() else "a damaged"
    return UnreadableFilm(f"expected a whole {kind} image, got {state} one; copy it again")
