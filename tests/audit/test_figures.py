"""Tests of `infmap.audit.figures`."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from infmap.audit import figures, views
from infmap.audit.counts import Rate
from infmap.audit.patterns import Pattern
from infmap.audit.probes import Probe
from infmap.metrics import Estimate

pytest.importorskip("matplotlib")
AREA = Estimate(0.8, 0.7, 0.9, 100)


def a_pattern(among: str, films: int, view: str = views.WHOLE) -> Pattern:
    plane = np.linspace(-1, 1, 128 * 128, dtype=np.float32).reshape(128, 128)
    means = {"COVID-19": np.abs(plane), "other": np.zeros_like(plane)}
    return Pattern(view, among, plane, means, dict.fromkeys(means, films))


def test_averages_of_few_films_are_never_shown() -> None:
    few, many = a_pattern("a", figures.FEWEST_AVERAGED - 1), a_pattern("b", figures.FEWEST_AVERAGED)
    assert figures.pictured([few]) == []
    assert figures.pictured([few, many]) == [many]


def test_the_largest_group_of_one_source_is_shown() -> None:
    whole = a_pattern("all sources", 900)
    small, large = a_pattern("a", 100), a_pattern("b", 200)
    edge = a_pattern("b", 200, views.EDGE)
    assert figures.pictured([whole, small, large, edge]) == [large, edge]
    assert figures.pictured([whole]) == [whole]


def test_figures_are_png_and_the_same_again() -> None:
    probe = Probe(views.WHOLE, "label", "a", AREA, AREA, 0.5, {"COVID-19": 50, "other": 50})
    rate = Rate("COVID-19", AREA, AREA)
    for draw in (
        lambda: figures.areas([probe]),
        lambda: figures.patterns([a_pattern("a", 100)]),
        lambda: figures.writing([rate]),
    ):
        first = draw()
        with Image.open(io.BytesIO(first)) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 50
        assert draw() == first
