"""Tests of `infmap.study.paper_rule`."""

from __future__ import annotations

import numpy as np

from infmap.study.paper_rule import least_area, map_areas


def test_a_pixel_counts_from_its_threshold_on() -> None:
    maps = np.zeros((2, 4, 4), np.uint8)
    maps[0, 0, :3] = 127, 128, 255
    assert map_areas(maps, 0.5).tolist() == [2, 0]


def test_one_false_alarm_in_two_hundred_is_let_pass_and_not_two() -> None:
    covid = np.array([0] * 200 + [1] * 3, np.int8)
    areas = np.array([0] * 197 + [10, 40, 90] + [5, 50, 500], np.int64)
    found = least_area(areas, covid)
    assert found == 41
    assert ((areas >= found) & (covid == 0)).sum() == 1
    assert ((areas >= found - 1) & (covid == 0)).sum() == 2


def test_without_false_alarms_it_is_the_rule_as_published() -> None:
    assert least_area(np.array([0, 0, 700]), np.array([0, 0, 1], np.int8)) == 1
    assert least_area(np.array([700]), np.array([1], np.int8)) == 1
