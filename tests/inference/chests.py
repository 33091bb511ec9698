"""A crude chest."""

from __future__ import annotations

import numpy as np

from infmap.core.types import Radiograph

Pair = tuple[np.ndarray, np.ndarray]


def film(pixels: np.ndarray, **fields: str) -> Radiograph:
    return Radiograph(np.ascontiguousarray(np.clip(pixels, 0, 1), dtype=np.float32), **fields)
