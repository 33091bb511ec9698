"""Tests of `infmap.audit.probes`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.audit.films import BINS, SIDE, Sample
from infmap.audit.probes import FEWEST, labels, tasks
from infmap.audit.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from rows import row  # noqa: E402


def sample(*kinds: tuple[str, bool | None, int]) -> Sample:
    """Blank films: source, whether of COVID-19, and how many."""
    rows = [
        row(source, 1000 * place + n, covid19=covid19)
        for place, (source, covid19, films) in enumerate(kinds)
        for n in range(films)
    ]
    n = len(rows)
    return Sample(
        rows=rows,
        pixels=np.zeros((n, SIDE, SIDE), np.uint8),
        extent=np.full((n, 2), SIDE, np.int64),
        lungs=np.zeros((n, SIDE, SIDE), np.bool_),
        masked=np.zeros(n, np.bool_),
        histogram=np.zeros((n, BINS), np.float32),
        kinds=["PNG"] * n,
        text=[Text(0, False)] * n,
        unread=[],
    )


def alone(films: Sample) -> np.ndarray:
    return np.array([str(n) for n in range(len(films.rows))])


def test_an_unknown_class_is_neither() -> None:
    found = labels(sample(("a", True, 1), ("a", False, 1), ("a", None, 1)))
    assert found.tolist() == ["COVID-19", "other", ""]


def test_one_source_has_one_question() -> None:
    films = sample(("a", True, FEWEST), ("a", False, FEWEST))
    assert [(t.told, t.among) for t in tasks(films, alone(films))] == [("label", "a")]


def test_several_sources_are_asked_for_label_and_source() -> None:
    films = sample(("a", True, FEWEST), ("a", False, FEWEST), ("b", True, FEWEST))
    found = [(t.told, t.among) for t in tasks(films, alone(films))]
    assert found == [
        ("label", "a"),
        ("label", "all sources"),
        ("source", "all sources"),
        ("source", "COVID-19 films"),
    ]


def test_a_class_of_few_films_or_few_patients_takes_no_part() -> None:
    films = sample(("a", True, FEWEST - 1), ("a", False, FEWEST))
    assert tasks(films, alone(films)) == []
    films = sample(("a", True, FEWEST), ("a", False, FEWEST))
    groups = np.array(["one"] * FEWEST + [str(n) for n in range(FEWEST)])
    assert tasks(films, groups) == []
