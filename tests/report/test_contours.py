"""Outlines of regions."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.report.contours import dashes, outlines, path_data


def test_a_line_runs_along_the_edges_of_the_pixels() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:10, 10:20] = True
    (line,) = outlines(mask)
    assert np.array_equal(line[0], line[-1])
    assert (line.min(axis=0) == (10, 5)).all()
    assert (line.max(axis=0) == (20, 10)).all()


@pytest.mark.parametrize("shape", [(40, 60), (2100, 1300), (3, 4000)])
def test_lines_are_in_pixels_of_the_picture_they_are_for(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, bool)
    mask[:, : shape[1] // 2] = True
    for size in ((60, 40), None):
        (line,) = outlines(mask, size)
        width, height = size or (shape[1], shape[0])
        step = max(width, height) / 1024
        assert line[:, 0].max() == pytest.approx(width / 2, abs=max(1.0, step))
        assert line[:, 1].min() == pytest.approx(0, abs=1e-6)
        assert line[:, 1].max() == pytest.approx(height, abs=1e-6)


def test_a_region_at_the_border_is_closed_and_an_empty_mask_has_none() -> None:
    (line,) = outlines(np.ones((5, 6), bool))
    assert (line.min(axis=0) == 0).all()
    assert (line.max(axis=0) == (6, 5)).all()
    assert outlines(np.zeros((5, 5), bool)) == []


def test_a_hole_has_a_line_of_its_own() -> None:
    mask = np.ones((30, 30), bool)
    mask[10:20, 10:20] = False
    assert len(outlines(mask)) == 2


def test_dashes_cover_their_share_of_the_line() -> None:
    x = np.arange(0.0, 101.0)
    line = np.stack([x, np.zeros_like(x)], axis=1)
    parts = list(dashes(line, 6, 4))
    assert len(parts) == 10
    assert all(part[-1, 0] - part[0, 0] == 6 for part in parts)
    assert sum(part[-1, 0] - part[0, 0] for part in parts) == 60


def test_a_path_keeps_the_shape_with_a_third_of_the_points() -> None:
    y, x = np.mgrid[:200, :200]
    (line,) = outlines(np.hypot(x - 100, y - 100) < 60)
    path = path_data([line])
    points = np.array([p.split() for p in path[1:-1].split("L")], float)
    assert len(points) < 0.4 * len(line)
    assert np.abs(np.hypot(*(points - 100.5).T) - 60).max() < 1.0
    assert path.startswith("M") and path.endswith("Z")
    assert path_data([]) == ""
