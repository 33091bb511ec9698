"""What holds of every result, whatever the network says."""

import numpy as np
import pytest

from infmap.core.geometry import Letterbox
from infmap.core.types import ZONES
from infmap.inference.manifest import PlattScaling, Thresholds
from infmap.inference.postprocess import (
    LEVELS,
    amount_log_odds,
    film_probability,
    first_level,
    fit_infection,
    map_amount,
    map_peak,
    postprocess,
    to_levels,
    two_largest,
)
from infmap.inference.preprocess import Preprocessing, mask_to_network, to_network
from infmap.phantom import render

SIZE = 64
SHAPES = [(64, 64), (200, 150), (1000, 250), (70, 280), (40, 33), (20, 16), (333, 512)]
LUNGS = ["both", "right", "left", "dots", "touching", "none", "all", "noise"]


def lung_map(kind: str, random: np.random.Generator) -> np.ndarray:
    plane = np.zeros((SIZE, SIZE), np.float32)
    if kind in ("both", "right"):
        plane[12:52, 8:28] = 0.9
    if kind in ("both", "left"):
        plane[12:52, 36:56] = 0.9
    if kind == "dots":
        plane[20, 20] = plane[40, 45] = 1.0
    if kind == "touching":
        plane[10:50, 8:56] = 0.8
    if kind == "all":
        plane[:] = 1.0
    if kind == "noise":
        plane = random.random((SIZE, SIZE), np.float32)
    return np.clip(plane + random.normal(0, 0.05, plane.shape), 0, 1).astype(np.float32)


def opacity_map(kind: int, random: np.random.Generator) -> np.ndarray:
    if kind == 0:
        return np.zeros((SIZE, SIZE), np.float32)
    if kind == 1:
        return random.random((SIZE, SIZE), np.float32)
    plane = np.zeros((SIZE, SIZE), np.float32)
    y, x = random.integers(0, SIZE, 2)
    height, width = random.integers(1, 30, 2)
    plane[y : y + height, x : x + width] = random.random()
    return plane


def check(found, maps, thresholds):
    """The rules, recounted from the planes as an outside check would."""
    lungs, labels = found.lungs, found.zones.labels
    assert (found.infection <= found.opacity).all()
    assert not found.infection[~lungs].any() and not found.opacity[~lungs].any()
    infected = found.infection / np.float32(LEVELS) >= np.float32(thresholds.infection)
    opaque = found.opacity / np.float32(LEVELS) >= np.float32(thresholds.opacity)
    assert np.array_equal(found.infected, infected) and np.array_equal(found.opaque, opaque)
    assert not (infected & ~opaque).any()
    assert found.detected == infected.any() == (found.probability >= thresholds.covid)
    assert 0.0 <= found.probability <= 1.0
    area = lungs.sum()
    if not area:
        assert np.isnan(found.infected_share()) and not found.detected
        return
    assert found.infected_share() == pytest.approx(infected.sum() / area, abs=1e-12)
    assert found.opaque_share() == pytest.approx(opaque.sum() / area, abs=1e-12)
    assert found.infected_share() <= found.opaque_share()
    for zones, side in (("ABC", labels * (labels <= 3)), ("DEF", labels * (labels >= 4))):
        count = (side > 0).sum()
        if count:
            mean = found.opacity[side > 0].mean() / LEVELS
            assert found.infected_share(zones) == pytest.approx(infected[side > 0].mean())
            assert found.opaque_share(zones) == pytest.approx(opaque[side > 0].mean())
            assert found.mean_opacity(zones) == pytest.approx(mean)
        else:
            assert np.isnan(found.infected_share(zones))
    weights = found.zone_areas()
    assert sum(weights.values()) == pytest.approx(1.0)
    whole = sum(weights[z] * found.infected_share(z) for z in ZONES if weights[z] > 0)
    assert whole == pytest.approx(found.infected_share(), abs=1e-9)


