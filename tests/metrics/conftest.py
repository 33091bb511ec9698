"""Scores that the tests of areas and calibration share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.3
    return truth, np.round(np.clip(0.35 * truth + 0.65 * rng.random(400), 0, 1), 2)
