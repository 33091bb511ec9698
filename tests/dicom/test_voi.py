"""Tests of `infmap.dicom.voi`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, PLANE, dx  # noqa: E402


def test_monochrome1_is_inverted_once_however_it_is_said() -> None:
    for changes in (
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": None},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME2", "PresentationLUTShape": "INVERSE"},
    ):
        film = read_radiograph(dx(**changes))
        np.testing.assert_allclose(film.pixels, 1 - EXPECTED, atol=1e-6)


def test_polarity_turns_within_the_range_that_is_spanned() -> None:
    plane = np.array([[100, 150], [175, 200]], np.uint16)
    dataset = dx(plane, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape=None)
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 150, 200, "LINEAR_EXACT"
    # Windowed: 0.25 0.5 0.625 0.75; turned within 0.25 to 0.75.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0.75, 0.5], [0.375, 0.25]], atol=1e-6)


def test_rescale_comes_before_the_window() -> None:
    plane = np.array([[0, 10], [20, 40]], np.uint16)
    dataset = dx(plane, RescaleSlope=2, RescaleIntercept=-10)
    dataset.WindowCenter, dataset.WindowWidth = 20.5, 41
    # Rescaled: -10 10 30 70; window 0 to 40.
    film = read_radiograph(dataset)
    np.testing.assert_allclose(film.pixels, [[0, 0.25], [0.75, 1]], atol=1e-6)


def test_sigmoid_window() -> None:
    plane = np.array([[0, 100], [150, 200]], np.uint16)
    dataset = dx(plane, VOILUTFunction="SIGMOID", WindowCenter=100, WindowWidth=100)
    expected = 1 / (1 + np.exp(-4 * (plane.astype(float) - 100) / 100))
    np.testing.assert_allclose(read_radiograph(dataset).pixels, expected, atol=1e-6)


def test_without_a_window_percentiles_and_a_warning() -> None:
    plane = PLANE // 20
    film = read_radiograph(dx(plane, WindowCenter=None, WindowWidth=None))
    low, high = np.percentile(plane, [0.5, 99.5])
    expected = np.clip((plane - low) / (high - low), 0, 1)
    np.testing.assert_allclose(film.pixels, expected, atol=1e-5)
    assert any("percentiles" in w for w in film.warnings)


def test_a_window_that_hides_the_film_is_replaced() -> None:
    film = read_radiograph(dx(WindowCenter=-5000, WindowWidth=10))
    assert film.pixels.std() > 0.2 and any("hides" in w for w in film.warnings)


def test_padding_is_black_and_does_not_count() -> None:
    plane = PLANE // 20 + 100
    plane[:20] = 65000
    dataset = dx(plane, WindowCenter=None, WindowWidth=None)
    dataset.add_new("PixelPaddingValue", "US", 65000)
    film = read_radiograph(dataset)
    assert (film.pixels[:20] == 0).all() and film.pixels[20:].max() == 1