def test_the_rules_hold_on_random_maps_of_every_kind():
    random = np.random.default_rng(7)
    detected = 0
    for trial in range(900):
        height, width = SHAPES[trial % len(SHAPES)]
        maps = np.stack(
            [
                opacity_map(int(random.integers(3)), random),
                opacity_map(int(random.integers(3)), random),
                lung_map(LUNGS[trial % len(LUNGS)], random),
            ]
        )
        point = float(random.choice([0.001, 0.05, 0.35, 51 / 255, 0.5, 0.9, 0.999]))
        film = None if trial % 2 else float(random.choice([0.05, 0.5, 0.9]))
        opacity = float(random.choice([0.1, 0.7]))
        thresholds = Thresholds(infection=point, opacity=opacity, film=film)
        detection = PlattScaling(1.0, float(random.choice([0.0, 1.0])), float(random.normal()))
        logits = random.normal(0, 6, 3).astype(np.float32)
        fit = Letterbox(height, width, SIZE)
        found = postprocess(to_levels(maps), logits, fit, thresholds, detection)
        assert found.infection.shape == (height, width)
        check(found, maps, thresholds)
        detected += found.detected
    assert 100 < detected < 800


def test_the_rules_hold_on_phantoms_whatever_the_film_looks_like():
    """500 rendered films with their own masks as maps, blurred by way of the network's grid."""
    random = np.random.default_rng(3)
    base = [render(seed, size=96, opacities=seed % 5) for seed in range(10)]
    for trial in range(500):
        film = base[trial % len(base)]
        top, left = random.integers(0, 20, 2)
        pixels = film.pixels[top:, left : 96 - int(random.integers(0, 20))]
        plane, fit = to_network(np.ascontiguousarray(pixels), Preprocessing(size=SIZE))
        lungs, drawn = (
            mask_to_network(m[top:, left : left + pixels.shape[1]], fit).astype(np.float32)
            for m in (film.lungs, film.infection)
        )
        sure = float(random.random())
        noise = random.normal(0, 0.1, (3, SIZE, SIZE)).astype(np.float32)
        maps = np.clip(np.stack([drawn * sure, drawn * random.random(), lungs]) + noise, 0, 1)
        thresholds = Thresholds(infection=0.4, opacity=0.12)
        logits = random.normal(0, 3, 3).astype(np.float32)
        found = postprocess(to_levels(maps), logits, fit, thresholds, PlattScaling(0.8, 1.0, 0.5))
        check(found, maps, thresholds)


def test_a_film_of_the_networks_own_size_keeps_its_maps():
    maps = np.zeros((3, SIZE, SIZE), np.uint8)
    maps[2, 10:50, 5:25] = maps[2, 10:50, 35:60] = 255
    maps[0, 20:25, 10:15], maps[1, 15:30, 8:20] = 200, 150
    sure = np.array([9, 0, 0], np.float32)
    fit = Letterbox(SIZE, SIZE, SIZE)
    found = postprocess(maps, sure, fit, Thresholds(0.5, 0.4), PlattScaling(1.0, 0.0, 0.0))
    assert np.array_equal(found.infected, maps[0] > 0)
    assert np.array_equal(found.opaque, maps[1] > 0)
    assert found.infected_share("DEF") == 0.0
    assert found.zones.labels.max() == 6


def test_with_one_point_the_peak_of_the_map_is_the_films_probability():
    at = Thresholds(infection=0.5)
    probability, levels = fit_infection(0.8, 102, at)
    assert probability == 0.8 and levels[102] == 204 and levels[51] == 102 and levels[0] == 0
    probability, levels = fit_infection(0.2, 255, at)
    assert levels.max() == levels[255] == 51 and levels[30] == 30
    assert (np.diff(levels.astype(int)) >= 0).all()


