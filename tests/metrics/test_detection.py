"""Tests of `infmap.metrics.detection`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from infmap import metrics as m


def test_areas_agree_with_sklearn_with_ties(scores: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = scores
    assert len(np.unique(score)) < len(score)
    assert m.auroc(truth, score) == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)
    expected = sk.average_precision_score(truth, score)
    assert m.auprc(truth, score) == pytest.approx(expected, abs=1e-12)


def test_one_class_has_no_area() -> None:
    assert math.isnan(m.auroc([1, 1], [0.1, 0.2]))
    assert math.isnan(m.auprc([0, 0], [0.1, 0.2]))
    assert math.isnan(m.sensitivity_at([0, 0], [0.1, 0.2], 0.9)[0])


def test_sensitivity_at_specificity_is_the_roc_point(
    scores: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, score = scores
    fpr, tpr, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    for wanted in (0.5, 0.8, 0.9, 0.99):
        sensitivity, cut = m.sensitivity_at(truth, score, wanted)
        assert sensitivity == pytest.approx(tpr[fpr <= 1 - wanted + 1e-12].max())
        assert (score[~truth] < cut).mean() >= wanted - 1e-12
        assert (score[truth] >= cut).mean() == pytest.approx(sensitivity)


def test_only_an_infinite_threshold_is_specific_enough_when_a_negative_is_on_top() -> None:
    assert m.sensitivity_at([0, 1, 0], [0.9, 0.5, 0.1], 1.0) == (0.0, math.inf)


def test_an_area_of_1_by_few_patients_has_an_interval_that_the_bootstrap_has_not() -> None:
    truth, score = np.arange(12) < 6, np.arange(12)[::-1] / 12
    few = m.auroc_estimate(truth, score, np.arange(12))
    many = m.auroc_estimate(np.repeat(truth, 50), np.repeat(score, 50), np.arange(600))
    assert few.value == few.high == many.high == 1
    assert 0.4 < few.low < 0.8 and 0.98 < many.low < 1
    # More films of the same patients say little more.
    again = m.auroc_estimate(np.repeat(truth, 9), np.repeat(score, 9), np.repeat(np.arange(12), 9))
    assert again.low == pytest.approx(few.low, abs=0.08)


def test_an_area_of_independent_films_has_the_width_of_delong() -> None:
    rng = np.random.default_rng(8)
    truth = rng.random(600) < 0.4
    score = truth + rng.normal(size=600)
    e = m.auroc_estimate(truth, score, np.arange(600))
    # The difference from a constant score is the area less a half, without its variance.
    one = m.delong(truth, score, np.zeros(600))
    assert e.high - e.low == pytest.approx(one.high - one.low, rel=0.12)
