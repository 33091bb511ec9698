"""Tests of `infmap.dicom.outline`."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from infmap.dicom.outline import MOST_POINTS, box_around, outlines, simplified


def disc(shape: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    picture = Image.new("1", shape[::-1])
    ImageDraw.Draw(picture).ellipse(box, fill=1)
    return np.asarray(picture)


def filled(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose middle lies within a closed line, by counting crossings."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(line[:-1], line[1:]):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def test_a_line_encloses_its_region() -> None:
    mask = disc((200, 300), (20, 30, 180, 170))
    (line,) = outlines(mask)
    np.testing.assert_array_equal(line[0], line[-1])
    # Half a pixel off at most: only pixels of the rim may differ.
    assert np.count_nonzero(filled(line, mask.shape) != mask) < 0.02 * np.count_nonzero(mask)
    assert len(line) < 120


def test_the_largest_part_comes_first_and_an_empty_mask_has_none() -> None:
    mask = np.zeros((50, 60), bool)
    mask[2:5, 2:5] = mask[10:40, 10:50] = True
    first, second = outlines(mask)
    assert (first.max(axis=0) == (50, 40)).all() and (second.max(axis=0) == (5, 5)).all()
    assert outlines(np.zeros((5, 5), bool)) == [] and box_around(np.zeros((5, 5), bool)) is None


def test_lines_at_the_edge_are_closed_within_the_film() -> None:
    (line,) = outlines(np.ones((7, 9), bool))
    assert line.min() == 0 and tuple(line.max(axis=0)) == (9, 7)


def test_one_pixel_and_slivers_keep_an_area() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    (line,) = outlines(mask)
    assert len(line) >= 4
    sliver = np.array([(0, 0), (5, 0.1), (10, 0), (5, -0.1), (3, 0), (0, 0)], float)
    assert len(simplified(sliver, 1.0)) == 4


def test_a_ragged_line_fits_into_an_element() -> None:
    mask = np.random.default_rng(0).random((300, 300)) > 0.35
    lines = outlines(mask)
    assert lines and max(len(line) for line in lines) <= MOST_POINTS


def test_the_box_holds_all_parts() -> None:
    mask = np.zeros((50, 60), bool)
    mask[2:5, 2:5] = mask[10:40, 10:50] = True
    box = box_around(mask)
    assert box is not None and box.tolist() == [[2, 2], [50, 2], [50, 40], [2, 40], [2, 2]]