def test_the_map_follows_what_is_said_of_the_film():
    at = Thresholds(infection=0.4, film=0.8)
    first = first_level(0.4)
    probability, levels = fit_infection(0.8, 51, at)  # detected, but too faint: raised as a whole
    assert probability == 0.8
    assert levels[51] == first
    assert levels[25] == round(25 * first / 51)
    probability, levels = fit_infection(0.8, 200, at)  # detected: the network's own map
    assert np.array_equal(levels, np.arange(256))
    probability, levels = fit_infection(0.79, 255, at)  # not detected: below the pixel's threshold
    assert probability == 0.79
    assert levels.max() == first - 1
    assert levels[30] == 30


@pytest.mark.parametrize("probability", [0.5, 0.4999, 0.5001, 0.499999999])
@pytest.mark.parametrize("pixel", [0.001, 0.3, 0.9, 0.9999])
def test_rounding_never_takes_a_film_across_the_operating_point(probability, pixel):
    for at in (Thresholds(infection=pixel, film=0.5), Thresholds(infection=0.5)):
        first = first_level(at.infection)
        for peak in (1, 3, 100, 127, 128, 255):
            p, levels = fit_infection(probability, peak, at)
            assert (levels[peak] >= first) == (p >= 0.5)
            assert (np.diff(levels[: peak + 1].astype(int)) >= 0).all()


def test_a_film_without_any_infected_pixel_stays_below_the_operating_point():
    probability, levels = fit_infection(0.99, 0, Thresholds(infection=0.3, film=0.6))
    assert probability < 0.6
    assert not levels[0]


def test_an_infected_pixel_is_opaque_where_the_opacity_threshold_is_higher():
    maps = np.zeros((3, SIZE, SIZE), np.uint8)
    maps[2, 10:50, 5:25] = maps[2, 10:50, 35:60] = 255
    maps[:2, 20:25, 10:15] = 120
    at = Thresholds(infection=0.4, opacity=0.7, film=0.6)
    fit, sure = Letterbox(SIZE, SIZE, SIZE), np.array([9, 0, 0], np.float32)
    found = postprocess(maps, sure, fit, at, PlattScaling(1.0, 0.0, 0.0))
    assert found.detected
    assert np.array_equal(found.opaque, maps[0] > 0)
    check(found, maps, at)
    found = postprocess(maps, -sure, fit, at, PlattScaling(1.0, 0.0, 0.0))
    assert not found.detected
    assert not found.opaque.any()


@pytest.mark.parametrize(("threshold", "level"), [(1e-9, 1), (0.2, 51), (0.35, 90), (0.9999, 255)])
def test_the_first_level_of_a_threshold(threshold, level):
    assert first_level(threshold) == level


def test_what_each_slope_weighs_raises_the_films_probability():
    detection = PlattScaling(1.0, 1.0, 0.0, amount_slope=1.0)
    sure, unsure = np.array([3, 0, 0], np.float32), np.array([0, 3, 0], np.float32)
    base = film_probability(sure, 20, 0.1, detection)
    assert film_probability(unsure, 20, 0.1, detection) < base
    assert film_probability(sure, 200, 0.1, detection) > base
    assert film_probability(sure, 20, 0.3, detection) > base
    assert 0.0 < film_probability(unsure * 1e4, 0, 0.0, detection) < 1e-20


def test_amount_is_a_generalised_mean_over_the_lungs_and_0_without_them():
    assert map_amount(np.array([0, 255, 255, 0], np.uint8)) == pytest.approx(0.5 ** (1 / 4))
    haze, region = np.full(100, 51, np.uint8), np.repeat([255, 0], [20, 80]).astype(np.uint8)
    assert haze.mean() == region.mean()
    assert map_amount(haze) == pytest.approx(0.2)
    assert map_amount(region) > 3 * map_amount(haze)
    assert map_amount(np.zeros(0, np.uint8)) == 0.0
    assert np.isfinite(amount_log_odds(np.array([0.0, 1.0]))).all()
    assert map_peak(np.zeros(0, np.uint8)) == 0


def test_only_the_two_largest_parts_are_lungs():
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:8] = mask[2:12, 12:18] = mask[18, 10] = True
    assert not two_largest(mask)[18, 10]
    assert two_largest(mask).sum() == 120
