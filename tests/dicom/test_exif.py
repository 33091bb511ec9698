"""Tests of `infmap.dicom.exif`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from pictures import encode, of  # noqa: E402

Y, X = np.mgrid[0:40, 0:60]


GREY = (X * 3 + Y).astype(np.uint8)


EXPECTED = GREY.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.T),
        (6, lambda a: np.rot90(a, -1)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_is_obeyed_once(orientation: int, turn: Any, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    film = read_radiograph(encode(of(GREY), kind, **options))
    np.testing.assert_array_equal(film.pixels, turn(EXPECTED))
