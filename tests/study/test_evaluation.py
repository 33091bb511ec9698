"""Tests of `infmap.study.evaluation`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.study.evaluation import evaluate
from infmap.training.calibration import Outputs

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from small import small_films  # noqa: E402


@pytest.fixture
def outputs():
    """Two films: the first's infection (and lungs) lies in a square, the second has none."""
    films = small_films(2)
    films.rows[:] = [{**row, "patient_id": None} for row in films.rows]
    maps = np.zeros((2, 3, 64, 64), np.uint8)
    maps[:, 1:, 8:56, 8:56] = 255  # opaque lungs
    maps[0, 0, 16:48, 16:32] = 150  # half of the square, at 0.59
    return Outputs(films, maps, np.zeros((2, 3), np.float32))


def test_a_run_is_scored_on_its_own_map_and_a_deployed_model_on_what_users_get(outputs):
    at, groups = Thresholds(infection=0.5, film=0.9), {"a0": "a0", "a1": "a1"}
    never = PlattScaling(intercept=-5.0)  # a film's probability of 0.007: nothing is detected
    users, _ = evaluate(outputs, at, never, groups, "held-out")
    own, none = evaluate(outputs, at, never, groups, "held-out", own_map=True)
    assert not users["covid_detected"] and not own["covid_detected"]
    assert (users["tp"], users["fp"], users["fn"]) == (0, 0, 1024)
    assert (own["tp"], own["fp"], own["fn"]) == (512, 0, 512)
    assert own["dice"] == pytest.approx(2 / 3) and own["pointing"] == 1.0
    assert own["energy"] == pytest.approx(1.0)
    assert own["infected_share_predicted"] == pytest.approx(512 / 48**2)
    assert users["infected_share_predicted"] == 0.0
    assert none["dice"] == 1.0 and none["infected_share_predicted"] == 0.0
    # The paper's rule looks at the network's own map in both.
    assert users["map_area"] == own["map_area"] == 512
