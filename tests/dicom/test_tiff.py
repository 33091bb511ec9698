"""Tests of `infmap.dicom.tiff`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from pictures import encode, of  # noqa: E402

Y, X = np.mgrid[0:40, 0:60]


GREY = (X * 3 + Y).astype(np.uint8)


EXPECTED = GREY.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_compressions_are_read(compression: str) -> None:
    film = read_radiograph(encode(of(GREY), "TIFF", compression=compression))
    np.testing.assert_array_equal(film.pixels, EXPECTED)


def test_white_is_zero_16_bit_tiff_is_inverted() -> None:
    plane = X.astype(np.uint16) * 1000
    film = read_radiograph(encode(of(plane), "TIFF", tiffinfo={262: 0}))
    np.testing.assert_allclose(film.pixels, 1 - plane / 65535, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int32", "float32", "float64"])
def test_tiff_samples_of_every_type(dtype: str) -> None:
    import tifffile

    info = np.iinfo(dtype) if dtype[0] in "iu" else None
    low, high = (info.min, info.max) if info else (-3.0, 900.0)
    plane = (low + EXPECTED.astype(np.float64) * (float(high) - float(low))).astype(dtype)
    stream = io.BytesIO()
    tifffile.imwrite(stream, plane, photometric="minisblack")
    film = read_radiograph(stream.getvalue())
    assert np.corrcoef(film.pixels.ravel(), EXPECTED.ravel())[0, 1] > 0.999


def test_tiff_pages_that_are_no_copies_are_refused_and_copies_are_not() -> None:
    import tifffile

    for second, refused in ((GREY[::2, ::2], False), (GREY[::2], True), (255 - GREY, True)):
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            writer.write(GREY, photometric="minisblack")
            writer.write(np.ascontiguousarray(second), photometric="minisblack")
        if refused:
            with pytest.raises(RejectedFilm, match="2 frames"):
                read_radiograph(stream.getvalue())
        else:
            np.testing.assert_array_equal(read_radiograph(stream.getvalue()).pixels, EXPECTED)


def test_a_tiff_of_too_many_pixels_is_said_to_be_too_large() -> None:
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((200, 300), np.uint8), compression="zlib")
    with pytest.raises(UnreadableFilm, match="at most 1000 pixels, the header says 300 x 200"):
        read_radiograph(stream.getvalue(), max_pixels=1000)
