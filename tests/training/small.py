"""Small films and a short run."""

from __future__ import annotations

import numpy as np

from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films


def small_films(n=12, size=64, source="a"):
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (n, size, size), dtype=np.uint8)
    masks = np.zeros((n, size, size), np.uint8)
    masks[::2, 16:48, 16:48] = 1 | 2 | 4
    rows = [{"film_id": f"{source}{i}", "source": source} for i in range(n)]
    return Films(rows, images, masks, np.ones((n, 3), np.uint8), np.arange(n, dtype=np.int64) % 2)


def small_config(**changes):
    values = {
        "snapshot": "snapshot",
        "network": {"weights": "random"},
        "stages": [{"epochs": 2, "size": 64, "sources": {"a": 1}}],
        "size": 64,
        "batch_size": 4,
        "precision": "float32",
        "device": "cpu",
    }
    return TrainingConfig.model_validate({**values, **changes})
