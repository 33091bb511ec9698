"""Lungs as two sides and six zones. Image left is the patient's right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import ZONES, BoolImage

# Shares, not lengths, since masks come at any size. Chosen by hand, not measured, but for the one
# that states a percentage.
SPECK = 0.02
"""Components below this share of the mask do not shape the bounding box."""

BRIDGE = 0.10
"""A component is cut where each side of the seam holds at least this share of the mask."""

APART = 0.3
"""Two components side by side are the two lungs if neither is narrower than this of the other."""

THROUGH = 0.5
"""A seam that runs inside the mask over this share of its height cuts one lung, not two."""

NARROW, NARROW_THROUGH = 0.8, 0.02
"""The same for a mask narrower than this share of its height: real pairs are wider (98 %)."""

GRID = 128
"""Longest side, in samples, of the grid on which the seam is searched."""


@dataclass(frozen=True, eq=False)
class LungZones:
    """The six zones of the Brixia score (Borghesi and Maroldi 2020).

    The score draws its borders at the lower wall of the aortic arch and at the lower wall of
    the right inferior pulmonary vein. Neither is in a lung mask, so the borders here are thirds
    of each lung's own height, apex to base.

    Attributes:
        labels: uint8 (H, W), (row, column), in the mask's grid: 0 outside the lungs, 1 to 6 for
            A to F. A, B, C: patient's right lung, apex to base; D, E, F: patient's left lung.

    Raises:
        ValueError: labels are not a uint8 plane of values 0 to 6.
    """

    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        z = self.labels
        if z.ndim != 2 or z.dtype != np.uint8:
            raise ValueError(f"expected a uint8 (H, W) plane, got {z.dtype} {z.shape}")
        if z.size and int(z.max()) > len(ZONES):
            raise ValueError(f"expected zone labels 0 to {len(ZONES)}, got {int(z.max())}")

    def plane(self, zone: str) -> BoolImage:
        """Bool (H, W) plane of one zone, "A" to "F"."""
        if zone not in ZONES:
            raise ValueError(f"expected a zone of {', '.join(ZONES)}, got {zone!r}")
        return np.asarray(self.labels == ZONES.index(zone) + 1)

    @property
    def right(self) -> BoolImage:
        """Bool (H, W): the patient's right lung."""
        return np.asarray((self.labels >= 1) & (self.labels <= 3))

    @property
    def left(self) -> BoolImage:
        """Bool (H, W): the patient's left lung."""
        return np.asarray(self.labels >= 4)

    def shares(self, mask: BoolImage) -> dict[str, float]:
        """Covered share of every zone, [0, 1]; NaN where a zone is empty.

        Args:
            mask: bool (H, W) in the same grid as the labels.

        Raises:
            ValueError: the shapes differ.
        """
        _same_shape(mask, self.labels)
        count = len(ZONES) + 1
        area = np.bincount(self.labels.ravel(), minlength=count)
        hit = np.bincount(self.labels[mask], minlength=count)
        return {
            zone: float(hit[i] / area[i]) if area[i] else float("nan")
            for i, zone in enumerate(ZONES, start=1)
        }


