"""What the quality gate measures on the lungs that the network found."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import BoolImage, Float32Image
from infmap.core.zones import LungZones, components
from infmap.inference.film_figures import SEEN, frontal_match, shrink
from infmap.inference.likeness import appearance, unlikeness

Float64 = NDArray[np.float64]
TILT = (0.325, 0.398, -0.373, -1.22)
"""Degrees of tilt from the angles of the mediastinum, of the middle of both lungs and of the
apices, and an offset (the mediastinum of an upright film leans to the left): least squares on 40
films tilted by 0, 10, 15 and 20 degrees either way, residual 4 degrees."""


def lung_figures(
    zones: LungZones, pixels: Float32Image, probs: Float32Image | None
) -> dict[str, float]:
    """Figures of the lungs.

    Args:
        zones: the lungs, on any grid (H, W) that covers the field exactly.
        pixels: float32, the exposed field on any grid, [0, 1].
        probs: float32 (H, W), lung probability on the grid of ``zones``, where at hand.

    Returns:
        See ``infmap.inference.quality.assess_lungs``.
    """
    figures, looks = measured(zones, pixels, probs)
    if looks is not None:
        figures["unlikeness"] = unlikeness(looks, figures)
    return {name: value for name, value in figures.items() if name != "frontal_match"}


def measured(
    zones: LungZones, pixels: Float32Image, probs: Float32Image | None
) -> tuple[dict[str, float], Float64 | None]:
    """Figures of the lungs before ``unlikeness``, and the appearance that it follows from.

    The appearance is None without probabilities or lungs.
    """
    # Rounded up: at most SEEN samples a side, whatever the grid.
    stride = max(1, -(-max(zones.labels.shape) // SEEN))
    coarse = LungZones(np.ascontiguousarray(zones.labels[::stride, ::stride]))
    right, left = coarse.right, coarse.left
    mask = right | left
    figures = {"lung_share": float(mask.mean())}
    if not mask.any():
        return figures, None
    film = shrink(pixels, *mask.shape)
    figures |= _geometry(mask, right, left)
    figures["mediastinum_contrast"] = _contrast(mask, right, left, film)
    if probs is None:
        return figures, None
    seen = probs[::stride, ::stride]
    # 0.25 to 0.75: half of the range, around the threshold of a lung pixel.
    doubt = np.count_nonzero((seen > 0.25) & (seen < 0.75))
    figures["lung_doubt"] = doubt / np.count_nonzero(mask)
    # From the probabilities, since the mask keeps the two largest regions only: two films in one
    # picture show by a third and a fourth lung.
    areas = np.sort(components(seen >= 0.5)[1])[::-1]
    figures["third_lung"] = float(areas[2] / areas[0]) if len(areas) > 2 else 0.0
    figures["frontal_match"] = frontal_match(film)
    return figures, appearance(film, seen, mask)


def _geometry(mask: BoolImage, right: BoolImage, left: BoolImage) -> dict[str, float]:
    areas = np.count_nonzero(right), np.count_nonzero(left)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    width = int(columns[-1] - columns[0]) + 1
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    # One line in 64 off the edge: resampling fades the very last one.
    lowest = mask[-1 - max(1, len(mask) // 64)]
    out = {
        "lung_ratio": float(min(areas) / max(areas)),
        "lung_height": (int(rows[-1] - rows[0]) + 1) / width,
        "lung_border": max(float(edge.mean()) for edge in edges),
        "lung_base_cut": np.count_nonzero(lowest) / width,
    }
    if min(areas):
        out["tilt"] = _tilt(mask, right, left)
    return out


def _gaps(right: BoolImage, left: BoolImage) -> tuple[NDArray[np.int64], Float64, Float64]:
    """Rows that hold both lungs; there, the last column of the right, the first of the left."""
    rows = np.flatnonzero(right.any(axis=1) & left.any(axis=1))
    last = right.shape[1] - 1 - np.argmax(right[rows][:, ::-1], axis=1)
    return rows, last.astype(np.float64), np.argmax(left[rows], axis=1).astype(np.float64)


def _tilt(mask: BoolImage, right: BoolImage, left: BoolImage) -> float:
    """Tilt of the film in degrees, positive counter-clockwise; NaN without common rows."""
    rows, last, first = _gaps(right, left)
    # 8 rows of 128: a line through fewer says nothing of an angle.
    if rows.size < 8:
        return math.nan
    # The upper part of the mediastinum, above the heart, which leans to the left.
    upper = slice(0, int(0.6 * rows.size))
    outer = np.argmax(mask[rows], axis=1), np.argmax(mask[rows][:, ::-1], axis=1)
    middles = (outer[0] + mask.shape[1] - 1 - outer[1]) / 2
    apices = [_apex(side) for side in (right, left)]
    rise, run = apices[1][0] - apices[0][0], apices[1][1] - apices[0][1]
    angles = (
        _lean(rows[upper], ((last + first) / 2)[upper]),
        _lean(rows, middles),
        math.degrees(math.atan2(rise, run)),
    )
    return float(np.dot(TILT[:3], angles)) + TILT[3]


def _lean(rows: NDArray[np.int64], columns: Float64) -> float:
    """Angle of a line through (row, column) points against the vertical, degrees."""
    centred = rows - rows.mean()
    return math.degrees(math.atan(float(centred @ columns) / float(centred @ centred)))


def _apex(lung: BoolImage) -> tuple[float, float]:
    """(row, column) of a lung's top: its first row, the mean column of its first four."""
    top = int(np.flatnonzero(lung.any(axis=1))[0])
    return float(top), float(np.flatnonzero(lung[top : top + 4].any(axis=0)).mean())


def _contrast(mask: BoolImage, right: BoolImage, left: BoolImage, film: Float64) -> float:
    rows, last, first = _gaps(right, left)
    column = np.arange(mask.shape[1])
    between = np.zeros_like(mask)
    between[rows] = (column > last[:, None]) & (column < first[:, None])
    # In ranges of the film: a dark or soft exposure is no low contrast of the mediastinum.
    low, high = np.percentile(film, [1, 99])
    if not between.any() or high <= low:
        return math.nan
    difference = float(film[between].mean()) - float(film[mask].mean())
    return difference / float(high - low)
