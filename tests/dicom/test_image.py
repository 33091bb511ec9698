"""PNG, JPEG, TIFF and BMP."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph

Y, X = np.mgrid[0:40, 0:60]
GREY = (X * 3 + Y).astype(np.uint8)
EXPECTED = GREY.astype(np.float32) / np.float32(255)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def of(plane: np.ndarray) -> Image.Image:
    return Image.fromarray(plane)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_lossless_formats_give_v_over_255(kind: str, mode: str) -> None:
    film = read_radiograph(encode(of(GREY).convert(mode), kind))
    np.testing.assert_array_equal(film.pixels, EXPECTED)
    assert film.warnings == () and film.view is None and film.spacing_mm is None


def test_jpeg_is_close() -> None:
    film = read_radiograph(encode(of(GREY), "JPEG", quality=95))
    assert np.abs(film.pixels - EXPECTED).max() < 0.03


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_compressions_are_read(compression: str) -> None:
    film = read_radiograph(encode(of(GREY), "TIFF", compression=compression))
    np.testing.assert_array_equal(film.pixels, EXPECTED)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_full_16_bit_range_gives_v_over_65535(kind: str) -> None:
    plane = (X.astype(np.uint16) * 1000) + Y.astype(np.uint16)
    film = read_radiograph(encode(of(plane), kind))
    np.testing.assert_allclose(film.pixels, plane / 65535, atol=1e-6)
    assert film.warnings == ()


def test_12_bit_in_16_is_stretched_with_a_warning() -> None:
    plane = X.astype(np.uint16) * 60
    film = read_radiograph(encode(of(plane), "PNG"))
    assert film.pixels.min() == 0 and film.pixels.max() == 1
    assert any("stretched" in w for w in film.warnings)


def test_white_is_zero_16_bit_tiff_is_inverted() -> None:
    plane = X.astype(np.uint16) * 1000
    film = read_radiograph(encode(of(plane), "TIFF", tiffinfo={262: 0}))
    np.testing.assert_allclose(film.pixels, 1 - plane / 65535, atol=1e-6)


def test_alpha_is_composited_over_black() -> None:
    alpha = np.where(X < 30, 255, 0).astype(np.uint8)
    rgba = np.dstack([GREY, GREY, GREY, alpha])
    film = read_radiograph(encode(of(rgba), "PNG"))
    np.testing.assert_array_equal(film.pixels, np.where(X < 30, EXPECTED, 0))


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


def test_tinted_scan_turns_grey_with_a_warning() -> None:
    tinted = np.dstack([GREY // 2, GREY // 2 + 20, GREY // 2 + 80]).astype(np.uint8)
    film = read_radiograph(encode(of(tinted), "PNG"))
    assert any("tinted" in w for w in film.warnings)
    expected = tinted @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(film.pixels, expected, atol=1e-5)


def test_small_coloured_mark_is_no_photograph() -> None:
    marked = np.dstack([GREY] * 3)
    marked[:5, :5] = (255, 0, 0)
    assert read_radiograph(encode(of(marked), "PNG")).warnings == ()


def test_colour_photograph_is_rejected() -> None:
    photo = np.dstack([X * 4, Y * 6, 240 - X * 4]).astype(np.uint8)
    with pytest.raises(RejectedFilm, match="colour picture"):
        read_radiograph(encode(of(photo), "JPEG"))


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


def test_a_tiff_of_too_many_pixels_is_said_to_be_too_large() -> None:
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((200, 300), np.uint8), compression="zlib")
    with pytest.raises(UnreadableFilm, match="at most 1000 pixels, the header says 300 x 200"):
        read_radiograph(stream.getvalue(), max_pixels=1000)


def test_a_jpeg_2000_of_too_many_pixels_is_said_to_be_too_large() -> None:
    import imagecodecs

    data = imagecodecs.jpeg2k_encode(np.zeros((200, 300), np.uint8), level=0, codecformat="j2k")
    with pytest.raises(UnreadableFilm, match="at most 1000 pixels, the header says 300 x 200"):
        read_radiograph(bytes(data), max_pixels=1000)
