"""Kappa and Dice of readers' masks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infmap.metrics.mask_agreement import cohen_kappa, dice, fleiss_kappa

SHAPE = (48, 40)


def marks(seed: int, share: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE) < share


@pytest.mark.parametrize("seed", range(4))
def test_kappa_and_dice_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import cohen_kappa_score, f1_score

    a, b = marks(seed), marks(seed + 1, 0.4)
    a = a | b if seed % 2 else a
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a.ravel(), b.ravel()), abs=1e-12)
    assert dice(a, b) == pytest.approx(f1_score(a.ravel(), b.ravel()), abs=1e-12)


def test_fleiss_kappa_is_that_of_the_paper() -> None:
    # Fleiss' formula written out: subjects are pixels, categories are marked and unmarked.
    readers = [marks(seed) for seed in range(4)]
    n = np.stack([np.sum(readers, axis=0).ravel(), 4 - np.sum(readers, axis=0).ravel()], axis=1)
    p = ((n**2).sum(axis=1) - 4) / (4 * 3)
    chance = ((n.sum(axis=0) / n.sum()) ** 2).sum()
    expected = (p.mean() - chance) / (1 - chance)
    assert fleiss_kappa(readers) == pytest.approx(expected, abs=1e-12)


def test_fleiss_kappa_of_two_readers_with_equal_shares_is_cohens() -> None:
    a = np.zeros(100, bool)
    a[:30] = True
    b = np.roll(a, 7)
    assert fleiss_kappa([a, b]) == pytest.approx(cohen_kappa(a, b), abs=1e-12)


def test_what_chance_alone_explains_has_no_kappa() -> None:
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    assert math.isnan(cohen_kappa(empty, empty)) and math.isnan(fleiss_kappa([full, full]))
    assert cohen_kappa(empty, full) == 0
    assert math.isnan(dice(empty, empty)) and dice(empty, full) == 0


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="two masks of one film"):
        dice(np.zeros((2, 2), bool), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="two or more masks of one film"):
        fleiss_kappa([np.zeros((2, 2), bool)])
