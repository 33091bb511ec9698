"""Made-up films for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from infmap.core.types import Prediction, Radiograph, Severity
from infmap.report import FilmRow

Predict = Callable[..., Prediction]


def make_prediction(height: int = 96, width: int = 128, **changes: Any) -> Prediction:
    lungs = np.zeros((height, width), bool)
    lungs[10:80, 10:50] = lungs[10:80, 70:110] = True
    infected = np.zeros_like(lungs)
    infected[50:70, 20:40] = True
    film = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    values: dict[str, Any] = {
        "infection": infected.astype(np.float32) * np.float32(0.8),
        "opacity": infected.astype(np.float32),
        "lungs": lungs,
        "infected": infected,
        "opaque": infected,
        "covid_probability": 0.75,
        "covid_detected": True,
        "infected_fraction": 0.07,
        "infected_fraction_right": 0.14,
        "infected_fraction_left": 0.0,
        "opacity_fraction": 0.07,
        "opacity_fraction_right": 0.14,
        "opacity_fraction_left": 0.0,
        "zones": dict.fromkeys("ABCDEF", 0.25),
        "severity": Severity("mild", 1.5, (0.5, 2.5)),
        "quality": {"contrast": np.float32(0.5), "blur": float("nan")},
        "warnings": ("first warning", "second, with comma"),
        "model": "net@1",
        "radiograph": Radiograph(film, "film.png", "ab" * 32),
        "seconds": 0.5,
    }
    return Prediction(**(values | changes))


@pytest.fixture
def one_of_each() -> list[FilmRow]:
    """A judged, a rejected and a failed film."""
    return [
        FilmRow.of("a", "in/a.png", make_prediction()),
        FilmRow.rejected("b", "in/b.png", "expected a frontal film", "cd" * 32, width=5, height=4),
        FilmRow.failed("c", "in/c.png", "could not be read"),
    ]


@pytest.fixture
def predict() -> Predict:
    """A maker of predictions on two rectangular lungs, one infected."""
    return make_prediction
