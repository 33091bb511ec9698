"""PNG, JPEG, TIFF and BMP."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.core.errors import UnreadableFilm
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from pictures import encode, of  # noqa: E402

Y, X = np.mgrid[0:40, 0:60]
GREY = (X * 3 + Y).astype(np.uint8)
EXPECTED = GREY.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_lossless_formats_give_v_over_255(kind: str, mode: str) -> None:
    film = read_radiograph(encode(of(GREY).convert(mode), kind))
    np.testing.assert_array_equal(film.pixels, EXPECTED)
    assert film.warnings == () and film.view is None and film.spacing_mm is None


def test_jpeg_is_close() -> None:
    film = read_radiograph(encode(of(GREY), "JPEG", quality=95))
    assert np.abs(film.pixels - EXPECTED).max() < 0.03


def test_alpha_is_composited_over_black() -> None:
    alpha = np.where(X < 30, 255, 0).astype(np.uint8)
    rgba = np.dstack([GREY, GREY, GREY, alpha])
    film = read_radiograph(encode(of(rgba), "PNG"))
    np.testing.assert_array_equal(film.pixels, np.where(X < 30, EXPECTED, 0))


def test_max_pixels_is_checked_before_decoding() -> None:
    with pytest.raises(UnreadableFilm, match="60 x 40"):
        read_radiograph(encode(of(GREY), "PNG")[:60], max_pixels=100)


def test_transparent_grey_levels_are_kept() -> None:
    for level in (0, 90, 255):
        image = of(GREY)
        film = read_radiograph(encode(image, "PNG", transparency=level))
        np.testing.assert_array_equal(film.pixels, EXPECTED)


def test_an_alpha_that_is_the_same_everywhere_says_nothing() -> None:
    for alpha in (0, 100, 255):
        rgba = np.dstack([GREY, GREY, GREY, np.full_like(GREY, alpha)])
        np.testing.assert_array_equal(read_radiograph(encode(of(rgba), "PNG")).pixels, EXPECTED)


def test_webp_is_read() -> None:
    film = read_radiograph(encode(of(np.dstack([GREY] * 3)), "WEBP", lossless=True))
    np.testing.assert_array_equal(film.pixels, EXPECTED)


def test_jpeg_without_an_end_is_read_where_nothing_lacks() -> None:
    whole = encode(of(GREY), "JPEG", quality=95)
    np.testing.assert_array_equal(read_radiograph(whole[:-2]).pixels, read_radiograph(whole).pixels)
    with pytest.raises(UnreadableFilm):
        read_radiograph(whole[:-60])


def test_an_unknown_adobe_transform_is_one_film_at_most() -> None:
    data = encode(of(np.dstack([GREY] * 3)).convert("CMYK"), "JPEG")
    at = data.index(b"Adobe")
    for value in range(3, 256, 50):
        mutant = data[: at + 11] + bytes([value]) + data[at + 12 :]
        try:
            assert read_radiograph(mutant).shape == GREY.shape
        except UnreadableFilm as error:
            assert "\n" not in error.reason


def test_a_jpeg_2000_of_too_many_pixels_is_said_to_be_too_large() -> None:
    import imagecodecs

    data = imagecodecs.jpeg2k_encode(np.zeros((200, 300), np.uint8), level=0, codecformat="j2k")
    with pytest.raises(UnreadableFilm, match="at most 1000 pixels, the header says 300 x 200"):
        read_radiograph(bytes(data), max_pixels=1000)
