"""Small pictures of films, without their frames, and the perceptual hash of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from infmap.core.types import Float32Image

SIDE = 64
_FRAME_CONTRAST = 0.04
_LARGEST_FRAME = 0.35


def thumbnail(pixels: Float32Image) -> NDArray[np.uint8]:
    """Small square picture of a film; uniform frames are cut off and the aspect is given up.

    Args:
        pixels: float32 (H, W), [0, 1], film pixels.

    Returns:
        uint8 (64, 64), 0..255.
    """
    scale = 512 / max(pixels.shape)
    image = Image.fromarray(np.round(pixels * 255.0).astype(np.uint8))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX)
    plane = np.asarray(image).astype(np.float32) / 255.0
    top, bottom = _content(plane)
    left, right = _content(plane[top:bottom].T)
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX, box=(left, top, right, bottom))
    return np.asarray(small)


def _content(plane: Float32Image) -> tuple[int, int]:
    """First and end row between the lines at either edge that show one tone only."""
    low, high = np.percentile(plane, (5, 95), axis=1)
    shows = np.flatnonzero(high - low > _FRAME_CONTRAST)
    n = len(plane)
    if len(shows) == 0:
        return 0, n
    limit = int(n * _LARGEST_FRAME)
    return min(int(shows[0]), limit), max(int(shows[-1]) + 1, n - limit)


def pixel_hash(thumb: NDArray[np.uint8]) -> str:
    """64-bit perceptual hash: signs of the lowest 8 x 8 DCT terms about their median.

    Args:
        thumb: uint8 (64, 64).

    Returns:
        16 hexadecimal digits.
    """
    small = np.asarray(Image.fromarray(thumb).resize((32, 32), Image.Resampling.BOX), np.float64)
    low = dctn(small, norm="ortho")[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return np.packbits(bits).tobytes().hex()
