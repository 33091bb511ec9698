from __future__ import annotations

import numpy as np
import pytest

from infmap.annotation.aided import AidedReading, Comparison, Marks, comparisons


def readings(count: int, aided: float, unaided: float) -> list[AidedReading]:
    """So many of each group, a patient each; masks with proposals lie nearer to them."""
    rng = np.random.default_rng(0)
    return [
        AidedReading(
            f"patient {2 * k + group}",
            group == 0,
            20.0 if group == 0 else 60.0,
            {
                "infection": Marks(
                    np.nan if k % 2 else 0.8,
                    float((aided, unaided)[group] + rng.normal(0, 0.02)),
                    0.1,
                )
            },
        )
        for k in range(count)
        for group in (0, 1)
    ]


def row(rows: list[Comparison], figure: str) -> Comparison:
    (found,) = [one for one in rows if one.figure == figure]
    return found


def test_each_figure_is_compared_between_the_groups() -> None:
    rows = comparisons(readings(40, 0.9, 0.7), ["infection"], draws=200)
    seconds = row(rows, "seconds")
    assert (seconds.label, seconds.aided.value, seconds.unaided.value) == ("all", 20, 60)
    assert (seconds.difference.value, seconds.difference.n) == (-40, 80)
    near = row(rows, "Dice with proposals")
    assert near.label == "infection"
    assert near.difference.value == pytest.approx(0.2, abs=0.02)
    assert 0.15 < near.difference.low < near.difference.value < near.difference.high < 0.25
    # Films without a consensus say nothing of it.
    assert row(rows, "Dice with consensus").aided.n == 20
    share = row(rows, "marked share").difference
    assert share.value == pytest.approx(0) and share.low <= 0 <= share.high


def test_no_difference_is_no_difference() -> None:
    near = row(comparisons(readings(40, 0.8, 0.8), ["infection"], draws=200), "Dice with proposals")
    assert near.difference.low < 0 < near.difference.high


def test_a_label_that_nobody_used_is_left_out() -> None:
    nothing = Marks(np.nan, np.nan, 0.0)
    read = [
        AidedReading(r.patient, r.aided, r.seconds, {**r.marks, "consolidation": nothing})
        for r in readings(5, 0.9, 0.7)
    ]
    rows = comparisons(read, ["infection", "consolidation"], draws=20)
    assert {row.label for row in rows} == {"all", "infection"}


def test_without_one_of_the_groups_there_is_nothing_to_compare() -> None:
    aided = [reading for reading in readings(5, 0.9, 0.7) if reading.aided]
    assert comparisons(aided, ["infection"]) == []
    assert comparisons([], ["infection"]) == []
