"""Tests of `infmap.inference.likeness`."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.core.zones import brixia_zones
from infmap.inference.likeness import FARTHEST, GRID, appearance, fitted, terms, unlikeness
from infmap.inference.lung_figures import measured
from infmap.phantom import render

FIGURES = {"frontal_match": 0.8, "lung_doubt": 0.1, "lung_share": 0.25, "lung_ratio": 0.8}


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, dict[str, float]]:
    """Appearance and figures of a rendered film with its true lungs."""
    film = render(5, size=256)
    figures, looks = measured(brixia_zones(film.lungs), film.pixels, film.lungs.astype(np.float32))
    assert looks is not None
    return looks, figures


def test_the_fitted_numbers_belong_together() -> None:
    numbers = fitted()
    count, size = numbers["components"].shape
    assert size == 2 * GRID**2 == numbers["mean"].size
    assert numbers["weights"].size == 2 * count + 5
    assert (numbers["variance"] > 0).all()


def test_a_frontal_film_is_likelier_one_than_its_turns_and_negative(
    seen: tuple[np.ndarray, dict[str, float]],
) -> None:
    looks, figures = seen
    grey, lungs = looks.reshape(2, GRID, GRID)
    upright = unlikeness(looks, figures)
    for change in (lambda p: np.rot90(p), lambda p: p[::-1]):
        other = np.concatenate([change(grey).ravel(), change(lungs).ravel()])
        assert unlikeness(other, figures) > upright + 1
    negative = np.concatenate([-grey.ravel(), lungs.ravel()])
    assert unlikeness(negative, figures | {"frontal_match": -0.8}) > upright + 1


def test_one_odd_component_counts_up_to_a_limit() -> None:
    numbers = fitted()
    count = len(numbers["components"])
    far = numbers["mean"] + 1e3 * numbers["components"][0]
    found = terms(far, FIGURES, numbers)
    assert found.size == 2 * count + 5
    assert found[count : 2 * count].max() == FARTHEST


def test_brightness_and_contrast_of_a_film_do_not_count() -> None:
    rng = np.random.default_rng(0)
    film, lungs = rng.random((40, 40)), np.zeros((40, 40), bool)
    lungs[10:30, 10:30] = True
    probs = lungs.astype(np.float32)
    plain = appearance(film, probs, lungs)
    np.testing.assert_allclose(appearance(0.2 + 0.5 * film, probs, lungs), plain, atol=1e-5)
