"""Tests of `infmap.dicom.regions`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from infmap.dicom.regions import Regions

sys.path.insert(0, str(Path(__file__).parent))
from reports import LUNGS, PREDICTION  # noqa: E402


def test_sides_are_disjoint_and_hold_their_infection() -> None:
    r = Regions.of(PREDICTION)
    np.testing.assert_array_equal(r.right | r.left, LUNGS)
    assert not (r.right & r.left).any() and r.right[:, :30].any()
    np.testing.assert_array_equal(r.infected_right | r.infected_left, PREDICTION.infected)
    assert not (r.infected_right & ~r.right).any()


def test_the_prediction_s_own_zones_come_first() -> None:
    r = Regions.of(replace(PREDICTION, zone_labels=LUNGS.astype(np.uint8) * np.uint8(6)))
    assert not r.right.any() and (r.left == LUNGS).all()
