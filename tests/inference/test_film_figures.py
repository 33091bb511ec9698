"""Tests of `infmap.inference.film_figures`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.inference.film_figures import FRONTAL, film_figures, frontal_match, shrink

MEAN = np.array([[int(c) / 9 for c in row] for row in FRONTAL.split()])
FILM = np.kron(MEAN, np.ones((16, 16))).astype(np.float32)


def test_the_mean_film_matches_itself_and_opposes_its_negative() -> None:
    assert frontal_match(FILM.astype(np.float64)) > 0.97
    assert frontal_match(1.0 - FILM.astype(np.float64)) < -0.97


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_film_matches_the_mean_turned_alike(quarters: int) -> None:
    turned = np.rot90(FILM.astype(np.float64), quarters)
    assert frontal_match(turned, quarters) > 0.97
    assert frontal_match(turned) < 0.6


def test_grey_levels_count_by_their_order_alone() -> None:
    film = FILM.astype(np.float64)
    assert frontal_match(film**3) == pytest.approx(frontal_match(film), abs=0.01)


def test_two_films_side_by_side_match_better_by_halves() -> None:
    assert film_figures(FILM)["halves_match"] < 0.2
    assert film_figures(np.hstack([FILM, FILM]))["halves_match"] > 0.2


def test_noise_is_rough_and_a_ramp_is_all_gradient() -> None:
    noise = np.random.default_rng(0).random((256, 256), np.float32)
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    assert abs(film_figures(noise)["smoothness"]) < 0.1
    assert film_figures(ramp)["gradient"] > 0.97
    assert film_figures(FILM)["gradient"] < 0.9


def test_levels_and_clipping_are_counted() -> None:
    film = np.full((128, 128), 0.5, np.float32)
    film[:32], film[32:64] = 0.0, 1.0
    figures = film_figures(film)
    assert figures["levels"] == 3
    assert figures["clipped_dark"] == pytest.approx(0.25)
    assert figures["clipped_bright"] == pytest.approx(0.25)


def test_a_constant_film_has_no_correlation() -> None:
    figures = film_figures(np.full((64, 64), 0.5, np.float32))
    assert math.isnan(figures["smoothness"])
    assert math.isnan(figures["gradient"])
    assert figures["tone_range"] == 0.0


def test_shrinking_takes_means_over_areas() -> None:
    plane = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_allclose(shrink(plane, 2, 2), [[2.5, 4.5], [10.5, 12.5]])
