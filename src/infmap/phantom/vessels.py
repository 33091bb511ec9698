"""Pulmonary vessels, branching from both hila."""

from __future__ import annotations

import math

import numpy as np

from infmap.phantom.anatomy import AERATED, SOFT, Anatomy
from infmap.phantom.fields import Plane


def vessels(body: Anatomy, rng: np.random.Generator) -> Plane:
    """Line integral that the pulmonary vessels add, branching from both hila."""
    plane = np.zeros((body.size, body.size), dtype=np.float32)
    for side in (-1, 1):
        # The left hilum stands higher, above the main bronchus.
        hilum = (side * 4.3, 18.3 - 0.8 * (side > 0))
        for heading in np.linspace(-1.35, 1.45, 9) + rng.uniform(-0.16, 0.16, 9):
            _branch(body, plane, rng, side, hilum, float(heading), 0.50, 4)
        trunk = [(4.0, 16.6, 0), (4.4, 18.2, 0), (4.7, 20.0, 0), (5.1, 22.4, 0), (5.5, 24.4, 0)]
        body.draw(plane, [(side * x, y, z) for x, y, z in trunk], 0.7, end=0.25)
    return np.asarray(
        2.4 * (SOFT - AERATED) * np.minimum(plane, 2.0) * np.minimum(body.air / 3.0, 1.0),
        dtype=np.float32,
    )


def _branch(
    body: Anatomy,
    plane: Plane,
    rng: np.random.Generator,
    side: int,
    start: tuple[float, float],
    heading: float,
    radius: float,
    depth: int,
) -> None:
    x, y = start
    path = [(x, y, 0.0)]
    for _ in range(3):
        heading += float(rng.normal(0.0, 0.11))
        step = float(rng.uniform(0.55, 1.0))
        x, y = x + side * step * math.cos(heading), y + 1.15 * step * math.sin(heading)
        path.append((x, y, 0.0))
    body.draw(plane, path, radius, end=radius * 0.8)
    if depth == 0:
        return
    spread = float(rng.uniform(0.2, 0.42))
    # Ratios of radii at a fork; chosen by hand below the 0.79 of Murray's law for an even one.
    for turn, narrow in ((spread, 0.68), (-spread * float(rng.uniform(0.5, 1.2)), 0.74)):
        _branch(body, plane, rng, side, (x, y), heading + turn, radius * narrow, depth - 1)
