"""Tests of `infmap.inference.limits`."""

from __future__ import annotations

from infmap.inference.limits import FILM_REJECTS, LUNG_REJECTS
from infmap.inference.quality import limits


def test_limits_are_data_that_a_page_can_show() -> None:
    found = limits()
    assert found["min_side"] == (64, float("inf"))
    assert found["lung_share"][0] < found["lung_share"][1]
    for limit in (*FILM_REJECTS, *LUNG_REJECTS):
        assert limit.unit and limit.origin, limit.name
        assert limit.low < limit.high
