"""Small films for the tests of near-duplicates."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.dedup.thumbnails import thumbnail

sys.path.insert(0, str(Path(__file__).parent))
from disguises import small_films  # noqa: E402


@pytest.fixture(scope="module")
def planes() -> list[np.ndarray]:
    """Small films, each of its own texture."""
    return small_films()


@pytest.fixture(scope="module")
def thumbs(planes: list[np.ndarray]) -> np.ndarray:
    """Their thumbnails."""
    return np.stack([thumbnail(plane) for plane in planes])
