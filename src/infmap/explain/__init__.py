"""Activation maps of the classifier.

Importing this package imports no torch; making an activation map does.
"""

from __future__ import annotations

from infmap.explain.activation import METHODS, STRIDES, activation_maps

__all__ = ["METHODS", "STRIDES", "activation_maps"]
