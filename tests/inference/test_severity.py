from __future__ import annotations

import json
import math

import numpy as np
import pytest

from infmap.inference.severity import (
    Calibration,
    conformal_quantile,
    fit_calibration,
    grade_severity,
)


def films(count: int, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.beta(0.7, 1.2, size=(count, 2))
    y = 4 * np.sqrt(x).sum(axis=1) + noise * rng.normal(size=count)
    return x, np.clip(y, 0, 8)


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (0.0, "none"),
        (0.49, "none"),
        (0.5, "mild"),
        (2.5, "moderate"),
        (4.49, "moderate"),
        (4.5, "severe"),
        (6.5, "critical"),
        (8.0, "critical"),
    ],
)
def test_a_score_on_a_cut_has_the_higher_grade(score: float, grade: str) -> None:
    assert Calibration().grade(score) == grade


def test_the_plain_map_gives_each_quarter_its_step() -> None:
    extents = [Calibration().extent(s) for s in (0.0, 0.125, 0.375, 0.625, 0.875, 1.0)]
    assert extents == [0, 1, 2, 3, 4, 4]


def test_severity_adds_both_lungs_and_clips_its_interval() -> None:
    s = grade_severity(0.125, 0.625, Calibration(half_width=1.5))
    assert (s.extent_right, s.extent_left, s.extent_score) == (1, 3, 4)
    assert s.grade == "moderate"
    assert s.interval == (2.5, 5.5)
    assert grade_severity(0, 0, Calibration(half_width=1.5)).interval == (0, 1.5)


def test_a_lung_that_was_not_found_is_not_healthy() -> None:
    s = grade_severity(0.625, math.nan, Calibration(half_width=0.5))
    assert s.extent_score == 6
    assert math.isnan(s.extent_left)
    assert s.interval == (2.5, 7.5)
    with pytest.raises(ValueError, match="at least one lung"):
        grade_severity(math.nan, math.nan, Calibration())


@pytest.mark.parametrize("method", ["split", "cross"])
def test_the_fit_is_monotone_finds_the_curve_and_covers_new_films(method: str) -> None:
    x, y = films(400)
    c = fit_calibration(x, y, alpha=0.1, method=method)  # type: ignore[arg-type]
    assert np.all(np.diff(c.extents) >= 0)
    assert c.extent(0.5) == pytest.approx(4 * math.sqrt(0.5), abs=0.25)
    fresh, truth = films(2000, seed=1)
    hits = [
        s.interval[0] <= t <= s.interval[1]
        for (a, b), t in zip(fresh, truth, strict=True)
        for s in [grade_severity(a, b, c)]
    ]
    assert 0.85 <= np.mean(hits) <= 0.95
    assert c.half_width < 1.5


def test_no_patient_is_on_both_sides_of_the_split() -> None:
    x, y = films(60, noise=0.0)
    groups = np.repeat(np.arange(6), 10)
    y[:10] = 8 - y[:10]
    single = fit_calibration(x, y, groups=groups, seed=0)
    again = fit_calibration(x, y, groups=[f"p{g}" for g in groups], seed=0)
    assert single == again
    assert single != fit_calibration(x, y, groups=np.arange(60), seed=0)


def test_unknown_rows_are_left_out_and_too_few_are_refused() -> None:
    x, y = films(40)
    y[0], x[1, 0] = math.nan, math.nan
    assert fit_calibration(x, y).films == 38
    with pytest.raises(ValueError, match="8 films"):
        fit_calibration(x[2:6], y[2:6])
    with pytest.raises(ValueError, match=r"scores in \[0, 8\]"):
        fit_calibration(x[2:], y[2:] + 8)


def test_the_conformal_rank_is_exact_and_gives_up_on_few_films() -> None:
    assert conformal_quantile(np.arange(1, 20), 0.1) == 18
    assert conformal_quantile(np.arange(1, 10), 0.1) == 9
    assert conformal_quantile(np.arange(1, 9), 0.1) == 8.0
    assert conformal_quantile([0.1, 0.2], 0.1) == 8.0


def test_a_calibration_survives_json() -> None:
    c = fit_calibration(*films(50), map_name="infection")
    assert Calibration.from_dict(json.loads(json.dumps(c.to_dict()))) == c
    with pytest.raises(ValueError, match="got also"):
        Calibration.from_dict({"slope": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"knots": (0.0, 0.5)},
        {"knots": (0.0, 1.0), "extents": (3.0, 1.0)},
        {"knots": (0.0, 1.0), "extents": (0.0, 5.0)},
        {"cuts": (1.0, 2.0, 2.0, 3.0)},
        {"alpha": 0.0},
    ],
)
def test_a_calibration_out_of_order_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Calibration(**fields)  # type: ignore[arg-type]
