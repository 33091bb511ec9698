import json
import math

import numpy as np
import pytest

from infmap.metrics import Bootstrap, compare_segmentation
from infmap.metrics.localization import MapSet, Truth, best_threshold, localize


def square(size, *places):
    plane = np.zeros((size, size), bool)
    for place in places:
        plane[place] = True
    return plane


def truth_of(*masks, patients=None, lungs=None):
    names = np.arange(len(masks)) if patients is None else np.array(patients)
    return Truth(np.stack(masks), names, lungs)


def maps_of(*planes):
    return MapSet("map", np.stack(planes).astype(np.float32))


def score(maps, truth, threshold=0.5, **named):
    return localize(maps, truth, threshold, threshold_from="the same films", **named)


def test_counts_worked_out_by_hand():
    truth = truth_of(square(4, np.s_[0, :4]), square(4))  # 4 pixels, and none
    found = maps_of(square(4, np.s_[0:2, 0:2]), square(4, np.s_[3, 0:2]))  # 2 hits, 2 + 2 wrong
    result = score(maps=found, truth=truth)
    assert result.films == 2 and result.films_with_infection == 1
    assert result.pooled.f1.value == pytest.approx(2 * 2 / (2 * 2 + 4 + 2))
    assert result.pooled.iou.value == pytest.approx(2 / 8)
    assert result.pooled.sensitivity.value == pytest.approx(1 / 2)
    assert result.pooled.precision.value == pytest.approx(2 / 6)
    assert result.with_infection.f1.value == pytest.approx(1 / 2)
    assert result.with_infection.iou.value == pytest.approx(1 / 3)
    assert result.with_infection.f1.films == 1
    assert result.every_film.f1.value == pytest.approx(1 / 4)
    assert result.every_film.sensitivity.films == 1


def test_a_threshold_counts_pixels_at_it():
    truth = truth_of(square(4, np.s_[0, 0]))
    plane = np.zeros((4, 4))
    plane[0, 0] = 0.3
    assert score(maps_of(plane), truth, 0.3).pooled.f1.value == 1.0


def test_a_clean_healthy_film_counts_as_right_in_every_film_alone():
    truth = truth_of(square(4, np.s_[0, 0]), square(4))
    result = score(maps_of(square(4), square(4)), truth)
    assert result.every_film.f1.value == 0.5
    assert result.with_infection.f1.value == 0.0
    assert math.isnan(result.pooled.precision.value)


def test_the_best_threshold_is_found_and_films_without_infection_count():
    mask = square(4, np.s_[0, :2])
    plane = np.where(mask, 0.8, 0.1)
    assert best_threshold(maps_of(plane), truth_of(mask)) == pytest.approx(0.11)
    noisy = np.full((4, 4), 0.6)
    both = maps_of(plane, noisy), truth_of(mask, square(4))
    assert best_threshold(*both) == pytest.approx(0.61)


def test_the_best_threshold_agrees_with_trying_each():
    rng = np.random.default_rng(0)
    masks = rng.random((3, 16, 16)) > 0.7
    values = np.clip(masks * 0.3 + rng.random(masks.shape) * 0.7, 0, 1)
    maps, truth = maps_of(*values), truth_of(*masks)
    scores = [score(maps, truth, t / 100, draws=2).pooled.f1.value for t in range(1, 100)]
    assert best_threshold(maps, truth) == pytest.approx((1 + int(np.argmax(scores))) / 100)


def test_no_threshold_without_infection():
    with pytest.raises(ValueError, match="film with infection"):
        best_threshold(maps_of(square(4)), truth_of(square(4)))


def test_energy_is_the_share_of_the_sum():
    plane = np.zeros((4, 4))
    plane[0] = 0.2, 0.4, 0.2, 0.0
    lungs = np.stack([square(4, np.s_[0, :2])] * 2)
    truth = truth_of(square(4, np.s_[0, 1]), square(4), lungs=lungs)
    result = score(maps_of(plane, plane), truth)
    assert result.energy_in_infection.value == pytest.approx(0.5)
    assert result.energy_in_infection.films == 1
    assert result.energy_in_lungs.value == pytest.approx(0.75)
    assert result.energy_in_lungs.films == 2


