from __future__ import annotations

import math
import time

import numpy as np
import pytest
from sklearn import metrics as sk

from infmap import metrics as m


def some_counts(films: int = 60, seed: int = 0) -> tuple[m.Confusion, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((films, 12, 9)) < 0.3
    truth[::3] = False
    predicted = truth ^ (rng.random(truth.shape) < 0.1)
    predicted[::6] = False
    predicted[1] = False
    return m.confusion(truth, predicted), rng.integers(0, films // 2, films)


def rows(counts: m.Confusion, index: np.ndarray) -> m.Confusion:
    return m.Confusion(*(p[index] for p in (counts.tp, counts.fp, counts.fn, counts.tn)))


def test_the_table_has_the_figures_of_the_summary() -> None:
    counts, groups = some_counts()
    table = m.segmentation_table(counts, m.Bootstrap(groups, n=50))
    for name, value in m.pixel_summary(counts).items():
        assert table[name].value == pytest.approx(value), name
    healthy = ~counts.positive
    assert table["false_alarm"].n == healthy.sum()
    assert table["dice_positive"].n == counts.positive.sum()
    assert table["precision_positive"].n == counts.positive.sum() - 1
    assert table["specificity_negative"].value == pytest.approx(
        counts.specificity()[healthy].mean()
    )


@pytest.mark.parametrize("name", ["dice", "sensitivity", "precision", "iou", "f2", "accuracy"])
def test_pooled_intervals_are_those_of_the_plain_bootstrap(name: str) -> None:
    counts, groups = some_counts()
    e = m.segmentation_table(counts, m.Bootstrap(groups, n=200, seed=4))[name]
    plain = m.bootstrap_interval(
        lambda i: float(getattr(rows(counts, i).pooled(), name)()[0]),
        m.Bootstrap(groups, n=200, seed=4),
        rows=~np.isnan(getattr(counts, name)()),
    )
    assert (e.low, e.high) == pytest.approx(plain, abs=1e-12)


def test_film_means_have_the_intervals_of_the_plain_bootstrap_and_leave_unknown_out() -> None:
    counts, groups = some_counts()
    values = counts.precision()
    assert np.isnan(values).any()
    e = m.film_mean(values, m.Bootstrap(groups, n=200, seed=1))
    known = ~np.isnan(values)
    plain = m.bootstrap_interval(
        lambda i: float(np.nanmean(values[i])), m.Bootstrap(groups, n=200, seed=1), rows=known
    )
    assert (e.low, e.high) == pytest.approx(plain, abs=1e-12)
    assert e.value == pytest.approx(np.nanmean(values))


def test_empty_truth_and_empty_prediction_everywhere() -> None:
    nothing = np.zeros((4, 5, 5), dtype=bool)
    table = m.segmentation_table(m.confusion(nothing, nothing), m.Bootstrap([1, 2, 3, 4], n=20))
    for name in ("dice", "iou", "f1", "f2", "specificity", "accuracy", "dice_film"):
        assert (table[name].value, table[name].low, table[name].high) == (1, 1, 1), name
    for name in ("sensitivity", "precision", "sensitivity_film", "dice_positive"):
        assert math.isnan(table[name].value) and math.isnan(table[name].low), name
    assert table["dice_positive"].n == 0
    assert table["false_alarm"].value == 0
    everything = m.segmentation_table(
        m.confusion(~nothing, nothing), m.Bootstrap([1, 2, 3, 4], n=20)
    )
    assert everything["dice"].value == everything["sensitivity"].value == 0
    assert math.isnan(everything["specificity"].value)
    assert math.isnan(everything["false_alarm"].value)
    assert math.isnan(everything["false_alarm"].low) and everything["false_alarm"].n == 0


def test_a_single_patient_has_figures_but_no_interval() -> None:
    counts, _ = some_counts(12)
    table = m.segmentation_table(counts, m.Bootstrap(["p"] * 12, n=20))
    assert 0 < table["dice"].value < 1
    assert math.isnan(table["dice"].low) and math.isnan(table["dice_film"].high)
    assert table["false_alarm"].value == 0.5 and math.isnan(table["false_alarm"].high)
    found = m.detection_table([0, 1, 1], [0.1, 0.4, 0.8], 0.5, m.Bootstrap(["p"] * 3, n=20))
    assert found["auroc"].value == 1 and math.isnan(found["auroc"].low)
    assert found["sensitivity"].value == 0.5 and math.isnan(found["sensitivity"].low)
    assert all(math.isnan(v) for v in m.bootstrap_interval(len, m.Bootstrap(["p"] * 3, n=5)))


def test_a_figure_that_stands_on_one_patient_of_several_has_no_interval() -> None:
    truth, predicted = np.zeros((2, 4, 3, 3), dtype=bool)
    truth[:2] = True
    predicted[:2, 0] = True
    table = m.segmentation_table(
        m.confusion(truth, predicted), m.Bootstrap(["a", "a", "b", "c"], n=50)
    )
    for name in ("sensitivity", "precision", "dice_positive"):
        assert table[name].value > 0 and math.isnan(table[name].low), name
    assert table["accuracy"].low < table["accuracy"].high
    median = m.film_median(np.array([1.0, 2.0, np.nan]), m.Bootstrap(["a", "a", "b"], n=50))
    assert median.value == 1 and math.isnan(median.low)


def test_no_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="draw"):
        m.film_mean(np.ones(3), m.Bootstrap([1, 2, 3], n=0))


def test_no_films_and_wrong_groups_are_refused() -> None:
    counts, groups = some_counts(6)
    with pytest.raises(ValueError, match="group"):
        m.segmentation_table(counts, m.Bootstrap(groups[:-1]))
    empty = m.confusion(np.zeros((0, 3, 3), bool), np.zeros((0, 3, 3), bool))
    with pytest.raises(ValueError, match="at least one row"):
        m.segmentation_table(empty, m.Bootstrap([]))
    with pytest.raises(ValueError, match="NaN"):
        m.segmentation_table(counts, m.Bootstrap(np.full(6, np.nan)))


def test_detection_table_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(300) < 0.3
    score = np.round(np.clip(0.3 * truth + 0.7 * rng.random(300), 0, 1), 2)
    table = m.detection_table(truth, score, 0.5, m.Bootstrap(np.arange(300), n=100))
    yes = score >= 0.5
    expected = {
        "sensitivity": sk.recall_score(truth, yes),
        "specificity": sk.recall_score(~truth, ~yes),
        "precision": sk.precision_score(truth, yes),
        "negative_predictive_value": sk.precision_score(~truth, ~yes),
        "accuracy": sk.accuracy_score(truth, yes),
        "iou": sk.jaccard_score(truth, yes),
        "f1": sk.f1_score(truth, yes),
        "f2": sk.fbeta_score(truth, yes, beta=2),
        "auroc": sk.roc_auc_score(truth, score),
        "auprc": sk.average_precision_score(truth, score),
        "brier": sk.brier_score_loss(truth, score),
    }
    for name, value in expected.items():
        assert table[name].value == pytest.approx(value, abs=1e-12), name
        assert table[name].low <= value <= table[name].high
    assert set(table) == {*expected, "ece"}
    assert (table["sensitivity"].low, table["sensitivity"].high) == m.wilson_interval(
        int((truth & yes).sum()), int(truth.sum())
    )


@pytest.mark.parametrize(
    ("estimate", "plain"),
    [
        (m.auprc_estimate, m.auprc),
        (m.brier_estimate, m.brier),
        (m.ece_estimate, m.ece),
    ],
)
def test_vectorised_draws_are_the_plain_ones(estimate, plain) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    truth = rng.random(80) < 0.2
    score = np.round(np.clip(0.2 * truth + 0.8 * rng.random(80), 0, 1), 1)
    groups = rng.integers(0, 30, 80)
    e = estimate(truth, score, m.Bootstrap(groups, n=300, seed=2))
    stands_on = truth if plain is m.auprc else None
    slow = m.bootstrap_interval(
        lambda i: plain(truth[i], score[i]), m.Bootstrap(groups, n=300, seed=2), rows=stands_on
    )
    assert (e.low, e.high) == pytest.approx(slow, abs=1e-12)
    assert e.value == pytest.approx(plain(truth, score))


def test_no_interval_stands_on_the_positives_of_one_patient() -> None:
    truth, score = [1, 1, 0, 0, 0], [0.9, 0.8, 0.1, 0.2, 0.95]
    groups = [1, 1, 2, 3, 4]
    e = m.auroc_estimate(truth, score, groups)
    assert e.value == pytest.approx(2 / 3)
    table = m.detection_table(truth, score, 0.5, m.Bootstrap(groups, n=100))
    for name in ("auroc", "auprc", "sensitivity"):
        assert math.isnan(table[name].low) and table[name].value > 0, name
    assert table["specificity"].low < 2 / 3 < table["specificity"].high
    assert math.isnan(m.auroc_difference(truth, score, score[::-1], m.Bootstrap(groups, n=50)).low)
    assert math.isnan(m.auroc_estimate([1, 1], [0.2, 0.3], [1, 2]).low)


def test_one_class_only_gives_rates_of_that_class() -> None:
    table = m.detection_table([0, 0, 0], [0.1, 0.2, 0.9], 0.5, m.Bootstrap([1, 2, 3], n=20))
    assert table["specificity"].value == pytest.approx(2 / 3)
    for name in ("sensitivity", "auroc", "auprc"):
        assert math.isnan(table[name].value), name
    assert table["sensitivity"].n == 0


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    table = m.detection_table([0, 1], [-3.0, 4.0], 0.0, m.Bootstrap([1, 2], n=20))
    assert table["auroc"].value == 1
    assert math.isnan(table["brier"].value) and table["ece"].n == 0


def test_a_thousand_draws_over_a_thousand_films_are_fast() -> None:
    rng = np.random.default_rng(0)
    truth, score = rng.random(1000) < 0.5, rng.random(1000)
    start = time.process_time()
    m.auroc_difference(truth, score, score[::-1], m.Bootstrap(np.arange(1000)))
    m.auprc_estimate(truth, score, m.Bootstrap(np.arange(1000)))
    assert time.process_time() - start < 2


def test_a_table_as_json_has_null_for_what_is_not_finite() -> None:
    table = {"a": m.Estimate(0.123456, math.nan, math.nan, 2), "b": m.Estimate(math.inf, 1, 2, 1)}
    assert m.to_dict(table) == {
        "a": {"value": 0.12346, "low": None, "high": None, "n": 2},
        "b": {"value": None, "low": 1.0, "high": 2.0, "n": 1},
    }
