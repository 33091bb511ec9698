"""Lines of glyphs in any direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

DIRECTIONS = np.radians(np.arange(0, 180, 7.5))
"""In which a line may run, from the columns' towards the rows'. A line of 15 letters leaves its own
height after five degrees, so that one of these holds it whole."""
_RIGHT_ANGLE = len(DIRECTIONS) // 2
_LEVEL, _UPRIGHT = 0, _RIGHT_ANGLE
# Pixels of a glyph across its line: less is a point or a dash.
_LOWEST = 6
# Heights of a line between its words, and short words looked for at each end.
_SPACE, _WORDS = 2.2, 3
# Grey levels by which what stands beside a line differs from it.
_ALIKE = 30.0
# Glyphs that a slanted line has to itself, and their share of it: else it is another line's.
_OWN, _OWN_SHARE = 3, 0.25
# Heights around a line, and the share of the glyphs there that stand in lines: letters do, and the
# grain of a sharpened or compressed film does not.
_AROUND, _ALONE = 3.0, 0.5
# Pixels between centres of glyphs of one line: two of the widest and a gap.
_REACH = 250.0


@dataclass(frozen=True)
class Rule:
    """What makes a line.

    Attributes:
        fewest: glyphs of a level or upright one; two structures are often side by side.
        slanted: glyphs of one in any other direction, in which printers seldom write.
        levels: grey levels by which ink of neighbours differs: thin strokes never reach theirs in
            full.
        alone: whether level and upright lines, too, must be most of what is around them.
    """

    fewest: int
    slanted: int
    levels: float
    alone: bool


@dataclass(frozen=True)
class Glyphs:
    """Components that look like letters; arrays of one length, in pixels of their resolution.

    Attributes:
        spans: float (N, K, 2): from where to where each reaches in each of ``DIRECTIONS``.
        levels: float (N,): grey level of the ink.
    """

    spans: NDArray[np.float64]
    levels: NDArray[np.float64]

    def along(self, direction: int) -> NDArray[np.float64]:
        """Boxes (N, 4) in a frame turned into a direction: start, top, end, bottom."""
        across = self.spans[:, (direction + _RIGHT_ANGLE) % len(DIRECTIONS)]
        if direction >= _RIGHT_ANGLE:  # the opposite of a direction that is listed
            across = -across[:, ::-1]
        u = self.spans[:, direction]
        return np.stack([u[:, 0], across[:, 0], u[:, 1], across[:, 1]], 1)


@dataclass(frozen=True)
class Line:
    """A rectangle around glyphs, in a frame turned into its direction.

    Attributes:
        direction: index of ``DIRECTIONS``.
        u0: start along it.
        v0: top across it.
        u1: end.
        v1: bottom.
    """

    direction: int
    u0: float
    v0: float
    u1: float
    v1: float

    def scaled(self, step: float) -> Line:
        """The same in pixels of ``step`` times the resolution."""
        ends = (step * end for end in (self.u0, self.v0, self.u1, self.v1))
        return Line(self.direction, *ends)

    @property
    def height(self) -> float:
        """Its shorter side."""
        return min(self.v1 - self.v0, self.u1 - self.u0)

    def points(self, each: float = 0.25) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Columns and rows of points all over it, corners among them, an ``each`` of its height."""
        step = each * self.height
        u = np.linspace(self.u0, self.u1, 2 + int((self.u1 - self.u0) / step))
        v = np.linspace(self.v0, self.v1, 2 + int((self.v1 - self.v0) / step))
        return _turned(np.tile(u, len(v)), np.repeat(v, len(u)), self.direction)

    def around(self) -> tuple[int, int, int, int]:
        """Upright box around it: left, top, right, bottom, whole pixels."""
        u, v = np.array([self.u0, self.u1] * 2), np.repeat([self.v0, self.v1], 2)
        # Rounded first: a right angle has cosines that are not quite zero.
        x, y = (np.round(ends, 6) for ends in _turned(u, v, self.direction))
        ends = (np.floor(x.min()), np.floor(y.min()), np.ceil(x.max()), np.ceil(y.max()))
        left, top, right, bottom = map(int, ends)
        return left, top, right, bottom


