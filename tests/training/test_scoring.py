"""How far areas are from drawn ones, on maps whose errors are known by hand."""

import math

import numpy as np
import pytest

from infmap.inference.manifest import Manifest, PlattScaling
from infmap.training.calibration import Outputs
from infmap.training.dataset import INFECTION, LUNGS, OPACITY, Films
from infmap.training.scoring import area_errors, area_lines, map_errors, score, scored

SIZE = 48
ALWAYS = Manifest("m", "1", detection=PlattScaling(0.0, 0.0, 9.0))
"""Calls every film COVID-19, so that areas alone decide."""


def outputs(true, found, infected=None):
    """Films with rows of a lung that are drawn, and that are found.

    Two lungs of 32 rows of 16 pixels: a row is 1/64 of them.

    Args:
        true: rows that are drawn, infected and opaque.
        found: rows that are found.
        infected: rows found infected; those found opaque without it.
    """
    masks = np.zeros((len(true), SIZE, SIZE), np.uint8)
    maps = np.zeros((len(true), 3, SIZE, SIZE), np.uint8)
    masks[:, 8:40, 4:20] = masks[:, 8:40, 28:44] = LUNGS
    maps[:, 2] = np.where(masks & LUNGS, 255, 0)
    for i, (drawn, opaque) in enumerate(zip(true, found, strict=True)):
        masks[i, 8 : 8 + drawn, 4:20] |= INFECTION | OPACITY
        maps[i, 1, 8 : 8 + opaque, 4:20] = 255
        maps[i, 0, 8 : 8 + (infected or found)[i], 4:20] = 255
    rows = [
        {"film_id": f"a/{i}", "source": "a", "official_split": "val", "patient_id": f"p{i}"}
        for i in range(len(true))
    ]
    truth = np.ones((len(true), 3), np.uint8)
    films = Films(rows, masks, masks, truth, (np.array(true) == 0) * 2)
    return Outputs(films, maps, np.zeros((len(true), 3), np.float32))


def test_bias_and_limits_are_those_of_the_rows_that_are_too_many():
    some = outputs(true=[4, 0, 8, 10], found=[6, 4, 8, 8])
    areas = area_errors(ALWAYS, some)
    error = areas.infection.all_films
    # Differences of 2, 4, 0 and -2 rows: mean 1, standard deviation sqrt(20 / 3).
    spread = 1.96 * math.sqrt(20 / 3)
    assert error.bias == pytest.approx(1 / 64, abs=1e-4)
    assert error.lower == pytest.approx((1 - spread) / 64, abs=1e-4)
    assert error.upper == pytest.approx((1 + spread) / 64, abs=1e-4)
    assert -2 / 64 - 1e-4 <= error.low < error.bias < error.high <= 4 / 64 + 1e-4
    assert (error.films, error.within) == (4, 1.0)
    # Without the healthy film: 2, 0 and -2 rows.
    positive = areas.infection.positive
    assert (positive.bias, positive.films) == (0.0, 3)
    assert positive.upper == pytest.approx(1.96 * 2 / 64, abs=1e-4) and positive.within == 1.0
    assert areas.opacity == areas.infection
    assert areas.population == "a val, 4 films"


def test_each_map_has_errors_of_its_own_and_films_of_unknown_truth_count_for_nothing():
    some = outputs(true=[4, 6, 8, 9], found=[4, 6, 8, 30], infected=[1, 3, 5, 30])
    some.films.truth[3, :2] = 0
    some.films.truth[2, 0] = 0
    areas = area_errors(ALWAYS, some)
    assert areas.infection.all_films.bias == pytest.approx(-3 / 64, abs=1e-4)
    assert (areas.infection.all_films.films, areas.opacity.all_films.films) == (2, 3)
    assert areas.opacity.all_films.bias == areas.opacity.all_films.upper == 0.0
    assert areas.population == "a val, 3 films"


def test_each_share_is_of_its_own_lungs():
    some = outputs(true=[8, 8, 8], found=[8, 8, 8])
    some.films.masks[:, :, 28:] = 0  # of the lung that is drawn it is 8 of 32 rows
    assert area_errors(ALWAYS, some).infection.all_films.bias == pytest.approx(-8 / 64, abs=1e-4)
    some.films.truth[:, 2] = 0
    assert area_errors(ALWAYS, some) is None
    none = outputs(true=[8, 8], found=[8, 8])
    none.maps[:, 2] = 0  # no lungs were found, so there is no estimate
    assert area_errors(ALWAYS, none) is None


def test_a_film_that_is_not_detected_has_no_infected_area():
    never = Manifest("m", "1", detection=PlattScaling(0.0, 0.0, -9.0))
    areas = area_errors(never, outputs(true=[4, 8], found=[4, 8]))
    assert areas.infection.all_films.bias == pytest.approx(-6 / 64, abs=1e-4)
    assert areas.opacity.all_films.bias == 0.0


def test_films_of_one_patient_say_nothing_of_others():
    true, found = np.array([0.1, 0.2, 0.0, np.nan]), np.array([0.2, 0.2, 0.1, 0.5])
    assert map_errors(true, found, ["p", "p", "p", "q"]) is None
    # One patient of those with some, two of all: differences 0.1, 0 and 0.1.
    errors = map_errors(true, found, ["p", "p", "q", "r"])
    assert errors.positive is None
    assert (errors.all_films.bias, errors.all_films.films) == (0.0667, 3)
    # Three films of p count together: both patients' means are the ends.
    far = map_errors(np.zeros(4), np.array([0.3, 0.3, 0.3, 0.1]), ["p", "p", "p", "q"])
    assert (far.all_films.low, far.all_films.high) == (0.1, 0.3)


def test_the_share_of_films_between_the_limits_is_counted():
    found = np.zeros(100)
    found[:3] = 0.9
    error = map_errors(np.zeros(100), found, [f"p{i}" for i in range(100)]).all_films
    assert error.within == 0.97 and error.upper < 0.9


def test_a_manifest_gets_the_figures_of_its_validation_set():
    some = outputs(true=[4, 0, 8, 10], found=[6, 4, 8, 8])
    manifest, figures = scored(ALWAYS, some)
    assert manifest.metrics["validation"] == {"films": 4, **figures.to_dict()}
    assert figures == score(ALWAYS, some)
    assert figures.dice_positive == pytest.approx((8 / 10 + 1 + 16 / 18) / 3)
    assert manifest.areas == area_errors(ALWAYS, some)
    first, *_ = area_lines(manifest.areas)
    assert first.startswith("- On 4 validation films the infected fraction of the lungs was on ")
    assert area_lines(None) == []


def test_a_plain_classifier_has_no_areas():
    some = outputs(true=[4, 0], found=[0, 0])
    some.maps[:] = 0
    manifest, figures = scored(ALWAYS, some)
    assert manifest.areas is None and figures.threshold == ALWAYS.thresholds.infection
