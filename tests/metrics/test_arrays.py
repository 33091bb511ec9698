"""Tests of `infmap.metrics.arrays`."""

from __future__ import annotations

import math

import pytest

from infmap import metrics as m


def test_unknown_or_impossible_values_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown truth"):
        m.auroc([0, math.nan], [0.1, 0.2])
    with pytest.raises(ValueError, match="NaN"):
        m.auroc([0, 1], [0.1, math.nan])
    with pytest.raises(ValueError, match="probabilities"):
        m.brier([0, 1], [0.1, 1.2])
