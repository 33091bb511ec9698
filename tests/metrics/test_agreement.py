from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from infmap import metrics as m

# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def grades(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 9, n)
    return truth, np.clip(truth + rng.integers(-2, 4, n), 0, 8)


def test_icc_of_the_published_table() -> None:
    assert m.icc(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_icc_by_its_mean_squares() -> None:
    x = np.array(SHROUT_FLEISS, float)
    n, k = x.shape
    msr = k * ((x.mean(1) - x.mean()) ** 2).sum() / (n - 1)
    msc = n * ((x.mean(0) - x.mean()) ** 2).sum() / (k - 1)
    rest = x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()
    mse = (rest**2).sum() / ((n - 1) * (k - 1))
    expected = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    assert m.icc(x) == pytest.approx(expected)
    assert m.icc(x + 1e6) == pytest.approx(expected)


def test_icc_sees_a_constant_offset_and_has_no_value_without_spread() -> None:
    a = np.arange(10.0)
    assert m.icc(np.stack([a, a], 1)) == pytest.approx(1)
    assert m.icc(np.stack([a, a + 5], 1)) < 0.5
    assert math.isnan(m.icc(np.full((7, 3), 0.1)))
    assert math.isnan(m.icc([[1, 2]]))


def test_kappa_agrees_with_sklearn() -> None:
    truth, estimate = grades()
    expected = sk.cohen_kappa_score(truth, estimate, weights="quadratic")
    assert m.weighted_kappa(truth, estimate) == pytest.approx(expected)


def test_kappa_of_one_grade_has_no_value_and_of_agreement_is_one() -> None:
    assert math.isnan(m.weighted_kappa([2, 2], [2, 2]))
    assert math.isnan(m.weighted_kappa([], []))
    assert m.weighted_kappa([0, 4], [0, 4]) == 1
    assert m.weighted_kappa([0, 4], [4, 0]) == -1
    with pytest.raises(ValueError, match="whole"):
        m.weighted_kappa([0.5, 1], [1, 1])


def test_kappa_keeps_the_distance_of_grades_nobody_gave() -> None:
    truth, estimate = [0, 0, 8, 8, 1], [0, 1, 8, 8, 0]
    expected = sk.cohen_kappa_score(truth, estimate, labels=range(9), weights="quadratic")
    assert m.weighted_kappa(truth, estimate) == pytest.approx(expected)


def test_bland_altman_by_hand() -> None:
    a, b = np.array([1.0, 2, 3, 4, 9]), np.array([2.0, 2, 5, 3, 11])
    d = b - a
    found = m.bland_altman(a, b, m.Bootstrap(np.arange(5), n=200))
    assert found.bias.value == pytest.approx(d.mean())
    assert found.lower.value == pytest.approx(d.mean() - 1.96 * d.std(ddof=1))
    assert found.upper.value == pytest.approx(d.mean() + 1.96 * d.std(ddof=1))
    assert found.bias.low < found.bias.value < found.bias.high


def test_limits_of_agreement_have_the_width_of_theory() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=400)
    d = rng.normal(size=400)
    found = m.bland_altman(a, a + d, m.Bootstrap(np.arange(400)))
    se = d.std(ddof=1) * math.sqrt(1 / 400 + 1.96**2 / (2 * 399))
    assert found.upper.high - found.upper.low == pytest.approx(2 * 1.96 * se, rel=0.15)


def test_a_single_film_has_a_bias_without_limits() -> None:
    found = m.bland_altman([1.0], [3.0], m.Bootstrap(["p"]))
    assert found.bias.value == 2 and found.bias.n == 1
    assert math.isnan(found.lower.value) and math.isnan(found.bias.low)


def test_the_agreement_table_holds_the_single_figures() -> None:
    truth, estimate = grades()
    groups = np.arange(200) // 2
    table = m.agreement_table(truth, estimate, m.Bootstrap(groups, n=300))
    assert table["mae"].value == pytest.approx(np.abs(truth - estimate).mean())
    assert table["kappa"].value == pytest.approx(m.weighted_kappa(truth, estimate))
    assert table["icc"].value == pytest.approx(m.icc(np.stack([truth, estimate], 1)))
    assert table["limit_low"].value < table["bias"].value < table["limit_high"].value
    slow = m.bootstrap_interval(
        lambda i: m.icc(np.stack([truth[i], estimate[i]], 1)), m.Bootstrap(groups, n=300)
    )
    assert (table["icc"].low, table["icc"].high) == pytest.approx(slow, abs=1e-9)
    slow = m.bootstrap_interval(
        lambda i: m.weighted_kappa(truth[i], estimate[i]), m.Bootstrap(groups, n=300)
    )
    assert (table["kappa"].low, table["kappa"].high) == pytest.approx(slow, abs=1e-9)


def test_readings_that_are_missing_are_refused() -> None:
    for call in (m.mae, m.weighted_kappa):
        with pytest.raises(ValueError, match="finite"):
            call([1, math.nan], [1, 2])
    with pytest.raises(ValueError, match="finite"):
        m.icc([[1, math.nan], [2, 3]])
    with pytest.raises(ValueError, match="2 raters"):
        m.icc([[1], [2]])
    assert math.isnan(m.mae([], []))


def test_pearson_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    expected = stats.pearsonr(x, y)
    r, interval = m.pearson(x, y, m.Bootstrap(np.arange(60)))
    assert r == pytest.approx(expected.statistic)
    ci = expected.confidence_interval(0.95)
    assert interval == pytest.approx((ci.low, ci.high), abs=0.06)
    assert math.isnan(m.pearson([1, 1, 1], [1, 2, 3], m.Bootstrap([1, 2, 3]))[0])


def test_pearson_counts_the_films_of_a_patient_together() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    one, five = (
        m.pearson(x, y, m.Bootstrap(np.arange(40))),
        m.pearson(*np.repeat([x, y], 5, 1), m.Bootstrap(np.arange(200) // 5)),
    )
    assert five[0] == pytest.approx(one[0])
    assert five[1] == pytest.approx(one[1], abs=1e-9)
    few = m.pearson(x, y, m.Bootstrap(np.arange(40) % 3))
    assert few[0] == pytest.approx(one[0]) and math.isnan(few[1][0])


def test_pearson_refuses_what_was_not_read() -> None:
    with pytest.raises(ValueError, match="finite"):
        m.pearson([1, math.nan, 2], [1, 2, 3], m.Bootstrap([1, 2, 3]))
