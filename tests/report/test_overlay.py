"""Films with the map and contours drawn on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from infmap.core.types import Prediction
from infmap.report import (
    overlay,
)
from infmap.report.overlay import INFECTION_COLOUR, LUNG_COLOUR, contour

Predict = Callable[..., Prediction]


def test_overlay_is_rgb_on_the_film_grid_and_tints_only_the_infection(predict: Predict) -> None:
    p = predict(height=200, width=300)
    image = overlay(p, contours=False)
    assert (image.mode, image.size) == ("RGB", (300, 200))
    pixels = np.asarray(image).astype(int)
    red, blue = pixels[..., 0], pixels[..., 2]
    assert np.all((red != blue)[:180] == p.infected[:180])
    assert np.all(red[p.infected] > blue[p.infected])


def test_zero_opacity_leaves_the_film_grey(predict: Predict) -> None:
    pixels = np.asarray(overlay(predict(), opacity=0.0, contours=False))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_contours_lie_on_the_edges_of_the_masks(predict: Predict) -> None:
    pixels = np.asarray(overlay(predict()))
    assert tuple(pixels[10, 30]) == LUNG_COLOUR
    assert tuple(pixels[40, 10]) == LUNG_COLOUR
    assert tuple(pixels[50, 30]) == INFECTION_COLOUR
    assert tuple(pixels[60, 39]) == INFECTION_COLOUR
    for row, column in ((11, 30), (9, 30), (60, 38), (60, 41)):
        assert tuple(pixels[row, column]) not in (LUNG_COLOUR, INFECTION_COLOUR)


def test_contour_is_closed_at_the_border_and_empty_for_an_empty_mask() -> None:
    full = contour(np.ones((5, 6), bool))
    assert full.sum() == 18
    assert not full[1:-1, 1:-1].any()
    assert not contour(np.zeros((5, 6), bool)).any()
    assert contour(np.ones((9, 9), bool), 2).sum() == 81 - 25


@pytest.mark.parametrize("opacity", [-0.1, 1.5, float("nan")])
def test_overlay_refuses_an_opacity_out_of_range(opacity: float, predict: Predict) -> None:
    with pytest.raises(ValueError, match="opacity"):
        overlay(predict(), opacity=opacity)
