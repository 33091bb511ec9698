from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from infmap.core.errors import UsageError
from infmap.web.masks import (
    LABELS,
    MAGIC,
    MOST_PIXELS,
    bit,
    decode,
    encode,
    of_planes,
    plane,
)
from infmap.web.runs import varints

repeatable = settings(max_examples=200, deadline=None, derandomize=True, database=None)
masks = arrays(
    np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 63)
)


def packed(*numbers: int, bits: int, runs: bytes = b"", size: int = 9) -> bytes:
    deflate = zlib.compressobj(size, zlib.DEFLATED, -15)
    raw = varints(np.array(numbers)) + bytes([bits]) + runs
    return MAGIC + deflate.compress(raw) + deflate.flush()


def raw_of(data: bytes) -> bytes:
    return zlib.decompress(data[4:], wbits=-15)


@repeatable
@given(masks)
def test_a_mask_comes_back_bit_for_bit(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


@repeatable
@given(st.binary(max_size=200))
def test_any_bytes_give_a_mask_or_one_line(data: bytes) -> None:
    for hostile in (data, MAGIC + data, MAGIC + zlib.compress(data, wbits=-15)):
        try:
            assert decode(hostile).dtype == np.uint8
        except UsageError as error:
            assert "\n" not in str(error)


@repeatable
@given(masks, st.data())
def test_a_truncated_mask_is_refused(mask: np.ndarray, data: st.DataObject) -> None:
    whole = encode(mask)
    with pytest.raises(UsageError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_the_bytes_are_those_that_the_page_writes() -> None:
    mask = np.zeros((2, 3), np.uint8)
    mask[0, 1:] |= bit("infection")
    mask[1, 0] |= bit("infection")
    mask[0, 0] |= bit("lungs")
    # width 3, height 2, labels 0 and 3; infection: 1, 3, 2; lungs: 0, 1, 5
    assert raw_of(encode(mask)).hex() == "030209" + "010302" + "000105"


def test_equal_masks_give_equal_bytes() -> None:
    mask = np.random.default_rng(1).integers(0, 64, (50, 60)).astype(np.uint8)
    assert encode(mask) == encode(np.asfortranarray(mask))


def test_a_drawn_mask_of_a_large_film_takes_few_bytes() -> None:
    row, column = np.ogrid[:3000, :3000]
    inside = (row - 1500) ** 2 / 500**2 + (column - 900) ** 2 / 260**2 < 1  # 4.5 % of the film
    data = encode(of_planes({"infection": inside}))
    assert len(data) < 4096
    np.testing.assert_array_equal(plane(decode(data), "infection"), inside)


def test_planes_may_overlap() -> None:
    whole = np.ones((2, 2), bool)
    mask = of_planes({"lungs": whole, "uncertain": whole})
    assert (mask == bit("lungs") + bit("uncertain")).all()
    assert [plane(mask, label).any() for label in LABELS] == [0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "start with IMK1"),
        (b"PNG", "start with IMK1"),
        (MAGIC, "truncated"),
        (MAGIC + b"\xff\xff\xff", "damaged"),
        (packed(0, 5, bits=0), "0 x 5"),
        (packed(1 << 20, 1 << 20, bits=0), "1048576 x 1048576"),
        (packed((1 << 35) - 1, 1, bits=0), "pixels, got"),
        (packed(3, 2, bits=64), "labels only"),
        (packed(3, 2, bits=1), "got 0"),
        (packed(3, 2, bits=1, runs=b"\x05"), "got 5"),
        (packed(3, 2, bits=1, runs=b"\x07"), "past the end"),
        (packed(3, 2, bits=1, runs=b"\x06\x01"), "1 bytes more"),
        (packed(3, 2, bits=0, runs=b"\x06"), "1 bytes more"),
        (packed(3, 2, bits=3, runs=b"\x06"), "got 0"),
        (packed(3, 2, bits=1, runs=bytes(10_000_000)), "at most 18 bytes of runs"),
        (encode(np.zeros((2, 3), np.uint8)) + b"x", "1 bytes after the end"),
        (MAGIC + encode(np.zeros((2, 3), np.uint8))[4:-1], "truncated"),
    ],
)
def test_hostile_bytes_are_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        decode(data)
    assert "\n" not in str(caught.value)


def test_a_mask_of_another_film_is_refused_before_its_pixels_are_made() -> None:
    largest = packed(1 << 13, 1 << 13, bits=0)
    assert decode(largest).size == MOST_PIXELS
    with pytest.raises(UsageError, match="expected 3 x 2 pixels as the film has, got 8192 x 8192"):
        decode(largest, (2, 3))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((2, 3), bool),
        np.zeros((2, 3, 1), np.uint8),
        np.zeros((0, 3), np.uint8),
        np.full((2, 3), 64, np.uint8),
    ],
)
def test_what_is_no_mask_is_not_encoded(mask: np.ndarray) -> None:
    with pytest.raises(UsageError, match="mask: expected"):
        encode(mask)


def test_an_unknown_label_and_planes_of_two_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="label: expected one of infection"):
        bit("tumour")
    with pytest.raises(UsageError, match="planes of one shape"):
        of_planes({"lungs": np.ones((2, 2), bool), "infection": np.ones((2, 3), bool)})
    with pytest.raises(UsageError, match="planes of one shape"):
        of_planes({})
