"""Planes and smoothers that the parts of the phantom share."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def root(value: NDArray[np.floating], power: float) -> Plane:
    """Float32 root of ``value``, 0 where that is negative; the profile of a superellipse."""
    return np.asarray(np.maximum(value, 0.0) ** np.float32(1.0 / power), dtype=np.float32)


def blur_matrix(size: int, sigma: float) -> Plane:
    """Float32 (size, size): Gaussian blur along one axis, normalized at the borders."""
    at = np.arange(size, dtype=np.float32)
    weight = np.exp(-0.5 * ((at[:, None] - at[None, :]) / max(sigma, 0.3)) ** 2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)


def fractal(rng: np.random.Generator, size: int, cells: int, octaves: int) -> Plane:
    """Float32 (size, size) fractal noise, mean 0, deviation 1; alike at every size."""
    total = np.zeros((size, size), dtype=np.float32)
    for k in range(octaves):
        count = cells * 2**k
        knots = rng.standard_normal((count + 3, count + 3)).astype(np.float32)
        at = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size * count + 1.0
        gap = np.abs(at - np.arange(count + 3, dtype=np.float32)[None, :])
        weight = np.where(gap < 1.5, np.cos(np.minimum(gap, 1.5) * math.pi / 3.0) ** 2, 0.0)
        weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        total += 0.55**k * (weight @ knots @ weight.T)
    return np.asarray((total - total.mean()) / total.std(), dtype=np.float32)
