"""Tests of `infmap.dicom.arrays`."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UnreadableFilm
from infmap.dicom import read_radiograph

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PLANE).save(stream, "PNG")
    return stream.getvalue()


def test_unit_floats_are_kept_and_wide_floats_stretched() -> None:
    unit = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
    np.testing.assert_array_equal(read_radiograph(unit).pixels, unit)
    wide = read_radiograph(unit * 3000 - 1000)
    assert wide.pixels.min() == 0 and wide.pixels.max() == 1 and wide.warnings


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 2), np.uint8), "plane"),
        (np.zeros((0, 4), np.uint8), "plane"),
        (np.full((4, 4), np.nan, np.float32), "NaN"),
        (np.zeros((4, 4), np.complex64), "real numbers"),
    ],
)
def test_arrays_that_are_no_film(array: np.ndarray, words: str) -> None:
    with pytest.raises(UnreadableFilm, match=words):
        read_radiograph(array)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.matrix(PLANE),
        lambda: PLANE[..., None],
        lambda: PLANE[None],
        lambda: np.dstack([PLANE] * 3),
        lambda: np.stack([PLANE] * 3),
        lambda: np.asfortranarray(PLANE),
        lambda: memoryview(PLANE),
        lambda: Image.fromarray(PLANE),
        lambda: Image.fromarray(PLANE).convert("RGB"),
        lambda: Image.open(io.BytesIO(png())),
        lambda: io.BytesIO(png()),
        lambda: memoryview(png()),
        lambda: bytearray(png()),
    ],
)
def test_whatever_holds_a_film_is_read(make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # np.matrix
        film = read_radiograph(make())
    np.testing.assert_array_equal(film.pixels, PLANE.astype(np.float32) / np.float32(255))


def test_a_torch_tensor_is_read() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    unit = PLANE.astype(np.float32) / np.float32(255)
    for tensor in (torch.from_numpy(PLANE), torch.from_numpy(unit).requires_grad_()[None]):
        np.testing.assert_array_equal(read_radiograph(tensor).pixels, unit)
    assert read_radiograph(torch.from_numpy(unit).to(torch.bfloat16)).shape == (6, 8)
