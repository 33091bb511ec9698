"""Tests of `infmap.phantom.fields`."""

from __future__ import annotations

import numpy as np
import pytest

from infmap.phantom.fields import blur_matrix, fractal, root


def test_a_root_is_nought_where_there_is_none() -> None:
    found = root(np.array([-1.0, 0.0, 4.0, 27.0]), 2.0)
    np.testing.assert_allclose(found, [0.0, 0.0, 2.0, 27.0**0.5], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("sigma", [0.0, 2.0, 50.0])
def test_a_blur_keeps_a_plain_field_to_its_borders(sigma: float) -> None:
    np.testing.assert_allclose(blur_matrix(20, sigma).sum(axis=1), 1.0, rtol=1e-5)


def test_a_wider_blur_spreads_a_point_further() -> None:
    point = np.zeros(41, np.float32)
    point[20] = 1.0
    narrow, wide = (blur_matrix(41, sigma) @ point for sigma in (1.0, 4.0))
    assert narrow[20] > wide[20]
    assert narrow[26] < wide[26]


def test_noise_is_standardised_and_alike_at_every_size() -> None:
    small, large = (fractal(np.random.default_rng(3), size, 6, 2) for size in (64, 128))
    for plane in (small, large):
        assert abs(float(plane.mean())) < 1e-4
        assert abs(float(plane.std()) - 1.0) < 1e-4
    halved = large.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), halved.ravel())[0, 1] > 0.99
