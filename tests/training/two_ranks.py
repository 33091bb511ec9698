"""A run that two processes share."""

from __future__ import annotations

import numpy as np

from infmap.inference import Preprocessing
from infmap.training.config import TrainingConfig
from infmap.training.dataset import render_phantoms


def config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 1, "size": 64, "sources": {"phantom": 1}}],
        "size": 64,
        "batch_size": 2,
        "micro_batches": 2,
        "precision": "float32",
        "validate_every": 1,
        "device": "cpu",
    }
    return TrainingConfig.model_validate({**values, **changes})


def some_films():
    found = render_phantoms(16, Preprocessing(size=64))
    found.classes[:8] = np.arange(8) % 3
    return found
