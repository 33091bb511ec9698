from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from infmap import metrics as m


def two_runs(films: int = 50) -> tuple[m.Confusion, m.Confusion, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.random((films, 10, 10)) < 0.3
    truth[::4] = False
    first = truth ^ (rng.random(truth.shape) < 0.05)
    second = truth ^ (rng.random(truth.shape) < 0.10)
    return m.confusion(truth, first), m.confusion(truth, second), rng.integers(0, 25, films)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (3, 9), (10, 10), (0, 20), (700, 812)])
def test_mcnemar_agrees_with_the_binomial_test(a: int, b: int) -> None:
    first = np.array([1] * a + [0] * b + [1] * 5 + [0] * 2)
    second = np.array([0] * a + [1] * b + [1] * 5 + [0] * 2)
    found = m.mcnemar(first, second, np.arange(first.size))
    assert (found.only_first, found.only_second, found.n) == (a, b, a + b + 7)
    expected = stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_counts_the_films_of_a_patient_together() -> None:
    first = np.array([1, 1, 1, 1, 1, 1, 0, 1])
    second = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    apart = m.mcnemar(first, second, np.arange(8))
    assert apart.p == pytest.approx(stats.binomtest(6, 7).pvalue)
    # Patients differ by 3, 3, -1 and 0 films: of 8 outcomes, 5 or more films to a side are 4.
    patients = ["a", "a", "a", "b", "b", "b", "c", "d"]
    together = m.mcnemar(first, second, patients)
    assert (together.only_first, together.only_second, together.p) == (6, 1, 0.5)


def test_differences_are_those_of_the_tables() -> None:
    first, second, groups = two_runs()
    table = m.compare_segmentation(first, second, m.Bootstrap(groups, n=100))
    left, right = (m.segmentation_table(c, m.Bootstrap(groups, n=100)) for c in (first, second))
    assert set(table) == set(left)
    for name in ("dice", "iou", "specificity", "dice_film", "f2_positive", "false_alarm"):
        assert table[name].value == pytest.approx(left[name].value - right[name].value), name
    assert table["dice"].value > 0 and table["dice"].low > 0 and table["dice"].p < 0.05


def test_a_run_against_itself_differs_by_nothing() -> None:
    first, _, groups = two_runs()
    for name, d in m.compare_segmentation(first, first, m.Bootstrap(groups, n=50)).items():
        assert (d.value, d.low, d.high, d.p) == (0, 0, 0, 1), name


def test_pairing_narrows_the_interval_and_swapping_turns_it() -> None:
    first, second, groups = two_runs()
    paired = m.compare_segmentation(first, second, m.Bootstrap(groups))["dice"]
    turned = m.compare_segmentation(second, first, m.Bootstrap(groups))["dice"]
    assert (turned.low, turned.high) == pytest.approx((-paired.high, -paired.low))

    def dice(c: m.Confusion, i: np.ndarray) -> float:
        return float(2 * c.tp[i].sum() / (2 * c.tp + c.fp + c.fn)[i].sum())

    slow = m.bootstrap_interval(lambda i: dice(first, i) - dice(second, i), m.Bootstrap(groups))
    assert (paired.low, paired.high) == pytest.approx(slow, abs=1e-12)
    ratio = m.ratio_difference(
        *((2 * c.tp, 2 * c.tp + c.fp + c.fn) for c in (first, second)), m.Bootstrap(groups)
    )
    assert (ratio.value, ratio.low, ratio.p) == pytest.approx((paired.value, paired.low, paired.p))


def test_runs_on_other_films_are_refused() -> None:
    first, second, groups = two_runs()
    other = m.Confusion(*(p[::-1] for p in (second.tp, second.fp, second.fn, second.tn)))
    with pytest.raises(ValueError, match="same films"):
        m.compare_segmentation(first, other, m.Bootstrap(groups))
    with pytest.raises(ValueError, match="same films"):
        m.mcnemar([1, 0], [1], [1, 2])


def test_a_film_unknown_on_one_side_is_left_out_of_a_paired_mean() -> None:
    d = m.mean_difference([1.0, math.nan, 3.0], [0.0, 1.0, math.nan], m.Bootstrap([1, 2, 3]))
    assert (d.value, d.n) == (1, 1)
    none = m.mean_difference([math.nan], [1.0], m.Bootstrap([1]))
    assert math.isnan(none.value) and math.isnan(none.p) and none.n == 0


def test_a_single_patient_has_a_difference_without_interval() -> None:
    d = m.mean_difference([1.0, 2.0], [0.0, 0.0], m.Bootstrap(["p", "p"]))
    assert d.value == 1.5 and math.isnan(d.low) and math.isnan(d.p)


def brute_delong(t: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    def parts(s: np.ndarray) -> np.ndarray:
        return (s[t][:, None] > s[~t]) + 0.5 * (s[t][:, None] == s[~t])

    x, y = parts(a), parts(b)
    v10, v01 = (x - y).mean(axis=1), (x - y).mean(axis=0)
    return (x - y).mean(), math.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def test_delong_agrees_with_its_definition_with_ties() -> None:
    rng = np.random.default_rng(2)
    t = rng.random(150) < 0.4
    a = np.round(0.4 * t + rng.random(150), 1)
    b = np.round(0.2 * t + rng.random(150), 1)
    d = m.delong(t, a, b)
    value, se = brute_delong(t, a, b)
    assert d.value == pytest.approx(value)
    assert d.high - d.low == pytest.approx(2 * 1.959964 * se)
    assert d.p == pytest.approx(2 * stats.norm.sf(abs(value) / se))
    boot = m.auroc_difference(t, a, b, m.Bootstrap(np.arange(150)))
    assert boot.value == d.value
    assert boot.high - boot.low == pytest.approx(d.high - d.low, rel=0.15)


def test_auroc_differences_of_one_class_and_of_equal_scores() -> None:
    assert math.isnan(m.delong([1, 1], [0.1, 0.2], [0.2, 0.3]).value)
    assert math.isnan(m.auroc_difference([1, 1], [0.1, 0.2], [0.2, 0.3], m.Bootstrap([1, 2])).value)
    assert math.isnan(m.delong([1, 0, 0], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]).low)
    same = m.delong([1, 1, 0, 0], [3, 1, 2, 0], [3, 1, 2, 0])
    assert (same.value, same.p) == (0, 1)
