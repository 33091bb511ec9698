"""Tests of `infmap.core.types`."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from infmap.core.types import Prediction, Radiograph, Severity

ZERO = np.zeros((3, 5), np.float32)
NONE = np.zeros((3, 5), bool)


def prediction(**changes: object) -> Prediction:
    values: dict = dict.fromkeys(
        f"{kind}_fraction{side}"
        for kind in ("infected", "opacity")
        for side in ("", "_right", "_left")
    )
    values = dict.fromkeys(values, 0.0) | {
        "infection": ZERO,
        "opacity": ZERO,
        "lungs": NONE,
        "infected": NONE,
        "opaque": NONE,
        "covid_probability": 0.5,
        "covid_detected": False,
        "zones": {"A": 0.25},
        "severity": Severity("none", 0.0, (0.0, 1.0), grades=("none", "mild")),
        "quality": {"tilt": 1.0},
        "warnings": ("a warning",),
        "model": "m@1",
        "radiograph": Radiograph(ZERO),
    }
    return Prediction(**(values | changes))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), np.float64),
        np.zeros((2, 2, 1), np.float32),
        np.zeros((0, 2), np.float32),
        np.full((2, 2), 1.5, np.float32),
        np.full((2, 2), -0.1, np.float32),
        np.full((2, 2), np.nan, np.float32),
    ],
    ids=["float64", "three axes", "empty", "above 1", "below 0", "NaN"],
)
def test_a_radiograph_is_a_plane_of_numbers_from_0_to_1(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        Radiograph(pixels)


def test_the_shape_is_rows_then_columns() -> None:
    assert Radiograph(ZERO).shape == (3, 5)
    line = prediction().to_dict()
    assert (line["width"], line["height"]) == (5, 3)


def test_a_line_holds_what_json_holds_and_unknown_is_null() -> None:
    line = prediction(infected_fraction=math.nan, zones={"A": math.nan, "B": 0.5}).to_dict()
    assert line["infected_fraction"] is None
    assert line["zones"] == {"A": None, "B": 0.5}
    assert line["severity"]["grades"] == ["none", "mild"]
    assert json.loads(json.dumps(line, allow_nan=False)) == line


def test_a_small_share_is_rounded_to_digits_not_to_nothing() -> None:
    line = prediction(infected_fraction=1.23456789e-7).to_dict()
    assert line["infected_fraction"] == 1.23457e-7
