"""Tests of `infmap.dicom.grey_levels`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.core.errors import RejectedFilm
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from pictures import encode, of  # noqa: E402

Y, X = np.mgrid[0:40, 0:60]


GREY = (X * 3 + Y).astype(np.uint8)


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
