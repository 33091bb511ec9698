"""Outlines of regions as lines: sharp at any size, and dashed where colour alone would not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import contourpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.types import BoolImage, Float32Image

Line = NDArray[np.float64]
LONG_SIDE = 1024
"""Longest side, pixels, of the grid that outlines are drawn on: finer than any network's."""


def outlines(mask: BoolImage, size: tuple[int, int] | None = None) -> list[Line]:
    """Closed lines around the regions of a mask and around their holes.

    Args:
        mask: bool (H, W), (row, column). Beyond the image counts as outside.
        size: (width, height) of the picture that the lines are for; the mask's own without it.

    Returns:
        float64 (N, 2) each, (x, y) in pixels of that picture: its first pixel reaches from (0, 0)
        to (1, 1), and a line runs along the edges of pixels. The last point is the first.
    """
    width, height = size or (mask.shape[1], mask.shape[0])
    scale = min(1.0, LONG_SIDE / max(width, height))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    plane = np.pad(shrink(mask.astype(np.float32), (columns, rows)), 1).astype(np.float64)
    # contourpy.contour_generator would look for NaN and masks first, for most of its time.
    lines = contourpy.SerialContourGenerator(
        *_grid(plane.shape[0], plane.shape[1]),
        plane,
        np.ma.nomask,  # type: ignore[arg-type]  # no array: no mask to look at
        corner_mask=False,
        line_type=contourpy.LineType.Separate,
        fill_type=contourpy.FillType.OuterCode,
        quad_as_tri=False,
        z_interp=contourpy.ZInterp.Linear,
    )
    # Half covered: the outline of a mask reduced by means runs where it did before.
    found = lines.lines(0.5)
    # Index 1 of the padded plane is the middle of the first pixel: half a pixel in.
    return [(np.asarray(line) - 0.5) * (width / columns, height / rows) for line in found]


@lru_cache(maxsize=8)
def _grid(rows: int, columns: int) -> tuple[Line, Line]:
    """Column and row of each point of a grid, float64 (rows, columns) each."""
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    return x, y


def dashes(line: Line, on: float, off: float) -> Iterator[Line]:
    """Cut a line into dashes.

    Args:
        line: float64 (N, 2), (x, y).
        on: length of a dash, in the units of the line.
        off: length of a gap.

    Yields:
        float64 (M, 2), M of 2 or more; cut at the line's points, so no finer than they are.
    """
    length = np.hypot(*np.diff(line, axis=0).T)
    middle = np.cumsum(length) - length / 2
    # By length along the line, so that dashes are alike on straight and winding parts.
    drawn = middle % (on + off) < on
    edges = np.flatnonzero(np.diff(np.concatenate([[False], drawn, [False]])))
    for start, stop in edges.reshape(-1, 2):
        yield line[start : stop + 1]


def path_data(lines: Iterable[Line], every: int = 3) -> str:
    """Lines as the ``d`` of an SVG path, to a tenth of a pixel.

    Args:
        lines: closed lines, as ``outlines`` gives them.
        every: keep one point of so many; a small region's line keeps all.
    """
    parts = []
    for line in lines:
        kept = line[:-1] if len(line) < 12 * every else line[:-1:every]
        # One formatting of all points takes a third of the time of one a point.
        text = "L".join(["%.1f %.1f"] * len(kept)) % tuple(kept.ravel().tolist())
        parts.append(f"M{text}Z")
    return "".join(parts)


def shrink(plane: Float32Image, size: tuple[int, int]) -> Float32Image:
    """Resample a plane (H, W) to (width, height): means of the pixels that fall together."""
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float32)
