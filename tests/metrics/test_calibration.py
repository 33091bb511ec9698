"""Tests of `infmap.metrics.calibration`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from infmap import metrics as m


def test_brier_and_calibration_error(scores: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = scores
    assert m.brier(truth, score) == pytest.approx(sk.brier_score_loss(truth, score))
    assert m.ece([0, 1, 1, 1], [0.25, 0.25, 1.0, 1.0], bins=2) == pytest.approx(0.125)
    assert m.ece([0, 1], [0.0, 1.0]) == 0


def test_reliability_curve_points_by_hand() -> None:
    curve = m.reliability([0, 1, 1, 1], [0.25, 0.35, 1.0, 0.9], [1, 2, 3, 4], bins=4)
    assert curve.films.tolist() == [0, 2, 0, 2]
    assert curve.predicted[[1, 3]].tolist() == pytest.approx([0.3, 0.95])
    assert curve.observed[[1, 3]].tolist() == [0.5, 1]
    assert np.isnan(curve.observed[[0, 2]]).all()
    assert np.isnan(curve.low[0]) and 0 < curve.low[3] < curve.high[3] == 1
    gap = np.abs(curve.predicted - curve.observed)
    assert m.ece([0, 1, 1, 1], [0.25, 0.35, 1.0, 0.9], bins=4) == pytest.approx(
        np.nansum(gap * curve.films) / 4
    )
