"""Tests of `infmap.metrics.intervals`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from infmap import metrics as m


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

    m.bootstrap_interval(statistic, m.Bootstrap(groups, n=50, seed=1))
    for rows in seen:
        count = np.bincount(rows, minlength=5)
        assert count[0] == count[2]
        assert count[1] == count[4]
        assert count[0] + count[1] + count[3] == 3


def test_bootstrap_of_a_mean_has_the_width_of_theory_and_grows_with_clusters() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=200)
    x = np.repeat(base, 4)
    clustered = m.bootstrap_interval(
        lambda i: float(x[i].mean()), m.Bootstrap(np.repeat(np.arange(200), 4))
    )
    naive = m.bootstrap_interval(lambda i: float(x[i].mean()), m.Bootstrap(np.arange(800)))
    theory = 2 * 1.96 * base.std() / math.sqrt(200)
    assert clustered[1] - clustered[0] == pytest.approx(theory, rel=0.12)
    assert naive[1] - naive[0] == pytest.approx(theory / 2, rel=0.12)


def test_ratio_bootstrap_agrees_with_the_general_one_and_repeats_by_seed() -> None:
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 90, 300)
    top, bottom = rng.random(300), 1 + rng.random(300)
    fast = m.bootstrap_ratio_interval(top, bottom, m.Bootstrap(groups, n=2000, seed=5))
    slow = m.bootstrap_interval(
        lambda i: float(top[i].sum() / bottom[i].sum()), m.Bootstrap(groups, n=2000)
    )
    assert fast == pytest.approx(slow, abs=0.004)
    assert fast == m.bootstrap_ratio_interval(top, bottom, m.Bootstrap(groups, n=2000, seed=5))


def test_rates_count_the_films_of_a_patient_together() -> None:
    rng = np.random.default_rng(4)
    one_each = rng.random(80) < 0.8
    alone = m.rate(one_each, np.arange(80))
    assert (alone.low, alone.high) == m.wilson_interval(int(one_each.sum()), 80)
    # Five equal films of each patient tell no more than one.
    five = m.rate(one_each.repeat(5), np.arange(80).repeat(5))
    assert (five.value, five.n) == (alone.value, 400)
    assert five.high - five.low == pytest.approx(alone.high - alone.low, rel=0.04)
    all_hit = m.rate(np.ones(40, bool), np.arange(40) // 4)
    assert all_hit.high == 1 and 0.5 < all_hit.low < 0.75
    assert math.isnan(m.rate([1, 0, 1], ["a", "a", "a"]).low)
    nothing = m.rate([], [])
    assert math.isnan(nothing.value) and math.isnan(nothing.low) and nothing.n == 0
    with pytest.raises(ValueError, match="one group for each of 2 rows"):
        m.rate([1, 0], [1])


def test_median_counts_infinite_films_as_the_worst() -> None:
    values = np.array([1.0, 2.0, math.inf, math.inf, math.inf, math.nan])
    e = m.film_median(values, m.Bootstrap(np.arange(6), n=200))
    assert e.value == math.inf and e.n == 5
    assert e.low == 1.0 or e.low == 2.0
    odd = np.random.default_rng(0).normal(size=41)
    f = m.film_median(odd, m.Bootstrap(np.arange(41), n=300, seed=3))
    assert f.value == np.median(odd)
    slow = m.bootstrap_interval(
        lambda i: float(np.quantile(odd[i], 0.5, method="inverted_cdf")),
        m.Bootstrap(np.arange(41), 300, 3),
    )
    assert (f.low, f.high) == pytest.approx(slow, abs=0.05)
    assert math.isnan(m.film_median(np.full(3, np.nan), m.Bootstrap([1, 2, 3])).value)
    with pytest.raises(ValueError, match="median"):
        m.film_mean(values, m.Bootstrap(np.arange(6)))


def test_an_estimate_is_valid_once_constructed() -> None:
    with pytest.raises(ValueError, match="low"):
        m.Estimate(0.5, 0.6, 0.4, 3)
    with pytest.raises(ValueError, match="count"):
        m.Estimate(0.5, 0.4, 0.6, -1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"n": 0}, "at least 1 draw, got 0"), ({"level": 1.0}, r"a level in \(0, 1\), got 1.0")],
)
def test_a_bootstrap_without_draws_or_with_an_impossible_level_is_refused(
    wrong: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        m.Bootstrap(["a", "b"], **wrong)