def share(mask: BoolImage, region: BoolImage) -> float:
    """Share of a region that a mask covers, [0, 1]; NaN on an empty region.

    Args:
        mask: bool (H, W).
        region: bool (H, W), the same grid.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(mask, region)
    area = int(np.count_nonzero(region))
    return int(np.count_nonzero(mask & region)) / area if area else float("nan")


def components(mask: BoolImage) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Connected components (4-neighbours), by runs of rows.

    Args:
        mask: bool (H, W).

    Returns:
        int32 (H, W) labels, 0 outside and 1 to K inside, in order of first pixel; and int64 (K,)
        areas in pixels.
    """
    height, width = _plane(mask).shape
    # One column more than the mask, always empty, so that a run never continues on the next row.
    pitch = width + 1
    flat = np.zeros(height * pitch + 1, dtype=np.int8)
    flat[1:].reshape(height, pitch)[:, :width] = mask
    step = np.diff(np.append(flat, np.int8(0)))
    starts, ends = np.flatnonzero(step == 1), np.flatnonzero(step == -1)
    # Runs of the row above overlap a run where they begin before its end and end after its start.
    first = np.searchsorted(ends, starts + pitch, side="right")
    stop = np.searchsorted(starts, ends + pitch, side="left")
    count = np.maximum(stop - first, 0)
    above = np.repeat(np.arange(len(starts)), count)
    offset = np.arange(len(above)) - np.repeat(np.cumsum(count) - count, count)
    root = _roots(len(starts), above, np.repeat(first, count) + offset)
    label = np.unique(root, return_inverse=True)[1].reshape(-1).astype(np.int32) + 1
    paint = np.zeros(height * pitch + 1, dtype=np.int32)
    paint[starts] = label
    np.subtract.at(paint, ends, label)
    planes = np.cumsum(paint[:-1], dtype=np.int32).reshape(height, pitch)[:, :width]
    areas = np.bincount(label - 1, weights=ends - starts).astype(np.int64)
    return np.ascontiguousarray(planes), areas


def _sides(lungs: BoolImage) -> tuple[BoolImage, BoolImage, bool]:
    """Tell the patient's right lung (image left) from the left.

    A seam from top to bottom that crosses as little lung as possible parts the two. Each
    component goes whole to the side that holds most of it, except one that bridges both: that is
    cut at the seam. A mask that no seam can part is one lung, on the side of its centre.

    Args:
        lungs: bool (H, W), upright frontal film; may be empty, touch, or lack one lung.

    Returns:
        (right, left), bool (H, W) each: disjoint, and together the input; and whether each side is
        at most one component.
    """
    if not _plane(lungs).any():
        return np.zeros_like(lungs), np.zeros_like(lungs), True
    labels, areas = components(lungs)
    total = float(areas.sum())
    solid = np.append(False, areas >= SPECK * total)
    if not solid.any():
        solid[1:] = True
    body = solid[labels]
    on_right = _between(labels, np.flatnonzero(solid))
    if on_right is None:
        on_right = _right_of_seam(body)
    if on_right is None:
        middle = float(np.flatnonzero(body.any(axis=0)).mean())
        on_right = np.full(lungs.shape, middle < (lungs.shape[1] - 1) / 2)
    inside = np.bincount(labels[on_right], minlength=len(areas) + 1)[1:]
    bridges = np.append(False, np.minimum(inside, areas - inside) >= BRIDGE * total)
    majority = np.append(False, 2 * inside > areas)
    # Whole components where possible: a seam through one lung would give its edge to the other
    # side.
    right = np.where(bridges[labels], on_right, majority[labels]) & lungs
    whole = not bridges.any() and max(int(majority.sum()), len(areas) - int(majority.sum())) <= 1
    return right, lungs & ~right, whole


def brixia_zones(lungs: BoolImage) -> LungZones:
    """Cut lungs into the six Brixia zones, as thirds of each lung's height.

    Args:
        lungs: bool (H, W), upright frontal film, both lungs.

    Returns:
        Zones in the same grid. Every lung pixel has a zone; zones of a missing lung are empty.
    """
    labels = np.zeros(lungs.shape, dtype=np.uint8)
    *sides, whole = _sides(lungs)
    for side, first in zip(sides, (1, 4), strict=True):
        if side.any():
            top, bottom = _rows(side) if whole else _height(side)
            rows = np.arange(lungs.shape[0])
            third = np.clip((rows - top) * 3 // (bottom - top), 0, 2).astype(np.uint8)
            labels += np.where(side, (first + third)[:, None], 0).astype(np.uint8)
    return LungZones(labels)


def _plane(mask: BoolImage) -> BoolImage:
    if mask.ndim != 2 or mask.dtype != np.bool_ or mask.size == 0:
        raise ValueError(f"expected a bool (H, W) plane, got {mask.dtype} {mask.shape}")
    return mask


def _same_shape(mask: BoolImage, other: NDArray[np.generic]) -> None:
    if mask.shape != other.shape or mask.dtype != np.bool_:
        raise ValueError(f"expected a bool plane of {other.shape}, got {mask.dtype} {mask.shape}")


def _roots(
    size: int, a: NDArray[np.signedinteger], b: NDArray[np.signedinteger]
) -> NDArray[np.int64]:
    """Union-find over edges, without a Python loop per edge: smallest index of each set."""
    root = np.arange(size, dtype=np.int64)
    while True:
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        if np.array_equal(low, high):
            return root
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]


