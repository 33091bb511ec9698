"""Where text is burned into a film: candidate boxes, found by form and not by reading.

Text is thin, sharp, of one grey level, and stands in lines. Top-hats keep what is thin, components
of it that are sharp and even are glyphs, and glyphs side by side are a line, in whichever direction
it runs. The strokes of small and of large letters differ too much for one kernel, so it looks at
two resolutions. Faint ink and slanted lines are what a body has, too: more glyphs of them make a
line than of plain ones.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from infmap.deidentify.boxes import Box
from infmap.deidentify.lines import DIRECTIONS, Glyphs, Line, Rule, lines, tiles

Plane = NDArray[np.uint8]

# Pixels of a top-hat's side: strokes up to 10 pixels wide, those of letters up to some 90 high.
_KERNEL = 11
# Film pixels a pixel of the coarse look: letters of 30 to some 250 pixels.
_COARSE = 3
# Pixels of a glyph's height: an 18 pixel font has small letters of 9.
_LOWEST, _HIGHEST = 6, 100
_MOST_GLYPHS = 20_000
"""Beyond so many the film is noise; the largest are kept."""


# Grey levels of 255 by which ink stands out: a tenth of the range, and what eyes still find.
_PLAIN, _FAINT = 26, 12
_PLAIN_RULE = Rule(fewest=3, slanted=5, levels=30, alone=False)
_FAINT_RULE = Rule(fewest=6, slanted=9, levels=8, alone=True)
# Pixels, sigma: takes the noise of a detector away before faint ink is looked for.
_BLUR = 1.0


def locate(plane: Plane) -> list[Box]:
    """Find text in a film.

    Args:
        plane: uint8 (H, W), (row, column), the film's whole range on 0 to 255.

    Returns:
        Boxes in film pixels with a margin around the letters, those that touch as one. A line
        that is slanted has several small ones, which may touch.
    """
    coarse = cv2.resize(plane, None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
    found: list[Line] = []
    for look, step in ((plane, 1), (coarse, _COARSE)):
        smooth = np.asarray(cv2.GaussianBlur(look, (0, 0), _BLUR), np.uint8)
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):  # bright text, and dark
            faint = _glyphs(smooth, kind, _FAINT)
            found += [line.scaled(step) for line in lines(faint, _FAINT_RULE, faint)]
            plain = _glyphs(look, kind, _PLAIN)
            found += [line.scaled(step) for line in lines(plain, _PLAIN_RULE, faint)]
    return _boxes(found, plane.shape)


def _glyphs(plane: Plane, kind: int, contrast: int) -> Glyphs:
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (_KERNEL, _KERNEL))
    hat = cv2.morphologyEx(plane, kind, square)
    ink = (hat >= contrast).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, width, height, area = stats.T.astype(np.int64)
    tall = np.maximum(width, height)
    fits = (tall >= _LOWEST) & (tall <= _HIGHEST) & (area >= _LOWEST)
    fits[0] = False  # what is not ink
    index = np.flatnonzero(fits)
    if len(index) > _MOST_GLYPHS:
        index = index[np.argsort(-area[index])[:_MOST_GLYPHS]]
    spans, levels = [], []
    for i in index:
        x, y, w, h = left[i], top[i], width[i], height[i]
        mine = labels[y : y + h, x : x + w] == i
        values = hat[y : y + h, x : x + w][mine]
        strong = np.percentile(values, 90)
        # Sharp: most of the ink is near its full strength. Blurred structures fade out.
        if (values >= 0.6 * strong).mean() < 0.5:
            continue
        core = plane[y : y + h, x : x + w][mine][values >= 0.75 * strong]
        rows, columns = np.nonzero(mine)
        spans.append(_spans(columns + (x + 0.5), rows + (y + 0.5)))
        levels.append(float(np.median(core)))
    return Glyphs(np.array(spans).reshape(-1, len(DIRECTIONS), 2), np.array(levels))


def _spans(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """From where to where pixels reach in each direction, (K, 2)."""
    along = np.outer(np.cos(DIRECTIONS), x) + np.outer(np.sin(DIRECTIONS), y)
    half = (np.abs(np.cos(DIRECTIONS)) + np.abs(np.sin(DIRECTIONS))) / 2  # of a pixel
    return np.stack([along.min(1) - half, along.max(1) + half], 1)


def _boxes(found: list[Line], shape: tuple[int, ...]) -> list[Box]:
    """Boxes with their margins; those of level and upright lines that touch become one."""
    level: list[Line] = []
    slanted: list[Line] = []
    for line in found:
        x0, y0, x1, y1 = line.around()
        # As one box where that is little more than the line itself.
        (level if min(x1 - x0, y1 - y0) <= 2 * line.height else slanted).append(line)
    grown = _joined([_grown(line, line.around()) for line in level])
    # One line is found in several looks; the longest is the whole of it.
    for line in sorted(slanted, key=lambda line: line.u0 - line.u1):
        if not _holds(grown, line):
            grown += [_grown(line, tile) for tile in tiles(line)]
    height, width = shape
    boxes = []
    for x0, y0, x1, y1 in grown:
        x, y = max(0, x0), max(0, y0)
        boxes.append(Box(x, y, min(width, x1) - x, min(height, y1) - y))
    return sorted(boxes, key=lambda box: (box.y, box.x))


def _grown(line: Line, box: tuple[int, int, int, int]) -> list[int]:
    margin = max(4, round(0.35 * line.height))
    return [box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin]


def _holds(boxes: list[list[int]], line: Line) -> bool:
    """Whether boxes hold a line, at a point every quarter of its height."""
    x, y = line.points()
    inside = np.zeros(len(x), bool)
    for x0, y0, x1, y1 in boxes:
        inside |= (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
    return bool(inside.all())


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
