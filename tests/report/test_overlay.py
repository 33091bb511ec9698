"""Films with a map and contours drawn on them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.types import Prediction, Severity
from infmap.report import overlay
from infmap.report.overlay import (
    INFECTION_COLOUR,
    LUNG_COLOUR,
    OPACITY_COLOUR,
    colour_table,
    draw_banner,
)

Predict = Callable[..., Prediction]


def test_overlay_is_rgb_on_the_film_grid_and_tints_only_the_infection(predict: Predict) -> None:
    p = predict(height=200, width=300)
    image = overlay(p, contours=False)
    assert (image.mode, image.size) == ("RGB", (300, 200))
    pixels = np.asarray(image).astype(int)
    red, blue = pixels[..., 0], pixels[..., 2]
    assert np.all((red != blue)[:180] == p.infected[:180])
    assert np.all(red[p.infected] > blue[p.infected])


def test_the_opacity_layer_is_blue_where_the_opacity_is(predict: Predict) -> None:
    p = predict(height=200, width=300, infection=np.zeros((200, 300), np.float32))
    pixels = np.asarray(overlay(p, layer="opacity", contours=False)).astype(int)
    red, blue = pixels[..., 0], pixels[..., 2]
    assert np.all((red != blue)[:180] == p.opaque[:180])
    assert np.all(blue[p.opaque] > red[p.opaque])
    assert not np.any((np.ptp(np.asarray(overlay(p, contours=False)), axis=2) > 0)[:180])


def test_the_doubt_layer_needs_a_doubt(predict: Predict) -> None:
    with pytest.raises(ValueError, match="doubt=True"):
        overlay(predict(), layer="doubt")
    doubt = np.zeros((96, 128), np.float32)
    doubt[20:30, 20:30] = 1.0
    pixels = np.asarray(overlay(predict(doubt=doubt), layer="doubt", contours=False)).astype(int)
    assert np.all(pixels[20:30, 20:30, 1] > pixels[20:30, 20:30, 2])


@pytest.mark.parametrize("layer", ["infection", "opacity", "doubt"])
def test_every_map_grows_lighter_with_its_value(layer: Any) -> None:
    table = colour_table(layer).astype(float)
    lightness = table[:, :3] @ (0.2126, 0.7152, 0.0722)
    end = 126 if layer == "doubt" else 256
    assert (np.diff(lightness[:end:5]) > 0).all()
    assert table[0, 3] == 0 and table[-1, 3] == 255


def test_zero_opacity_leaves_the_film_grey(predict: Predict) -> None:
    pixels = np.asarray(overlay(predict(), opacity=0.0, contours=False))[:70]
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def near(pixels: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.all(pixels == colour, axis=2)
    return found


def test_contours_lie_on_the_edges_of_the_masks(predict: Predict) -> None:
    opaque = np.zeros((96, 128), bool)
    opaque[20:60, 75:105] = True
    pixels = np.asarray(overlay(predict(opaque=opaque)))
    for colour, box in (
        (LUNG_COLOUR, (10, 10, 80, 110)),
        (INFECTION_COLOUR, (50, 20, 70, 40)),
        (OPACITY_COLOUR, (20, 75, 60, 105)),
    ):
        rows, columns = np.nonzero(near(pixels, colour)[:78])
        top, left, bottom, right = box
        assert abs(rows.min() - top) <= 1
        assert abs(columns.min() - left) <= 1
        assert abs(columns.max() - right) <= 1
        assert colour == LUNG_COLOUR or abs(rows.max() - bottom) <= 1
        assert not near(pixels, colour)[30:40, 25:30].any()


def test_opacity_is_dashed_and_the_others_are_solid(predict: Predict) -> None:
    opaque = np.zeros((96, 128), bool)
    opaque[20:70, 75:105] = True
    pixels = np.asarray(overlay(predict(opaque=opaque)))
    pink = near(pixels, OPACITY_COLOUR)[22:68, 74:77].any(axis=1)
    assert 0.4 < pink.mean() < 0.8
    yellow = near(pixels, INFECTION_COLOUR)[52:68, 19:22].any(axis=1)
    assert yellow.all()


def test_the_banner_names_the_map_and_the_grades_that_the_interval_allows(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    module = sys.modules["infmap.report.overlay"]
    monkeypatch.setattr(module, "draw_banner", lambda picture, text: said.append(text))
    severity = Severity("moderate", 3.0, (1.0, 5.0), grades=("mild", "moderate", "severe"))
    overlay(predict(severity=severity))
    overlay(predict(severity=severity), layer="opacity", caption="other")
    assert said == ["infection map (COVID-19); severity moderate (mild to severe)", "other"]


def test_the_banner_is_drawn_and_fits_a_narrow_film(predict: Predict) -> None:
    picture = Image.new("RGB", (90, 300), (200, 200, 200))
    draw_banner(picture, "a long line below it, of a map and a grade")
    pixels = np.asarray(picture)
    assert pixels[-2:, :2].max() < 120
    assert (pixels[:200] == 200).all()
    assert np.ptp(pixels[-12:, :60].astype(int)) > 60


@pytest.mark.parametrize("opacity", [-0.1, 1.5, float("nan")])
def test_overlay_refuses_an_opacity_out_of_range(opacity: float, predict: Predict) -> None:
    with pytest.raises(ValueError, match="opacity"):
        overlay(predict(), opacity=opacity)


def test_overlay_refuses_an_unknown_layer(predict: Predict) -> None:
    with pytest.raises(ValueError, match="expected a layer"):
        overlay(predict(), layer="heat")
