"""A prediction is the same after it was kept."""

from __future__ import annotations

import numpy as np
from reading_server import phantom

from infmap.api import load
from infmap.core.types import Prediction
from infmap.report.overlay import to_bytes
from infmap.serve.figures import Figures

SHARES = ("infected_fraction", "opacity_fraction_left", "covid_probability", "operating")


def test_a_kept_prediction_is_the_same_to_the_last_bit() -> None:
    made = load(threshold=0.05).predict(phantom(2))
    kept = Figures.read(Figures.of(made).write())
    assert made.zone_labels is not None
    again = kept.prediction(
        made.radiograph, to_bytes(made.infection), to_bytes(made.opacity), made.zone_labels
    )
    for plane in ("infection", "opacity", "lungs", "infected", "opaque"):
        np.testing.assert_array_equal(getattr(again, plane), getattr(made, plane))
    assert again.to_dict() == made.to_dict()
    for name in SHARES:
        assert getattr(again, name) == getattr(made, name)
    assert (again.severity, again.thresholds) == (made.severity, made.thresholds)
    assert isinstance(again, Prediction) and again.calibrated_on == made.calibrated_on


def test_a_share_that_is_unknown_stays_unknown() -> None:
    made = load().predict(phantom(2))
    figures = Figures.of(made)
    object.__setattr__(figures, "zones", dict(figures.zones) | {"A": float("nan")})
    assert np.isnan(Figures.read(figures.write()).zones["A"])
