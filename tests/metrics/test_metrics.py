from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from infmap import metrics as m
from infmap.metrics._student import t_quantile, t_tail


@pytest.fixture
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.3
    return truth, np.round(np.clip(0.35 * truth + 0.65 * rng.random(400), 0, 1), 2)


def masks(*rows: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array([[[c == "1" for c in row[i]]] for row in rows]) for i in (0, 1))  # type: ignore[return-value]


def test_counts_and_ratios_of_a_hand_made_film() -> None:
    c = m.confusion(*masks(("11110000", "11001110")))
    assert [int(v[0]) for v in (c.tp, c.fp, c.fn, c.tn)] == [2, 3, 2, 1]
    assert c.dice()[0] == c.f1()[0] == pytest.approx(4 / 9)
    assert c.iou()[0] == pytest.approx(2 / 7)
    assert c.sensitivity()[0] == 0.5
    assert c.specificity()[0] == 0.25
    assert c.precision()[0] == pytest.approx(0.4)
    assert c.f2()[0] == pytest.approx(10 / 21)
    assert c.accuracy()[0] == pytest.approx(3 / 8)


def test_empty_truth_is_an_explicit_case() -> None:
    c = m.confusion(*masks(("0000", "0000"), ("0000", "0100"), ("1100", "0000"), ("1100", "1100")))
    assert c.dice().tolist() == [1, 0, 0, 1]
    assert c.iou().tolist() == [1, 0, 0, 1]
    assert np.isnan(c.sensitivity()).tolist() == [True, True, False, False]
    assert np.isnan(c.precision()).tolist() == [True, False, True, False]
    summary = m.pixel_summary(c)
    assert summary["dice_film"] == 0.5
    assert summary["dice_positive"] == 0.5
    assert summary["false_alarm"] == 0.5
    assert summary["dice"] == pytest.approx(4 / 7)


def test_pooled_ratios_agree_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.random((2, 7, 16, 11)) < 0.4
    s = m.pixel_summary(m.confusion(truth, predicted))
    t, p = truth.ravel(), predicted.ravel()
    assert s["dice"] == pytest.approx(sk.f1_score(t, p))
    assert s["iou"] == pytest.approx(sk.jaccard_score(t, p))
    assert s["f2"] == pytest.approx(sk.fbeta_score(t, p, beta=2))
    assert s["precision"] == pytest.approx(sk.precision_score(t, p))
    assert s["sensitivity"] == pytest.approx(sk.recall_score(t, p))
    assert s["accuracy"] == pytest.approx(sk.accuracy_score(t, p))


def test_masks_that_are_not_bool_or_not_alike_are_refused() -> None:
    good = np.zeros((2, 3, 3), dtype=bool)
    with pytest.raises(ValueError, match="bool"):
        m.confusion(good, good.astype(np.uint8))
    with pytest.raises(ValueError, match="two"):
        m.confusion(good, good[:1])


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


def test_brier_and_calibration_error(scores: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = scores
    assert m.brier(truth, score) == pytest.approx(sk.brier_score_loss(truth, score))
    assert m.ece([0, 1, 1, 1], [0.25, 0.25, 1.0, 1.0], bins=2) == pytest.approx(0.125)
    assert m.ece([0, 1], [0.0, 1.0]) == 0


def test_unknown_or_impossible_values_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown truth"):
        m.auroc([0, math.nan], [0.1, 0.2])
    with pytest.raises(ValueError, match="NaN"):
        m.auroc([0, 1], [0.1, math.nan])
    with pytest.raises(ValueError, match="probabilities"):
        m.brier([0, 1], [0.1, 1.2])


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (233, 466)])
def test_wilson_agrees_with_scipy(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert m.wilson_interval(k, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_knows_nothing_without_trials() -> None:
    assert m.wilson_interval(0, 0) == (0.0, 1.0)


def test_bootstrap_draws_whole_groups() -> None:
    groups = np.array(["b", "a", "b", "c", "a"])
    seen: list[np.ndarray] = []

    def statistic(rows: np.ndarray) -> float:
        seen.append(rows)
        return float(len(rows))

    m.bootstrap_interval(statistic, groups, n=50, seed=1)
    for rows in seen:
        count = np.bincount(rows, minlength=5)
        assert count[0] == count[2]
        assert count[1] == count[4]
        assert count[0] + count[1] + count[3] == 3


def test_bootstrap_of_a_mean_has_the_width_of_theory_and_grows_with_clusters() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=200)
    x = np.repeat(base, 4)
    clustered = m.bootstrap_interval(lambda i: float(x[i].mean()), np.repeat(np.arange(200), 4))
    naive = m.bootstrap_interval(lambda i: float(x[i].mean()), np.arange(800))
    theory = 2 * 1.96 * base.std() / math.sqrt(200)
    assert clustered[1] - clustered[0] == pytest.approx(theory, rel=0.12)
    assert naive[1] - naive[0] == pytest.approx(theory / 2, rel=0.12)


def test_ratio_bootstrap_agrees_with_the_general_one_and_repeats_by_seed() -> None:
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 90, 300)
    top, bottom = rng.random(300), 1 + rng.random(300)
    fast = m.bootstrap_ratio_interval(top, bottom, groups, n=2000, seed=5)
    slow = m.bootstrap_interval(lambda i: float(top[i].sum() / bottom[i].sum()), groups, n=2000)
    assert fast == pytest.approx(slow, abs=0.004)
    assert fast == m.bootstrap_ratio_interval(top, bottom, groups, n=2000, seed=5)


def test_pearson_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    expected = stats.pearsonr(x, y)
    r, interval = m.pearson(x, y, np.arange(60))
    assert r == pytest.approx(expected.statistic)
    ci = expected.confidence_interval(0.95)
    assert interval == pytest.approx((ci.low, ci.high), abs=0.06)
    assert math.isnan(m.pearson([1, 1, 1], [1, 2, 3], [1, 2, 3])[0])


def test_pearson_counts_the_films_of_a_patient_together() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    one, five = (
        m.pearson(x, y, np.arange(40)),
        m.pearson(*np.repeat([x, y], 5, 1), np.arange(200) // 5),
    )
    assert five[0] == pytest.approx(one[0])
    assert five[1] == pytest.approx(one[1], abs=1e-9)
    few = m.pearson(x, y, np.arange(40) % 3)
    assert few[0] == pytest.approx(one[0]) and math.isnan(few[1][0])


@pytest.mark.parametrize("freedom", [1.0, 2.5, 9.0, 60.0, 4000.0])
def test_students_t_agrees_with_scipy(freedom: float) -> None:
    for t in (-2.0, 0.0, 0.4, 3.0, 50.0):
        assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), abs=1e-12)
    for tail in (0.4, 0.025, 1e-4):
        assert t_quantile(tail, freedom) == pytest.approx(stats.t.isf(tail, freedom), rel=1e-9)
    assert (t_tail(math.inf, freedom), t_tail(-math.inf, freedom)) == (0, 1)


def test_every_public_name_is_there() -> None:
    assert [name for name in m.__all__ if not hasattr(m, name)] == []


def test_pearson_refuses_what_was_not_read() -> None:
    with pytest.raises(ValueError, match="finite"):
        m.pearson([1, math.nan, 2], [1, 2, 3], [1, 2, 3])