def test_a_blank_map_has_no_energy_in_the_infection_and_is_left_out_of_the_lungs():
    lungs = square(4, np.s_[:, :2])[None]
    result = score(maps_of(square(4)), truth_of(square(4, np.s_[0, 0]), lungs=lungs))
    assert result.energy_in_infection.value == 0.0
    assert math.isnan(result.energy_in_lungs.value) and result.energy_in_lungs.films == 0


@pytest.mark.parametrize(
    ("peak", "tolerance", "hit"),
    [((10, 10), 0, 1), ((13, 10), 3, 1), ((13, 10), 2.9, 0), ((13, 14), 5, 1), ((13, 14), 4.9, 0)],
)
def test_pointing_forgives_up_to_the_tolerance(peak, tolerance, hit):
    truth = truth_of(square(32, np.s_[10, 10]), square(32))
    maps = maps_of(square(32, peak), square(32, (0, 0)))
    result = score(maps, truth, tolerance=tolerance)
    assert result.pointing.value == hit and result.pointing.films == 1


def test_equally_strong_pixels_point_in_proportion():
    truth = truth_of(square(32, np.s_[:8, :]))
    assert score(maps_of(square(32)), truth, tolerance=0).pointing.value == pytest.approx(0.25)


def test_without_lungs_their_energy_is_unknown():
    assert score(maps_of(square(4)), truth_of(square(4, np.s_[0, 0]))).energy_in_lungs is None


def films(rng, strength):
    masks = np.zeros((12, 16, 16), bool)
    masks[:6, 4:9, 4:9] = True
    noise = rng.random(masks.shape)
    return maps_of(*np.clip(strength * masks + (1 - strength) * noise, 0, 1)), masks


def test_the_better_map_wins_with_an_interval_above_zero():
    rng = np.random.default_rng(1)
    good, masks = films(rng, 0.9)
    poor, _ = films(rng, 0.2)
    truth = truth_of(*masks, patients=np.arange(12))
    results = [score(maps, truth, best_threshold(maps, truth)) for maps in (good, poor)]
    good_counts, poor_counts = (result.counts for result in results)
    found = compare_segmentation(good_counts, poor_counts, Bootstrap(truth.patients))["f1"]
    expected = results[0].pooled.f1.value - results[1].pooled.f1.value
    assert found.value == pytest.approx(expected)
    assert 0 < found.low <= found.value <= found.high


def test_one_patient_gives_no_interval():
    masks = square(4, np.s_[0, 0]), square(4, np.s_[1, 1])
    truth = truth_of(*masks, patients=["a", "a"])
    result = score(maps_of(*masks), truth)
    assert result.pooled.f1.value == 1.0 and math.isnan(result.pooled.f1.low)


def test_to_dict_is_json_without_nan():
    result = score(maps_of(square(4)), truth_of(square(4, np.s_[0, 0])))
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert values["pooled"]["precision"]["value"] is None
    assert values["threshold_from"] == "the same films" and "counts" not in values


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        MapSet("map", np.full((1, 4, 4), 1.5, np.float32))
    with pytest.raises(ValueError, match="float32"):
        MapSet("map", np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="bool"):
        Truth(np.zeros((1, 4, 4)), np.arange(1))
    with pytest.raises(ValueError, match="patients"):
        Truth(np.zeros((2, 4, 4), bool), np.arange(1))
    with pytest.raises(ValueError, match="lungs"):
        Truth(np.zeros((1, 4, 4), bool), np.arange(1), np.zeros((1, 4, 5), bool))
    with pytest.raises(ValueError, match="shape"):
        score(maps_of(square(4)), truth_of(square(5)))
    with pytest.raises(ValueError, match="tolerance"):
        score(maps_of(square(4)), truth_of(square(4)), tolerance=-1)