def _height(side: BoolImage) -> tuple[int, int]:
    """First row and one past the last of a lung, specks aside."""
    labels, areas = components(side)
    # Twice SPECK: the share is of one lung here, half of the mask.
    solid = np.append(False, areas >= 2 * SPECK * areas.sum())
    body = solid[labels]
    return _rows(body if body.any() else side)


def _rows(mask: BoolImage) -> tuple[int, int]:
    """First row and one past the last of a mask that is not empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    return int(rows[0]), int(rows[-1]) + 1


def _between(labels: NDArray[np.int32], solid: NDArray[np.int64]) -> BoolImage | None:
    """Bool (H, W) left of the line between two lungs that stand apart; None where none do."""
    if solid.size != 2:
        return None
    spans = []
    for label in solid:
        columns = np.flatnonzero((labels == label).any(axis=0))
        spans.append((int(columns[0]), int(columns[-1])))
    (first, end), (start, last) = sorted(spans)
    if end >= start or end - first < APART * (last - start) or last - start < APART * (end - first):
        return None
    columns = np.arange(labels.shape[1])
    return np.broadcast_to(columns <= (end + start) // 2, labels.shape)


def _right_of_seam(body: BoolImage) -> BoolImage | None:
    """Bool (H, W) left of the seam in the image; None where the mask is one lung."""
    rows, cols = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    top, bottom, first, last = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    stride = max(1, -(-max(bottom - top, last - first) // GRID))
    small = body[top:bottom:stride, first:last:stride]
    seam, cut = _seam(small)
    narrow = last - first < NARROW * (bottom - top)
    if cut > (NARROW_THROUGH if narrow else THROUGH) * small.shape[0]:
        return None
    row_of = np.clip((np.arange(body.shape[0]) - top) // stride, 0, small.shape[0] - 1)
    column = first + seam[row_of] * stride
    right = np.asarray(np.arange(body.shape[1])[None, :] < column[:, None])
    both = np.count_nonzero(right & body), np.count_nonzero(~right & body)
    if min(both) == 0:
        return None
    return right


def _seam(mask: BoolImage) -> tuple[NDArray[np.int64], int]:
    """Cheapest top-to-bottom path in the middle half: columns (H,), and lung samples crossed."""
    height, width = mask.shape
    # The middle half: the mediastinum is never in an outer quarter of both lungs.
    low, high = width // 4, max(width - width // 4, width // 4 + 1)
    away = np.abs(np.arange(low, high) - (width - 1) / 2) / max(width, 1)
    # 0.02 a sample draws the seam to the middle where nothing else decides; crossing one sample of
    # lung costs fifty times that.
    cost = mask[:, low:high] + 0.02 * away
    best = cost.copy()
    came = np.zeros(cost.shape, dtype=np.int64)
    above = np.full(cost.shape[1] + 2, np.inf)
    for row in range(1, height):
        above[1:-1] = best[row - 1]
        # 1e-3: straight on where both ways cost the same.
        sideways = np.minimum(above[:-2], above[2:]) + 1e-3
        turn = sideways < above[1:-1]
        came[row] = np.where(turn, np.where(above[:-2] <= above[2:], -1, 1), 0)
        best[row] += np.where(turn, sideways, above[1:-1])
    seam = np.empty(height, dtype=np.int64)
    seam[-1] = int(best[-1].argmin())
    for row in range(height - 1, 0, -1):
        seam[row - 1] = seam[row] + came[row, seam[row]]
    cut = int(mask[:, low:high][np.arange(height), seam].sum())
    return seam + low, cut
