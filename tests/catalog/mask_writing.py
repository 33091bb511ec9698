"""Masks as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Write = Callable[[Path], None]


def plane(values: np.ndarray) -> Write:
    return lambda path: Image.fromarray(values).save(path)


def infected(value: float, kind: type = np.uint8) -> Write:
    region = np.zeros((96, 96), kind)
    region[20:40, 30:50] = value
    return plane(region)
