"""Tests of `infmap.metrics.student`."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from infmap.metrics._student import t_quantile, t_tail


@pytest.mark.parametrize("freedom", [1.0, 2.5, 9.0, 60.0, 4000.0])
def test_students_t_agrees_with_scipy(freedom: float) -> None:
    for t in (-2.0, 0.0, 0.4, 3.0, 50.0):
        assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=1e-12)
    for tail in (0.4, 0.025, 1e-4):
        assert t_quantile(tail, freedom) == pytest.approx(stats.t.isf(tail, freedom), rel=1e-9)
    assert (t_tail(math.inf, freedom), t_tail(-math.inf, freedom)) == (0, 1)
