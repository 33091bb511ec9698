"""Tests of `infmap.training.validation`."""

import sys
from pathlib import Path

import numpy as np

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
