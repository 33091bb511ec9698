"""Activation maps of the classifier, and how well maps localize infection.

Importing this package imports no torch; making an activation map does.
"""

from __future__ import annotations

from infmap.explain.activation import METHODS, STRIDES, activation_maps
from infmap.explain.localization import (
    Figure,
    Localization,
    MapSet,
    Ratios,
    Truth,
    best_threshold,
    compare,
    localize,
)

__all__ = [
    "METHODS",
    "STRIDES",
    "Figure",
    "Localization",
    "MapSet",
    "Ratios",
    "Truth",
    "activation_maps",
    "best_threshold",
    "compare",
    "localize",
]
