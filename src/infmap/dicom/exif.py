"""EXIF orientation of a picture: how its stored pixels are to be seen (Exif 2.32, table 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.quiet import quiet
from infmap.core.types import Scalar

ORIENTATION = 0x0112
"""Tag of EXIF and TIFF."""


def orientation_of(image: Image.Image) -> int | None:
    """EXIF orientation, 1 to 8; 1 where none is stated, None where the EXIF data are damaged."""
    try:
        with quiet():
            found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # EXIF is written by anyone's camera; the pixels are still good
        return None
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def as_seen(plane: NDArray[Scalar], orientation: int) -> NDArray[Scalar]:
    """Turn a stored plane (H, W) as it is seen: 2 to 4 flip, 5 to 8 also swap rows and columns."""
    if orientation >= 5:
        plane = plane.T
    # After the transposition of 5 to 8, so that one pair of flips serves all eight.
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)
