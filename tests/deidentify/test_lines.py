from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infmap.deidentify.lines import DIRECTIONS, Glyphs, Line, Rule, lines, tiles

RULE = Rule(fewest=3, slanted=5, levels=30, alone=False)


def row(count: int, angle: float, level: float = 200.0) -> Glyphs:
    """Discs of 12 pixels, 14 apart, along a direction: they look alike from everywhere."""
    u, v = np.arange(count) * 14.0, np.zeros(count)
    turn = np.radians(angle)
    x, y = 100 + u * np.cos(turn) - v * np.sin(turn), 300 + u * np.sin(turn) + v * np.cos(turn)
    middle = np.outer(x, np.cos(DIRECTIONS)) + np.outer(y, np.sin(DIRECTIONS))
    return Glyphs(np.stack([middle - 6, middle + 6], 2), np.full(count, level))


def of_none() -> Glyphs:
    return Glyphs(np.zeros((0, len(DIRECTIONS), 2)), np.zeros(0))


@pytest.mark.parametrize("angle", [0, 3, 11, 30, 45, 60, 90, 120, 135, 176])
def test_a_row_is_one_line_in_whichever_direction_it_runs(angle: float) -> None:
    (line,) = lines(row(9, angle), RULE, of_none())
    off = abs(np.degrees(DIRECTIONS[line.direction]) - angle)
    assert min(off, 180 - off) <= 7.5
    assert line.u1 - line.u0 == pytest.approx(8 * 14 + 12, rel=0.02)


def test_few_glyphs_make_a_level_line_and_no_slanted_one() -> None:
    assert len(lines(row(3, 0), RULE, of_none())) == 1
    assert lines(row(4, 45), RULE, of_none()) == [] != lines(row(5, 45), RULE, of_none())
    assert lines(of_none(), RULE, of_none()) == []


def test_a_line_among_many_glyphs_of_none_is_grain() -> None:
    line, rng = row(9, 45), np.random.default_rng(0)
    rows, columns = rng.uniform(250, 400, (2, 60))
    middle = np.outer(columns - 160, np.cos(DIRECTIONS)) + np.outer(rows, np.sin(DIRECTIONS))
    # Levels of their own: grain stands in no line.
    grain = Glyphs(np.stack([middle - 4, middle + 4], 2), np.arange(60) * 40.0 + 400)
    every = Glyphs(
        np.concatenate([line.spans, grain.spans]), np.concatenate([line.levels, grain.levels])
    )
    assert len(lines(line, RULE, of_none())) == 1 and lines(every, RULE, of_none()) == []
    level = Glyphs(
        np.concatenate([row(9, 0).spans, grain.spans]), np.concatenate([line.levels, grain.levels])
    )
    (line_alone,), (line_in_grain,) = (
        lines(row(9, 0), RULE, of_none()),
        lines(level, RULE, row(20, 0)),
    )
    assert line_in_grain == line_alone  # what is faint beside it may be grain
    assert lines(level, replace(RULE, alone=True), of_none()) == []


def test_faint_glyphs_beside_a_line_belong_to_it() -> None:
    every = row(8, 30)
    first = Glyphs(every.spans[:6], every.levels[:6])
    rest = Glyphs(every.spans[6:], every.levels[6:] - 20)
    other = Glyphs(rest.spans, rest.levels - 40)
    (short,), (whole,) = (lines(first, RULE, beside) for beside in (other, rest))
    assert whole.u1 - short.u1 == pytest.approx(2 * 14, abs=1)


def test_boxes_around_lines_hold_them() -> None:
    upright = DIRECTIONS.tolist().index(np.pi / 2)
    assert Line(0, 10, 20, 50, 30).around() == (10, 20, 50, 30)
    assert Line(upright, 20, -50, 30, -10).around() == (10, 20, 50, 30)
    assert Line(0, 10, 20, 50, 30).scaled(3) == Line(0, 30, 60, 150, 90)


def test_tiles_of_a_slanted_line_hold_it_and_little_else() -> None:
    slanted = DIRECTIONS.tolist().index(np.pi / 4)
    line = Line(slanted, 300, -10, 500, 10)
    boxes = tiles(line)
    x, y = line.points()
    assert x.min() == pytest.approx(290 * np.sqrt(0.5))
    assert y.max() == pytest.approx(510 * np.sqrt(0.5))
    inside = [(a <= x) & (x <= c) & (b <= y) & (y <= d) for a, b, c, d in boxes]
    assert np.any(inside, 0).all()
    left, top, right, bottom = line.around()
    small = sum((c - a) * (d - b) for a, b, c, d in boxes)
    assert len(boxes) == 5 and small < 0.5 * (right - left) * (bottom - top)
