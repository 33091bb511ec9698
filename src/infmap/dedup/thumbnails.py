"""Small pictures of films, without their frames, and the perceptual hash of them."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from infmap.core.errors import needs_extra
from infmap.core.types import Float32Image

SIDE = 64
"""Rows and columns of a thumbnail."""

_LOOK = 128  # lines on which frames are looked for
# Span of grey levels within a line up to which it is frame. Chosen by hand, not measured.
_FRAME_CONTRAST = 10  # of 255
# Share of a side that may be frame, at either end: two frames leave 30 %. Chosen by hand.
_LARGEST_FRAME = 0.35
_DCT = dct(np.eye(32), norm="ortho", axis=0)[:8].repeat(2, axis=1).astype(np.float32) / 2


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small square picture of a film; uniform frames are cut off and the aspect is given up.

    Args:
        pixels: uint8 (H, W), 0..255, film pixels.

    Returns:
        uint8 (64, 64), 0..255.
    """
    height, width = pixels.shape
    # To four times the side first: frames are then cut at a quarter of a thumbnail's pixel.
    plane = _shrink(pixels, (_whole(width, 4 * SIDE), _whole(height, 4 * SIDE)))
    left, top, right, bottom = content_box(plane)
    return _shrink(np.ascontiguousarray(plane[top:bottom, left:right]), (SIDE, SIDE))


def content_box(plane: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a film without its uniform frame, pixels.

    Args:
        plane: uint8 (H, W), 0..255.
    """
    height, width = plane.shape
    look = _shrink(plane, (_whole(width, _LOOK), _whole(height, _LOOK)))
    top, bottom = _content(look)
    left, right = _content(np.ascontiguousarray(look[top:bottom].T))
    across, down = width / look.shape[1], height / look.shape[0]
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _whole(length: int, least: int) -> int:
    """Length at which whole pixels are averaged: ``least`` to twice that, or all if there are less.

    Parts of pixels would blend the frame into the film's edge.
    """
    return length // max(1, length // least)


def to_bytes(pixels: Float32Image) -> NDArray[np.uint8]:
    """Grey levels in [0, 1] as 0..255, (H, W), without a second plane of floats."""
    return np.asarray(opencv().convertScaleAbs(pixels, alpha=255.0), np.uint8)


def _shrink(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Average over the area of each new pixel; size is (width, height)."""
    cv2 = opencv()
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def opencv() -> ModuleType:
    """The module cv2.

    Raises:
        MissingExtra: it is not installed.
    """
    with needs_extra("the catalog", "catalog"):
        import cv2
    return cv2


def _content(plane: NDArray[np.uint8]) -> tuple[int, int]:
    """First and end row between the lines at either edge that show one grey level only."""
    n = len(plane)
    if _shows(plane[[0, -1]]).all():  # most films have no frame
        return 0, n
    shows = np.flatnonzero(_shows(plane))
    if len(shows) == 0:
        return 0, n
    # A dark film must not be cut away as a whole.
    limit = int(n * _LARGEST_FRAME)
    return min(int(shows[0]), limit), max(int(shows[-1]) + 1, n - limit)


def _shows(lines: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each line shows more than one grey level, but for a twentieth of it at either end."""
    width = lines.shape[1]
    ranked = np.sort(lines.astype(np.int16), axis=1)  # 20 times as fast as uint8 in numpy 2.4
    return ranked[:, width - 1 - width // 20] - ranked[:, width // 20] > _FRAME_CONTRAST


def perceptual_hashes(thumbs: NDArray[np.uint8]) -> list[str]:
    """64-bit perceptual hashes: signs of the lowest 8 x 8 DCT terms of 32 x 32 about their median.

    Args:
        thumbs: uint8 (N, 64, 64).

    Returns:
        16 hexadecimal digits for each.
    """
    low = (_DCT @ thumbs.astype(np.float32) @ _DCT.T).reshape(-1, 64)
    # Without the first term, the mean: it says how bright the film is.
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]
