"""Tests of `infmap.inference.preprocess`."""

import numpy as np
import pytest

from infmap.inference import Preprocessing
from infmap.inference.preprocess import to_film, to_network


@pytest.mark.parametrize("shape", [(300, 200), (123, 457), (64, 64)])
def test_a_plane_goes_to_the_network_and_back_to_its_place(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    film = ((rows + columns) / (sum(shape) - 2)).astype(np.float32)
    plane, fit = to_network(film, Preprocessing(size=256, low=0.0, high=100.0))
    assert plane.shape == (256, 256) and plane[fit.window].shape == (fit.rows, fit.columns)
    assert max(fit.rows, fit.columns) == 256
    assert np.abs(to_film(plane, fit) - film).mean() < 0.02
