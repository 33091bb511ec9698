"""Tests of `infmap.web.film_encoding`."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from infmap.phantom import render
from infmap.web.film_encoding import (
    HEADER,
    decode_film,
    encode_film,
    encode_preview,
    grey_levels,
)


def levels(bits: int = 12) -> np.ndarray:
    return grey_levels(render(3, size=96).pixels[:, :80], bits)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_every_grey_level_comes_back(bits: int) -> None:
    film = levels(bits)
    back, stated = decode_film(encode_film(film, bits))
    assert stated == bits
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, film)


def test_differences_wrap_in_both_directions() -> None:
    film = np.array([[65535, 0, 65535], [0, 65535, 1]], dtype=np.uint16)
    np.testing.assert_array_equal(decode_film(encode_film(film, 16))[0], film)


def test_the_bytes_are_those_that_a_page_reads() -> None:
    data = encode_film(np.array([[5, 7, 6]], dtype=np.uint16), 8)
    assert data[:16] == b"IFL1" + struct.pack("<III", 3, 1, 8)
    assert zlib.decompress(data[16:], wbits=-15) == struct.pack("<HHH", 5, 2, 65535)


def test_a_column_slice_is_encoded_as_it_is_seen() -> None:
    film = levels()[:, ::2]
    np.testing.assert_array_equal(decode_film(encode_film(film, 12))[0], film)


def test_white_is_the_highest_level() -> None:
    film = grey_levels(np.array([[0.0, 0.5, 1.0]], dtype=np.float32), 12)
    assert film.tolist() == [[0, 2048, 4095]]


@pytest.mark.parametrize(
    ("film", "bits", "message"),
    [
        (np.zeros((2, 2), np.uint16), 7, "8 to 16 bits"),
        (np.zeros((2, 2), np.uint8), 8, "uint16"),
        (np.zeros((2, 2, 1), np.uint16), 8, "uint16"),
        (np.full((2, 2), 256, np.uint16), 8, "below 256, got 256"),
        (np.zeros((0, 2), np.uint16), 8, "pixels"),
    ],
)
def test_what_is_no_film_is_refused(film: np.ndarray, bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_film(film, bits)
    with pytest.raises(ValueError, match=message):
        encode_preview(film, bits)


def _deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"IFL1", "got 4 bytes"),
        (b"IMK1" + bytes(12), "begins with IFL1"),
        (HEADER.pack(b"IFL1", 2, 2, 17), "8 to 16 bits"),
        (HEADER.pack(b"IFL1", 2**31, 2**31, 8), "pixels"),
        (HEADER.pack(b"IFL1", 2, 2, 8) + b"\xff\xff\xff", "deflated"),
        (HEADER.pack(b"IFL1", 2, 2, 8) + _deflated(bytes(7)), "damaged"),
        (HEADER.pack(b"IFL1", 2, 2, 8) + _deflated(bytes(9)), "damaged"),
        (HEADER.pack(b"IFL1", 2, 2, 8) + _deflated(bytes(8)) + b"more", "damaged"),
        (HEADER.pack(b"IFL1", 2, 2, 8) + _deflated(bytes(8))[:-1], "damaged"),
    ],
)
def test_damaged_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_film(data)


def test_a_preview_is_a_third_in_grey_over_the_whole_range() -> None:
    film = np.full((100, 61), 4095, np.uint16)
    film[:50] = 0
    with Image.open(io.BytesIO(encode_preview(film, 12))) as picture:
        assert (picture.mode, picture.size) == ("L", (21, 34))
        shown = np.asarray(picture)
    assert shown[:10].max() <= 3
    assert shown[-10:].min() >= 252


def test_a_film_of_one_pixel_has_a_preview() -> None:
    with Image.open(io.BytesIO(encode_preview(np.zeros((1, 1), np.uint16), 8))) as picture:
        assert picture.size == (1, 1)
