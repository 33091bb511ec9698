"""Outlines of regions as closed lines that a DICOM element can hold."""

from __future__ import annotations

from itertools import pairwise

import contourpy
import numpy as np
from numpy.typing import NDArray

from infmap.core.types import BoolImage

Line = NDArray[np.float64]
MOST_POINTS = 2000
"""Of one line: coordinates are 4 bytes each, and FL in explicit VR holds 65,534 bytes, so 8,191
points; a quarter of them is finer than any screen shows."""
MOST_PARTS = 20
"""Parts of one region that are outlined, the largest first: the rest are specks."""
_FINE = 1024
"""A line is simplified to half a pixel of a film of this longest side, finer than any network's
grid."""


def outlines(mask: BoolImage) -> list[Line]:
    """Closed lines around the parts of a region and around their holes, the largest first.

    Args:
        mask: bool (H, W), (row, column). Beyond the image counts as outside.

    Returns:
        float64 (N, 2) each, (column, row): the upper left corner of the first pixel is (0, 0), of
        the last one (W - 1, H - 1), as for GSPS (PS3.3 C.10.5.1.2) and SCOORD (PS3.3
        C.18.6.1.1). The last point is the first. At most ``MOST_PARTS`` lines of at most
        ``MOST_POINTS`` points; none of an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    top, left = int(rows[0]), int(columns[0])
    box = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    # A rim of zeros closes lines that would end at the edge.
    plane = np.pad(box, 1).astype(np.float64)
    found = contourpy.contour_generator(z=plane, line_type=contourpy.LineType.Separate).lines(0.5)
    # Index 1 of the padded plane is the middle of the first pixel: half a pixel in.
    lines = [np.asarray(line, np.float64) + (left - 0.5, top - 0.5) for line in found]
    lines.sort(key=_area, reverse=True)
    tolerance = 0.5 * max(1.0, max(mask.shape) / _FINE)
    return [_at_most(line, tolerance) for line in lines[:MOST_PARTS]]


def box_around(mask: BoolImage) -> Line | None:
    """The rectangle around a region, as ``outlines`` gives lines; None around an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    left, right = float(columns[0]), float(columns[-1]) + 1
    top, bottom = float(rows[0]), float(rows[-1]) + 1
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _area(line: Line) -> float:
    """Enclosed area, square pixels (shoelace formula)."""
    x, y = line.T
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2


def _at_most(line: Line, tolerance: float) -> Line:
    simple = simplified(line, tolerance)
    while len(simple) > MOST_POINTS:
        tolerance *= 2
        simple = simplified(line, tolerance)
    return simple


def simplified(line: Line, tolerance: float) -> Line:
    """A closed line with fewer points (Douglas and Peucker 1973).

    Args:
        line: float64 (N, 2), the last point is the first.
        tolerance: most that a left out point lies off the new line, in its units.

    Returns:
        float64 (M, 2), M of 4 or more where N is: points of the line, the last is the first.
    """
    if len(line) <= 4:
        return line
    # A closed line has no ends: it is cut at its start and at the point farthest from that.
    far = int(np.argmax(_squares(line - line[0])))
    kept = {0, far, len(line) - 1}
    open_ = list(pairwise(sorted(kept)))
    while open_:
        start, stop = open_.pop()
        if stop - start < 2:
            continue
        off = _off(line[start + 1 : stop], line[start], line[stop])
        worst = int(np.argmax(off))
        if off[worst] > tolerance:
            middle = start + 1 + worst
            kept.add(middle)
            open_ += [(start, middle), (middle, stop)]
    if len(kept) < 4:  # a sliver: two points and back would enclose nothing
        side = max((1, len(line) - 2), key=lambda i: float(_squares(line[i] - line[far])))
        kept.add(side)
    return line[sorted(kept)]


def _squares(vectors: Line) -> NDArray[np.float64]:
    return np.asarray((vectors * vectors).sum(axis=-1))


def _off(points: Line, a: Line, b: Line) -> NDArray[np.float64]:
    """Distance of points (N, 2) from the line through a and b, or from a where they are one."""
    along = b - a
    length = float(np.hypot(*along))
    if length == 0.0:
        return np.sqrt(_squares(points - a))
    cross = along[0] * (points[:, 1] - a[1]) - along[1] * (points[:, 0] - a[0])
    return np.asarray(np.abs(cross) / length)
