"""A crude chest."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chests import Pair  # noqa: E402


@pytest.fixture(scope="session")
def synthetic() -> Pair:
    """A crude chest: bright body, two dark lungs that part downwards, dark corners."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    lean = 12 * (y - 128) / 80
    right = ((x - 80 + lean) / 32) ** 2 + ((y - 130) / 85) ** 2 < 1
    left = ((x - 176 - lean) / 32) ** 2 + ((y - 130) / 85) ** 2 < 1
    lungs = right | left
    body = 0.45 + 0.4 * y / 256 - 0.3 * (np.abs(x - 128) / 128) ** 2
    pixels = np.where(lungs, 0.25, body)
    pixels += np.random.default_rng(0).normal(0, 0.01, pixels.shape)
    return pixels.astype(np.float32), lungs
