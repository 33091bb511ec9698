"""Tests of `infmap.phantom.vessels`."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.phantom.anatomy import Anatomy, habitus
from infmap.phantom.vessels import vessels


@pytest.fixture(scope="module")
def body() -> Anatomy:
    return Anatomy(habitus(np.random.default_rng(0)), 96)


def test_vessels_attenuate_where_lung_is_aerated_and_nowhere_else(body: Anatomy) -> None:
    plane = vessels(body, np.random.default_rng(1))
    assert plane.min() >= 0.0
    assert not plane[body.air == 0].any()
    assert plane[body.right].any()
    assert plane[body.left].any()


def test_vessels_thin_out_from_the_hilum_to_the_wall(body: Anatomy) -> None:
    plane = vessels(body, np.random.default_rng(1))
    fields = body.right | body.left
    aside = np.broadcast_to(np.abs(body.x), plane.shape)
    near = plane[fields & (aside > 3.5) & (aside < 6.5)].mean()
    far = plane[fields & (aside > 10.0)].mean()
    assert near > 2 * far


def test_a_seed_draws_the_same_tree(body: Anatomy) -> None:
    first, again, other = (vessels(body, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