def _turned(
    u: NDArray[np.float64], v: NDArray[np.float64], direction: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns and rows of points along and across a direction."""
    cosine, sine = np.cos(DIRECTIONS[direction]), np.sin(DIRECTIONS[direction])
    return u * cosine - v * sine, u * sine + v * cosine


def tiles(line: Line) -> list[tuple[int, int, int, int]]:
    """Upright boxes along a slanted line, each of two of its heights, instead of a large one."""
    length, height = line.u1 - line.u0, line.v1 - line.v0
    edges = np.linspace(line.u0, line.u1, max(1, round(length / (2 * height))) + 1)
    return [replace(line, u0=a, u1=b).around() for a, b in zip(edges[:-1], edges[1:], strict=True)]


def lines(glyphs: Glyphs, rule: Rule, faint: Glyphs) -> list[Line]:
    """Glyphs that stand side by side; a slanted line is one that no other line holds.

    Args:
        glyphs: what may be letters.
        rule: what makes a line of them.
        faint: what belongs to a line where it stands beside one.
    """
    if len(glyphs.levels) < rule.fewest:
        return []
    pairs = _pairs(glyphs, rule)
    rows = {
        direction: list(_rows(glyphs, pairs, direction, rule))
        for direction in range(len(DIRECTIONS))
    }
    plain = [row for direction in (_LEVEL, _UPRIGHT) for row in rows.pop(direction)]
    slanted = [row for found in rows.values() for row in found]
    free = np.ones(len(glyphs.levels), bool)
    chosen = []
    # Two directions often find one line; the one that holds most of it comes first.
    for direction, mine in [*plain, *sorted(slanted, key=lambda one: -len(one[1]))]:
        if direction in (_LEVEL, _UPRIGHT) or free[mine].sum() >= max(_OWN, _OWN_SHARE * len(mine)):
            chosen.append((direction, mine))
            free[mine] = False
    found = []
    for direction, mine in chosen:
        alone = _is_alone(glyphs.along(direction), mine, free)
        if alone or (direction in (_LEVEL, _UPRIGHT) and not rule.alone):
            # In grain there is always something faint beside a line.
            found.append(_line(glyphs, direction, mine, faint if alone else glyphs))
    return found


def _is_alone(boxes: NDArray[np.float64], mine: NDArray[np.int64], free: NDArray[np.bool_]) -> bool:
    """Whether most glyphs around a line stand in lines."""
    low, high = boxes[mine, :2].min(0), boxes[mine, 2:].max(0)
    margin = _AROUND * (high - low).min()
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = ((middle >= low - margin) & (middle <= high + margin)).all(1)
    return bool(1.0 - free[near].mean() >= _ALONE)


def _pairs(glyphs: Glyphs, rule: Rule) -> NDArray[np.int64]:
    """Glyphs (M, 2) that may be neighbours in some direction."""
    level, upright = glyphs.spans[:, _LEVEL], glyphs.spans[:, _UPRIGHT]
    centres = np.stack([level.mean(1), upright.mean(1)], 1)
    size = np.maximum(np.ptp(level, 1), np.ptp(upright, 1))
    pairs = np.asarray(cKDTree(centres).query_pairs(_REACH, output_type="ndarray"), np.int64)
    a, b = pairs.T
    apart = np.hypot(*(centres[a] - centres[b]).T)
    near = apart <= (size[a] + size[b]) / 2 * np.sqrt(2) + np.maximum(size[a], size[b])
    near &= np.abs(glyphs.levels[a] - glyphs.levels[b]) <= rule.levels
    return np.asarray(pairs[near])


def _rows(
    glyphs: Glyphs, pairs: NDArray[np.int64], direction: int, rule: Rule
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Glyphs of lines in one direction, with the direction."""
    boxes = glyphs.along(direction)
    x0, y0, x1, y1 = boxes.T
    height = y1 - y0
    a, b = pairs.T
    larger, smaller = np.maximum(height[a], height[b]), np.minimum(height[a], height[b])
    overlap = np.minimum(y1[a], y1[b]) - np.maximum(y0[a], y0[b])
    gap = np.maximum(x0[a], x0[b]) - np.minimum(x1[a], x1[b])
    near = (overlap >= 0.5 * smaller) & (gap <= 1.0 * larger) & (gap >= -0.3 * larger)
    near &= (larger <= 2.2 * smaller) & (smaller >= _LOWEST)
    fewest = rule.fewest if direction in (_LEVEL, _UPRIGHT) else rule.slanted
    for group in _groups(len(boxes), a[near], b[near]):
        if len(group) < fewest:
            continue
        mine = boxes[group]
        tallest = (mine[:, 3] - mine[:, 1]).max()
        # Letters share a line; structures of the body wander off it.
        if mine[:, 3].max() - mine[:, 1].min() <= 1.8 * tallest:
            yield direction, group


def _line(glyphs: Glyphs, direction: int, mine: NDArray[np.int64], faint: Glyphs) -> Line:
    """Around some glyphs, and what stands beside them, plain or faint."""
    boxes = glyphs.along(direction)
    line = np.array([*boxes[mine, :2].min(0), *boxes[mine, 2:].max(0)])
    levels = np.concatenate([glyphs.levels, faint.levels])
    alike = np.abs(levels - np.median(glyphs.levels[mine])) <= _ALIKE
    rest = np.concatenate([boxes, faint.along(direction)])[alike]
    return Line(direction, *map(float, _whole(line, rest)))


def _whole(line: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line with what stands beside it: a word of one or two letters, a point, a dash."""
    x0, y0, x1, y1 = rest.T
    low = y1 - y0 <= 1.4 * (line[3] - line[1])
    for _ in range(_WORDS):
        height = line[3] - line[1]
        inside = np.minimum(y1, line[3]) - np.maximum(y0, line[1]) >= 0.5 * (y1 - y0)
        beside = (x0 - line[2] <= _SPACE * height) & (line[0] - x1 <= _SPACE * height)
        mine = low & inside & beside & ((x0 < line[0]) | (x1 > line[2]))
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
