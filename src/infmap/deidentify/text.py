"""Where text is burned into a film: candidate boxes, found by form and not by reading.

Text is thin, sharp, of one grey level, and stands in lines. Top-hats keep what is thin, components
of it that are sharp and even are glyphs, and glyphs side by side are a line. The strokes of small
and of large letters differ too much for one kernel, so it looks at two resolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from infmap.deidentify.boxes import Box

Plane = NDArray[np.uint8]

# Pixels of a top-hat's side: strokes up to 10 pixels wide, those of letters up to some 90 high.
_KERNEL = 11
# Film pixels a pixel of the coarse look: letters of 30 to some 250 pixels.
_COARSE = 3
# Grey levels of 255 by which ink stands out: a tenth of the range is hard to read for people, too.
_CONTRAST = 26
# Pixels of a glyph's height: an 18 pixel font has small letters of 9.
_LOWEST, _HIGHEST = 6, 100
# Glyphs of a line: names and numbers have more, and two structures are often side by side.
_FEWEST = 3
# Grey levels by which the ink of one line differs: thin strokes never reach it in full.
_LEVELS = 30
# Heights of a line between its words, and short words looked for at each end.
_SPACE, _WORDS = 2.2, 3
_MOST_GLYPHS = 20_000
"""Beyond so many the film is noise; the strongest are kept."""


@dataclass(frozen=True)
class _Glyphs:
    """Components that look like letters; arrays of one length, in pixels of their resolution.

    Attributes:
        boxes: int (N, 4): left, top, right, bottom; right and bottom excluded.
        levels: float (N,): grey level of the ink.
    """

    boxes: NDArray[np.int64]
    levels: NDArray[np.float64]


def locate(plane: Plane) -> list[Box]:
    """Find text in a film.

    Args:
        plane: uint8 (H, W), (row, column), the film's whole range on 0 to 255.

    Returns:
        Boxes in film pixels with a margin around the letters, those that touch as one.
    """
    coarse = cv2.resize(plane, None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
    found: list[list[int]] = []
    for look, step in ((plane, 1), (coarse, _COARSE)):
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):  # bright text, and dark
            lines = _lines(_glyphs(look, kind))
            found += [[int(edge) * step for edge in line] for line in lines]
    return _merged(found, plane.shape)


def _glyphs(plane: Plane, kind: int) -> _Glyphs:
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (_KERNEL, _KERNEL))
    hat = cv2.morphologyEx(plane, kind, square)
    ink = (hat >= _CONTRAST).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, width, height, area = stats.T.astype(np.int64)
    tall = np.maximum(width, height)
    fits = (tall >= _LOWEST) & (height <= _HIGHEST) & (width <= _HIGHEST) & (area >= _LOWEST)
    fits &= np.minimum(width, height) >= 1
    fits[0] = False  # what is not ink
    index = np.flatnonzero(fits)
    if len(index) > _MOST_GLYPHS:
        index = index[np.argsort(-area[index])[:_MOST_GLYPHS]]
    boxes, levels = [], []
    for i in index:
        x, y, w, h = left[i], top[i], width[i], height[i]
        mine = labels[y : y + h, x : x + w] == i
        values = hat[y : y + h, x : x + w][mine]
        strong = np.percentile(values, 90)
        # Sharp: most of the ink is near its full strength. Blurred structures fade out.
        if (values >= 0.6 * strong).mean() < 0.5:
            continue
        core = plane[y : y + h, x : x + w][mine][values >= 0.75 * strong]
        boxes.append((x, y, x + w, y + h))
        levels.append(float(np.median(core)))
    return _Glyphs(np.array(boxes, np.int64).reshape(-1, 4), np.array(levels))


def _lines(glyphs: _Glyphs) -> list[NDArray[np.int64]]:
    """Boxes of glyphs that stand side by side, or above each other where text is turned."""
    upright = _rows(glyphs)
    turned = _rows(_Glyphs(glyphs.boxes[:, [1, 0, 3, 2]], glyphs.levels))
    return upright + [line[[1, 0, 3, 2]] for line in turned]


def _rows(glyphs: _Glyphs) -> list[NDArray[np.int64]]:
    boxes, levels = glyphs.boxes, glyphs.levels
    if len(boxes) < _FEWEST:
        return []
    x0, y0, x1, y1 = boxes.T
    height = y1 - y0
    centres = np.stack([(x0 + x1) / 2, (y0 + y1) / 2], 1)
    pairs = cKDTree(centres).query_pairs(2.5 * _HIGHEST, output_type="ndarray")
    if len(pairs) == 0:
        return []
    a, b = pairs.T
    larger, smaller = np.maximum(height[a], height[b]), np.minimum(height[a], height[b])
    overlap = np.minimum(y1[a], y1[b]) - np.maximum(y0[a], y0[b])
    gap = np.maximum(x0[a], x0[b]) - np.minimum(x1[a], x1[b])
    near = (overlap >= 0.5 * smaller) & (gap <= 1.0 * larger) & (gap >= -0.3 * larger)
    near &= (larger <= 2.2 * smaller) & (np.abs(levels[a] - levels[b]) <= _LEVELS)
    near &= smaller >= _LOWEST
    found, level, loose = [], [], np.ones(len(boxes), bool)
    for group in _groups(len(boxes), a[near], b[near]):
        if len(group) < _FEWEST:
            continue
        mine = boxes[group]
        line = np.array([*mine[:, :2].min(0), *mine[:, 2:].max(0)])
        tallest = (mine[:, 3] - mine[:, 1]).max()
        # Letters share a line; structures of the body wander off it.
        if line[3] - line[1] <= 1.8 * tallest:
            found.append(line)
            level.append(float(np.median(levels[group])))
            loose[group] = False
    rest = _Glyphs(boxes[loose], levels[loose])
    return [_whole(line, ink, rest) for line, ink in zip(found, level, strict=True)]


def _whole(line: NDArray[np.int64], level: float, rest: _Glyphs) -> NDArray[np.int64]:
    """A line with what stands beside it: a word of one or two letters, a point, a dash."""
    x0, y0, x1, y1 = rest.boxes.T
    alike = (np.abs(rest.levels - level) <= _LEVELS) & (y1 - y0 <= 1.4 * (line[3] - line[1]))
    for _ in range(_WORDS):
        height = line[3] - line[1]
        inside = np.minimum(y1, line[3]) - np.maximum(y0, line[1]) >= 0.5 * (y1 - y0)
        beside = (x0 - line[2] <= _SPACE * height) & (line[0] - x1 <= _SPACE * height)
        mine = alike & inside & beside
        mine &= (x0 < line[0]) | (x1 > line[2])
        if not mine.any():
            break
        line = line.copy()
        line[0], line[2] = min(line[0], x0[mine].min()), max(line[2], x1[mine].max())
    return line


def _groups(count: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    graph = coo_matrix((np.ones(len(a), bool), (a, b)), (count, count))
    number, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _merged(found: list[list[int]], shape: tuple[int, ...]) -> list[Box]:
    """Boxes with their margins; those that touch become one."""
    grown = []
    for x0, y0, x1, y1 in found:
        margin = max(4, round(0.35 * min(x1 - x0, y1 - y0)))
        grown.append([x0 - margin, y0 - margin, x1 + margin, y1 + margin])
    grown = _joined(grown)
    height, width = shape
    boxes = []
    for x0, y0, x1, y1 in grown:
        x, y = max(0, x0), max(0, y0)
        boxes.append(Box(x, y, min(width, x1) - x, min(height, y1) - y))
    return sorted(boxes, key=lambda box: (box.y, box.x))


def _joined(boxes: list[list[int]]) -> list[list[int]]:
    """Boxes (left, top, right, bottom) of which none touches another."""
    while True:
        kept: list[list[int]] = []
        for box in boxes:
            other = next((one for one in kept if _touch(box, one)), None)
            if other is None:
                kept.append(box)
            else:
                other[:] = [*map(min, other[:2], box[:2]), *map(max, other[2:], box[2:])]
        if len(kept) == len(boxes):
            return kept
        boxes = kept


def _touch(one: list[int], other: list[int]) -> bool:
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]
