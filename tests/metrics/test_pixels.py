"""Tests of `infmap.metrics.pixels`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from infmap import metrics as m


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
