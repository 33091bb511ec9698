from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.annotation.network_figures import (
    Choice,
    NetworkFigures,
    Timing,
    edit_distance,
    network_figures,
    time_figures,
)

MASK = np.array([[1, 1, 0, 0]], np.uint8)
EDITED = np.array([[1, 1, 1, 1]], np.uint8)


def choice(
    film: int,
    picked: str | None,
    *,
    round: int = 1,
    edited: float = 0,
    overturned: bool = False,
) -> Choice:
    shown = ("a@1", "b@1")
    return Choice(f"f{film}", f"p{film}", round, shown, 3, picked, edited, overturned)


def of(rows: list[NetworkFigures], network: str, round: int | None) -> NetworkFigures:
    (found,) = [row for row in rows if (row.network, row.round) == (network, round)]
    return found


def test_the_win_rate_counts_every_film_that_showed_the_network() -> None:
    choices = [choice(0, "a@1"), choice(1, "a@1"), choice(2, "b@1"), choice(3, None)]
    rows = network_figures(choices, draws=50)
    a, b = of(rows, "a@1", None), of(rows, "b@1", None)
    assert (a.win_rate.value, a.win_rate.n) == (0.5, 4) and b.win_rate.value == 0.25
    assert a.win_rate.low < 0.5 < a.win_rate.high
    assert a.by_chance == pytest.approx(1 / 3)


def test_edits_and_a_seniors_changes_count_against_the_network_picked() -> None:
    choices = [
        choice(0, "a@1"),
        choice(1, "a@1", edited=0.5),
        choice(2, "a@1", overturned=True),
        choice(3, "a@1"),
        choice(4, "b@1", overturned=True),
    ]
    a = of(network_figures(choices, draws=50), "a@1", None)
    assert a.as_it_is.value == 0.75
    assert a.edit_distance.value == pytest.approx(0.5 / 4)
    assert a.overturn_rate.value == 0.25 and a.overturn_rate.n == 4


def test_rounds_are_kept_apart() -> None:
    rows = network_figures([choice(0, "a@1"), choice(1, "b@1", round=2)], draws=50)
    assert of(rows, "a@1", 1).win_rate.value == 1 and of(rows, "a@1", 2).win_rate.value == 0
    assert [row.round for row in rows if row.network == "a@1"] == [None, 1, 2]


def test_a_network_that_was_never_picked_has_no_figures_of_its_picks() -> None:
    b = of(network_figures([choice(0, "a@1")], draws=50), "b@1", None)
    assert b.win_rate.value == 0
    for figure in (b.as_it_is, b.edit_distance, b.overturn_rate):
        assert math.isnan(figure.value) and figure.n == 0


def test_the_edit_distance_is_the_changed_share_of_what_either_marks() -> None:
    other = np.array([[0, 0, 2, 0]], np.uint8)
    assert edit_distance(MASK, MASK) == 0
    assert edit_distance(MASK, EDITED) == 0.5
    assert edit_distance(MASK, other) == 1
    assert edit_distance(MASK, MASK * 2) == 1
    assert edit_distance(MASK * 0, MASK * 0) == 0


def test_time_is_the_median_of_a_readers_films_and_their_sum() -> None:
    timings = [Timing(f"p{n}", "ann", "draw", s) for n, s in enumerate((60.0, 120.0, 600.0))]
    timings.append(Timing("p9", "bob", "choose", 30.0))
    rows = {(row.reader, row.kind): row for row in time_figures(timings, draws=50)}
    assert list(rows) == [("all", "choose"), ("all", "draw"), ("ann", "draw"), ("bob", "choose")]
    assert rows["ann", "draw"].median.value == 120 and rows["ann", "draw"].minutes == 13
    assert rows["bob", "choose"].median.n == 1
