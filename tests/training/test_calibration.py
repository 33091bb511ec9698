"""Operating points and calibrations from outputs whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from infmap.inference.manifest import Manifest, PlattScaling, Thresholds
from infmap.inference.postprocess import class_log_odds, first_level
from infmap.training.calibration import (
    CANDIDATES,
    FALSE_OPACITY,
    FOUND_OPACITY,
    Outputs,
    calibrate,
    card_lines,
    choose_infection,
    choose_opacity,
    dice_by_level,
    fit_detection,
    lung_shares,
    population,
    specific_point,
)
from infmap.training.dataset import INFECTION, LUNGS, OPACITY, Films
from infmap.training.scoring import score

SIZE = 48


def outputs(count=120, seed=0, opacity=0.3, infection=0.7, haze=0.05):
    """A third each of COVID-19, other pneumonia and normal, with a network that is mostly right."""
    random = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    masks = np.zeros((count, SIZE, SIZE), np.uint8)
    maps = np.zeros((count, 3, SIZE, SIZE), np.uint8)
    masks[:, 8:40, 4:20] = masks[:, 8:40, 28:44] = LUNGS
    maps[:, 2] = np.where(masks & LUNGS, 250, 3)
    for i in range(count):
        noise = random.random((2, SIZE, SIZE)) * haze
        if classes[i] < 2:
            rows = slice(20, 20 + int(random.integers(6, 18)))
            masks[i, rows, 4:20] |= OPACITY | (INFECTION if classes[i] == 0 else 0)
            noise[1] += opacity * ((masks[i] & OPACITY) > 0)
            noise[0] += infection * ((masks[i] & INFECTION) > 0)
        maps[i, :2] = np.round(np.clip(noise, 0, 1) * 255)
    odds = np.where(classes == 0, 3.0, -3.0) + random.normal(0, 1.5, count)
    logits = np.stack([odds, np.zeros(count), np.full(count, -99.0)], 1).astype(np.float32)
    rows = [
        {
            "film_id": f"f{i}",
            "source": "a" if i % 2 else "b",
            "official_split": "val",
            "patient_id": f"p{i // 2}",
            "duplicate_group": f"c{i}",
        }
        for i in range(count)
    ]
    films = Films(rows, masks, masks, np.ones((count, 3), np.uint8), classes.astype(np.int64))
    return Outputs(films, maps, logits)


def test_the_films_probability_is_calibrated_on_the_amount_of_infection_alone():
    some = outputs(600)
    some.films.classes[:3] = -1
    scaling = fit_detection(some, Thresholds(), "here")
    assert scaling.population == "here"
    assert scaling.amount_slope > 0.0
    assert scaling.class_slope == scaling.peak_slope == 0.0
    found = [f.probability for f in some.findings(Thresholds(), scaling)]
    known = some.films.classes >= 0
    truth = some.films.classes[known] == 0
    assert np.mean(np.array(found)[known]) == pytest.approx(truth.mean(), abs=0.02)
    assert fit_detection(some.part(some.films.classes == 0), Thresholds()) is None


def test_a_network_without_maps_is_calibrated_on_its_class():
    some = outputs(300)
    some.maps[:] = 0
    scaling = fit_detection(some, Thresholds())
    assert scaling.class_slope > 0.0
    assert scaling.amount_slope == scaling.peak_slope == 0.0


def test_the_operating_point_is_specific_before_it_is_exact():
    some = outputs()
    scaling = PlattScaling(1.0, 0.0, 0.0)
    at = choose_infection(some, Thresholds(), scaling)
    odds = class_log_odds(some.logits)[some.films.classes > 0]
    peak = np.array([f.probability for f in some.findings(Thresholds(), scaling)])
    assert at.infection in CANDIDATES
    assert at.covid in CANDIDATES
    assert (peak[some.films.classes > 0] >= at.covid).mean() <= 0.01
    assert (1 / (1 + np.exp(-odds)) >= 0.05).mean() > 0.01  # a lower one would not have been
    some.films.truth[:, 0] = 0
    assert choose_infection(some, Thresholds(), scaling) is None


def test_one_in_a_hundred_is_called_at_the_specific_point():
    covid19 = np.repeat([1, 0], [100, 500])
    probability = np.concatenate([np.ones(100), np.linspace(0, 1, 500)])
    assert specific_point(probability, covid19) == CANDIDATES[-1]
    assert specific_point(probability * 0.5, covid19) == 0.5
    assert specific_point(probability[:100], covid19[:100]) == CANDIDATES[0]


def test_film_and_pixel_have_points_of_their_own():
    some = outputs(400)
    at = choose_infection(some, Thresholds(), PlattScaling(1.0, 0.0, 0.0))
    covid = some.films.classes == 0
    truth = (some.films.masks & 1) > 0
    best, drawn = at.infection, []
    for point in (best, 0.95):
        found = list(
            some.part(covid).findings(replace(at, infection=point), PlattScaling(1.0, 0.0, 0.0))
        )
        drawn.append(
            np.mean(
                [
                    dice_by_level(f.infection, t)[first_level(point)]
                    for f, t in zip(found, truth[covid], strict=True)
                ]
            )
        )
    assert drawn[0] >= drawn[1]
    assert at.covid != at.infection


def test_the_opacity_threshold_follows_the_network():
    scaling = PlattScaling(1.0, 1.0, 0.0)
    for level in (0.2, 0.4):
        some = outputs(opacity=level)
        chosen, where = choose_opacity(some, Thresholds(infection=0.6, opacity=0.5), scaling)
        assert 0.05 <= chosen <= level + 0.05
        assert "opacities: a val, 40 films; b val, 40 films" in where
    some.films.truth[:, 1] = 0
    assert choose_opacity(some, Thresholds(), scaling) is None


def test_normal_films_keep_the_opacity_threshold_up():
    some = outputs(opacity=0.4, haze=0.3)
    scaling = PlattScaling(1.0, 1.0, 0.0)
    thresholds = Thresholds(infection=0.6, opacity=0.5)
    chosen, _ = choose_opacity(some, thresholds, scaling)
    normal = some.part(some.films.classes == 2)
    at = Thresholds(infection=0.6, opacity=chosen)
    wide = [f.opaque_share() >= FOUND_OPACITY for f in normal.findings(at, scaling)]
    assert np.mean(wide) <= FALSE_OPACITY
    assert chosen > 0.2


def test_everything_is_fitted_at_once_named_and_the_same_again():
    some = outputs(240)
    shares = lung_shares(some, Thresholds(), PlattScaling())
    extents = {
        row["film_id"]: float(np.clip(8 * s.mean() * 3, 0, 8))
        for row, s in zip(some.films.rows, shares, strict=True)
        if row["film_id"][-1] in "135"
    }
    validation = np.arange(240) % 4 > 0
    manifest = calibrate(Manifest("m", "1"), some, validation, extents)
    assert calibrate(manifest, some, validation, extents) == manifest
    assert manifest.severity.films == len(extents)
    assert manifest.severity.coverage > 0.7
    assert manifest.detection.population == "a val, 120 films; b val, 60 films"
    assert manifest.thresholds.infection_chosen_on == manifest.detection.population
    assert "healthy: a val, 40 films" in manifest.severity.population
    assert manifest.operating.population == "a val, 120 films; b val, 120 films"
    assert {s.source for s in manifest.operating.rule_out.sources} == {"a", "b"}
    assert any("Rule-out point" in line for line in card_lines(manifest))
    figures = score(manifest, some)
    assert figures.dice_positive > 0.9 and figures.auroc > 0.95
    assert figures.threshold == manifest.thresholds.infection


def test_what_cannot_be_fitted_stays_as_it_is():
    some = outputs(9)
    some.films.truth[:] = 0
    some.films.classes[:] = -1
    manifest = Manifest("m", "1")
    assert calibrate(manifest, some, np.ones(9, bool), {}) == manifest
    none = some.part(np.zeros(9, bool))
    assert calibrate(manifest, none, np.zeros(0, bool), {}) == manifest


def test_dice_at_every_level():
    levels = np.array([[0, 10], [10, 200]], np.uint8)
    truth = np.array([[False, True], [False, True]])
    dice = dice_by_level(levels, truth)
    assert dice[10] == pytest.approx(2 * 2 / (3 + 2))
    assert dice[11] == dice[200] == pytest.approx(2 * 1 / (1 + 2))
    assert dice[201] == 0.0
    assert dice_by_level(levels, np.zeros_like(truth))[201] == 1.0


def test_a_population_names_sources_parts_and_numbers():
    rows = [{"source": "b"}, {"source": "a", "official_split": "val"}, {"source": "b"}]
    assert population(rows) == "a val, 1 films; b, 2 films"
    assert population([]) == "no film"


def test_a_plain_classifier_is_scored_by_its_class_and_has_no_operating_points():
    found = outputs()
    found.maps[:] = 0
    manifest = calibrate(Manifest("m", "1"), found, np.ones(len(found), bool), {})
    assert manifest.detection.class_slope > 0.0 == manifest.detection.amount_slope
    assert manifest.operating is None and manifest.thresholds == Thresholds()
    figures = score(manifest, found)
    assert figures.auroc > 0.95 and figures.sensitivity_99 > 0.5
