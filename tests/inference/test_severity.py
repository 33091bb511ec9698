from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.inference.severity import Calibration, grade_severity


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
    s = grade_severity(0.125, 0.625, Calibration(half_widths=(1.0, 2.0)))
    assert (s.extent_right, s.extent_left, s.extent_score) == (1, 3, 4)
    assert s.grade == "moderate"
    assert s.interval == (2.5, 5.5)
    assert s.grades == ("moderate", "severe")
    clear = grade_severity(0, 0, Calibration(half_widths=(0.4, 2.0)))
    assert clear.interval == (0, 0.4) and clear.grades == ("none",)


def test_the_grade_is_always_among_those_the_interval_allows() -> None:
    c = Calibration(half_widths=(0.3, 1.0))
    for share in np.linspace(0, 1, 101):
        s = grade_severity(float(share), float(share), c)
        assert s.grade in s.grades
        assert s.interval[0] <= s.extent_score <= s.interval[1]


def test_a_lung_that_was_not_found_is_not_healthy() -> None:
    s = grade_severity(0.625, math.nan, Calibration(half_widths=(0.5, 0.5)))
    assert s.extent_score == 6
    assert math.isnan(s.extent_left)
    assert s.interval == (2.5, 7.5)
    with pytest.raises(ValueError, match="at least one lung"):
        grade_severity(math.nan, math.nan, Calibration())


@pytest.mark.parametrize(
    "fields",
    [
        {"knots": (0.0, 0.5)},
        {"knots": (0.0, 1.0), "extents": (3.0, 1.0)},
        {"knots": (0.0, 1.0), "extents": (0.0, 5.0)},
        {"knots": (0.0, 1.0), "extents": (0.0, 3.6)},
        {"cuts": (1.0, 2.0, 2.0, 3.0)},
        {"cuts": (0.0, 2.0, 3.0, 4.0)},
        {"alpha": 0.0},
        {"half_widths": (-1.0, 2.0)},
    ],
)
def test_a_calibration_out_of_order_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Calibration(**fields)  # type: ignore[arg-type]
