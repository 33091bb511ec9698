"""A run that two processes share."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from infmap.inference import Preprocessing
from infmap.training.dataset import render_phantoms

sys.path.insert(0, str(Path(__file__).parent))
from small import small_config  # noqa: E402


def config(**changes):
    stages = [{"epochs": 1, "size": 64, "sources": {"phantom": 1}}]
    two = {"stages": stages, "batch_size": 2, "micro_batches": 2, "validate_every": 1}
    return small_config(**{**two, **changes})


def some_films():
    found = render_phantoms(16, Preprocessing(size=64))
    found.classes[:8] = np.arange(8) % 3
    return found
