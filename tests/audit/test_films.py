"""Tests of `infmap.audit.films`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.audit.films import choose, frontal, on_canvas

sys.path.insert(0, str(Path(__file__).parent))
from rows import row  # noqa: E402


def test_the_sample_is_even_over_sources_and_repeatable() -> None:
    rows = [row("large", n) for n in range(1000)] + [row("small", n) for n in range(30)]
    chosen = choose(rows, 100, seed=3)
    counts = {name: sum(r["source"] == name for r in chosen) for name in ("large", "small")}
    assert counts == {"large": 70, "small": 30}
    assert chosen == choose(rows, 100, seed=3) != choose(rows, 100, seed=4)


def test_lateral_films_are_left_out() -> None:
    views = ["PA", "AP Supine", None, "L", "lateral"]
    assert len(frontal([row("s", n, view=view) for n, view in enumerate(views)])) == 3


def test_a_film_keeps_its_aspect_on_the_canvas() -> None:
    canvas, extent = on_canvas(np.ones((50, 100), np.float32), 128)
    assert extent == (64, 128)
    assert canvas.sum() == 64 * 128
