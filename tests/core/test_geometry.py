"""Tests of `infmap.core.geometry`."""

import pytest

from infmap.core.geometry import Box, Letterbox


def test_a_fit_refuses_a_part_beyond_the_film():
    with pytest.raises(ValueError, match="part"):
        Letterbox(100, 100, 64, Box(10, 0, 95, 100))
    with pytest.raises(ValueError, match="positive"):
        Box(-1, 0, 5, 5)


def test_a_fit_refuses_empty_films():
    with pytest.raises(ValueError, match="positive"):
        Letterbox(0, 10, 256)
