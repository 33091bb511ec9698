"""Proposed regions become what a reader would outline."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.annotation.overlap import dice
from infmap.annotation.smoothing import SPECK, smoothed
from infmap.core.types import BoolImage


def disc(shape: tuple[int, int], radius: float) -> BoolImage:
    """A disc in the middle, bool (H, W)."""
    row, column = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(row - shape[0] / 2, column - shape[1] / 2) < radius, np.bool_)


@pytest.mark.parametrize("shape", [(128, 128), (300, 412), (1031, 777)])
def test_a_frayed_region_becomes_the_one_that_is_meant(shape: tuple[int, int]) -> None:
    meant = disc(shape, min(shape) / 4)
    rng = np.random.default_rng(0)
    grain = max(shape) // 64
    coarse = rng.random((shape[0] // grain + 1, shape[1] // grain + 1)) < 0.25
    frayed = meant ^ np.kron(coarse, np.ones((grain, grain), np.bool_))[: shape[0], : shape[1]]
    found = smoothed(frayed, np.ones(shape, np.bool_))
    assert found.shape == shape and found.dtype == np.bool_
    assert dice(frayed, meant) < 0.75 < 0.9 < dice(found, meant)


def test_specks_and_pinholes_go_and_regions_stay() -> None:
    meant = disc((256, 256), 60)
    speck = int((SPECK * 256**2) ** 0.5) - 1
    with_both = meant.copy()
    with_both[10 : 10 + speck, 10 : 10 + speck] = True
    with_both[120 : 120 + speck, 120 : 120 + speck] = False
    found = smoothed(with_both, np.ones_like(meant))
    assert not found[:40, :40].any() and found[115:140, 115:140].all()
    with_both[10:40, 10:40] = True  # thirty pixels a side are a finding
    assert smoothed(with_both, np.ones_like(meant))[15:35, 15:35].all()


def test_nothing_lies_outside_the_lungs() -> None:
    left = np.zeros((128, 128), np.bool_)
    left[:, :64] = True
    found = smoothed(disc((128, 128), 40), left)
    assert found[:, :64].any() and not found[:, 64:].any()
    # The hole in the lungs (a heart, say) is no pinhole of the region.
    ring = np.ones((128, 128), np.bool_)
    ring[62:66, 62:66] = False
    assert not smoothed(disc((128, 128), 40), ring)[62:66, 62:66].any()


def test_nothing_stays_nothing() -> None:
    empty = np.zeros((64, 80), np.bool_)
    assert not smoothed(empty, ~empty).any()
