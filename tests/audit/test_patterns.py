"""Tests of `infmap.audit.patterns`."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.audit.patterns import Pattern, pattern

FILMS = 40


@pytest.fixture
def found() -> Pattern:
    """A bright corner in every film of one class, and noise in the middle."""
    rng = np.random.default_rng(0)
    pictures = np.full((FILMS, 128, 128), 100, np.uint8)
    pictures[:, 60:68, 60:68] = rng.integers(0, 255, (FILMS, 8, 8))
    truth = np.array(["COVID-19", "other"] * (FILMS // 2))
    pictures[truth == "COVID-19", :4, :4] = 200
    score = np.where(truth == "COVID-19", 0.9, 0.1)
    seen = np.ones((128, 128), np.float32)
    seen[100:] = 0.4
    return pattern("whole film", "a", pictures, truth, score, seen)


def test_what_tells_the_class_correlates_and_noise_does_not(found: Pattern) -> None:
    assert found.correlation[:4, :4].min() > 0.99
    assert np.abs(found.correlation[60:68, 60:68]).mean() < 0.3
    assert found.correlation[30, 30] == 0.0


def test_pixels_that_most_films_lack_have_no_correlation(found: Pattern) -> None:
    assert np.isnan(found.correlation[100:]).all()
    assert not np.isnan(found.correlation[:100]).any()


def test_every_class_has_its_average_film(found: Pattern) -> None:
    assert found.films == {"COVID-19": 20, "other": 20}
    assert found.means["COVID-19"][0, 0] == pytest.approx(200 / 255)
    assert found.means["other"][0, 0] == pytest.approx(100 / 255)
