"""Tests of `infmap.training.validation`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.training.validation import score_films

sys.path.insert(0, str(Path(__file__).parent))
from small import small_films  # noqa: E402


def test_scores_of_a_perfect_network_are_perfect():
    some = small_films()
    maps = np.stack([(some.masks & bit > 0) * np.uint8(255) for bit in (1, 2, 4)], axis=1)
    score = score_films(maps, (some.classes == 0).astype(float), some)
    assert (score.pooled_f1, score.dice_all, score.auroc, score.sensitivity_99) == (1, 1, 1, 1)


def test_films_of_unknown_class_are_neither_positive_nor_negative():
    some = small_films()
    maps = np.zeros((len(some), 3, 64, 64), np.uint8)
    confidence = np.where(some.classes == 0, 0.9, 0.1)
    some.classes[1], confidence[1] = -1, 0.99  # surest of all, and unknown
    assert score_films(maps, confidence, some).auroc == 1.0


def test_lungs_that_are_empty_in_truth_and_result_agree():
    some = small_films(2)
    some.masks[:] = 0
    maps = np.zeros((2, 3, 64, 64), np.uint8)
    assert score_films(maps, np.zeros(2), some).dice_lungs == 1.0


@pytest.mark.parametrize("name", ["infection", "opacity"])
def test_films_with_a_known_empty_map_count_as_called_above_one_percent_of_the_lungs(name):
    some = small_films(8)
    some.masks[:] = 4
    some.truth[0, 0] = 0  # unknown: does not count
    maps = np.zeros((8, 3, 64, 64), np.uint8)
    maps[:, 2, :, :50] = 255  # 3200 pixels of lungs
    maps[:2, ("infection", "opacity").index(name), :33, 0] = 255
    maps[2, 0, :32, 0] = 255  # just 1 %
    maps[3, 0, :, 60:] = 255  # outside the lungs
    score = score_films(maps, np.zeros(8), some, 0.5)
    assert score.empty_called == (1 / 7 if name == "infection" else 0.0)
    some.truth[:, 0] = 0
    assert score_films(maps, np.zeros(8), some, 0.5).to_dict()["empty_called"] is None
