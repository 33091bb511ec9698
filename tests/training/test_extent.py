from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.inference.severity import Calibration, grade_severity
from infmap.training.extent import (
    PRIOR_FILMS,
    TABLE,
    Readings,
    conformal_quantile,
    fit_extent,
)


def films(count: int, seed: int = 0, noise: float = 0.5, curve=np.sqrt) -> Readings:
    rng = np.random.default_rng(seed)
    x = rng.beta(0.7, 1.2, size=(count, 2))
    y = 4 * curve(x).sum(axis=1) + noise * rng.normal(size=count)
    return Readings.known(x, np.clip(y, 0, 8), np.arange(count) // 2)


def fit(readings: Readings, healthy=(), **options) -> Calibration:
    return fit_extent(readings, healthy, population="rendered", **options)


def test_the_curve_is_smooth_rises_and_ends_at_none_and_all() -> None:
    rng = np.random.default_rng(1)
    for count in (30, 54, 400):
        c = fit(films(count, seed=count), rng.beta(1, 60, (200, 2)))
        steps = np.diff(c.extents)
        assert (steps >= 0).all() and c.extents[0] == 0.0 and c.extents[-1] == 4.0
        # No jump: a percent of a lung more is never more than half a step of its score.
        assert max(c.extent(s + 0.01) - c.extent(s) for s in np.linspace(0, 0.99, 100)) < 0.5
        assert c.films == count and c.healthy == 200


def test_healthy_films_have_no_severity() -> None:
    rng = np.random.default_rng(2)
    healthy = rng.beta(2, 120, (300, 2))
    readings = films(54, curve=lambda x: np.clip(1.3 * x, 0, 1))
    c = fit(readings, healthy)
    grades = [grade_severity(a, b, c).grade for a, b in healthy]
    assert np.mean([grade == "none" for grade in grades]) > 0.95


def test_the_prior_fades_with_films() -> None:
    """What 100,000 films say stands, wherever the definition's own map lies."""

    def low(x):
        return x**2

    errors = []
    for count in (60, 1_000, 100_000):
        c = fit(films(count, curve=low, noise=0.3))
        errors.append(np.abs(np.asarray(c.extents) - 4 * low(TABLE)).max())
    assert errors[2] < 0.05
    assert errors[2] <= errors[1] <= errors[0]
    assert PRIOR_FILMS < 20


def test_the_interval_covers_new_patients_and_grows_where_residuals_do() -> None:
    rng = np.random.default_rng(5)

    def draw(count, seed):
        rng = np.random.default_rng(seed)
        x = rng.random((count, 2))
        total = 4 * x.sum(axis=1)
        y = np.clip(total + (0.2 + 0.15 * total) * rng.normal(size=count), 0, 8)
        return x, y

    x, y = draw(600, 1)
    c = fit(Readings.known(x, y, rng.integers(0, 200, 600)))
    assert c.half_widths[1] > 1.5 * c.half_widths[0]
    fresh, truth = draw(4000, 9)
    hits = [
        s.interval[0] <= t <= s.interval[1]
        for (a, b), t in zip(fresh, truth, strict=True)
        for s in [grade_severity(a, b, c)]
    ]
    assert 0.87 <= np.mean(hits) <= 0.94
    assert c.coverage == pytest.approx(np.mean(hits), abs=0.05)


def test_no_patient_is_on_both_sides() -> None:
    """Films of one patient are alike; only folds by patient show what a new patient gets."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(15), 8)
    x = np.repeat(rng.random((15, 2)), 8, axis=0)
    y = np.clip(4 * x.sum(axis=1) + np.repeat(rng.normal(0, 1.5, 15), 8), 0, 8)
    by_patient = fit(Readings.known(x, y, 10 + patients))
    by_film = fit(Readings.known(x, y, np.arange(120)))
    assert sum(by_patient.half_widths) > sum(by_film.half_widths)
    named = fit(Readings.known(x, y, [f"p{10 + p}" for p in patients]))
    assert named == by_patient


def test_unknown_films_are_left_out_and_few_fit_nothing() -> None:
    readings = films(40)
    scores = readings.scores.copy()
    shares = readings.shares.copy()
    scores[0], shares[1, 0] = math.nan, math.nan
    known = Readings.known(shares, scores, readings.patients)
    assert len(known) == 38
    assert fit(known, [[0.0, math.nan], [0.01, 0.0]]).healthy == 1
    assert fit(films(12)) == Calibration()
    assert fit(Readings.known(np.zeros((0, 2)), [], [])) == Calibration()
    with pytest.raises(ValueError, match=r"scores in \[0, 8\]"):
        Readings.known(shares[2:], scores[2:] + 8, readings.patients[2:])


def test_the_conformal_rank_is_exact_and_gives_up_on_few_films() -> None:
    assert conformal_quantile(np.arange(1, 20), 0.1) == 18
    assert conformal_quantile(np.arange(1, 10), 0.1) == 9
    assert conformal_quantile(np.arange(1, 9), 0.1) == math.inf
