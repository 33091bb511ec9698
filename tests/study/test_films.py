"""Tests of `infmap.study.films`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.study.films import COLUMNS, FilmTable, class_name, film_figures, films_file

ROWS = [
    {"film_id": "a", "source": "s", "group": "1", "class": "covid19", "set": "held_out",
     "tp": "4", "fp": "0", "fn": "0", "tn": "12", "covid_detected": "true"},
    {"film_id": "b", "source": "s", "group": "2", "class": "", "set": "external",
     "tp": "", "covid_detected": "false"},
    {"film_id": "c", "source": "t", "group": "3", "class": "normal", "set": "external"},
]  # fmt: skip


@pytest.fixture
def table() -> FilmTable:
    return FilmTable.of(ROWS)


def test_an_empty_cell_is_unknown_and_truth_values_are_numbers(table: FilmTable) -> None:
    assert len(table) == 3
    assert {*table.text, *table.values} == set(COLUMNS)
    np.testing.assert_array_equal(table.values["covid_detected"], [1.0, 0.0, math.nan])
    np.testing.assert_array_equal(table.values["tp"], [4.0, math.nan, math.nan])


def test_films_are_chosen_by_set_source_and_what_is_known(table: FilmTable) -> None:
    def names(part: FilmTable) -> list[str]:
        return [str(name) for name in part.text["film_id"]]

    assert names(table.part("external")) == ["b", "c"]
    assert names(table.part("external", "t")) == ["c"]
    assert names(table.known("tp")) == ["a"]
    assert names(table.with_class()) == ["a", "c"]
    assert table.covid.tolist() == [True, False, False]


def test_unknown_films_are_in_no_figure(table: FilmTable) -> None:
    figures = film_figures(table, draws=10)
    assert figures["infection_dice"].value == 1.0
    assert figures["infection_dice"].n == 1
    assert not any(name.startswith("share_") for name in figures)


def test_what_is_not_known_of_a_class_stays_so() -> None:
    assert class_name(0) == "covid19"
    assert class_name(-2) == "not covid19"
    assert class_name(-1) is None


def test_a_method_names_a_file_that_any_system_takes() -> None:
    assert films_file("gradcam++") == "films-gradcampp.csv"
