"""How unlike an upright frontal chest film a picture is, by its lungs and what lies around them.

The picture and its map of lung probability are cut to a box around the lungs and brought to a small
grid. Principal components of real films describe both together. Their scores, the energy that they
leave over and a few figures enter a logistic rule, fitted by ``tools/fit_gate.py`` on real films
against other pictures and films that are turned, tilted or negative. The numbers lie in
``likeness.npz``, with their origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.types import BoolImage

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
FILE = Path(__file__).with_name("likeness.npz")
# GRID, AROUND, GREY and FARTHEST were chosen by hand with figures of both halves of the films in
# view (docs/quality-gate.md, "Limits of the gate"): the rates there are optimistic for that.
GRID = 20
"""Side of the grid, samples."""

AROUND = 0.2
"""Margin of the box around the lungs, in lung heights and widths."""

GREY = 0.3
"""Weight of a grey level, in standard deviations of the box, against a lung probability."""

FARTHEST = 25.0
"""Largest square of a score that counts, in variances: one odd component condemns no film."""


def appearance(film: Float64, probs: Float32, lungs: BoolImage) -> Float64:
    """What a picture looks like around its lungs.

    Args:
        film: (H, W), the exposed field, [0, 1].
        probs: float32 (H, W), lung probability, [0, 1], the same grid.
        lungs: bool (H, W), lung mask, the same grid, not empty.

    Returns:
        (2 * GRID**2,): grey levels, then lung probabilities.
    """
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    down, across = AROUND * (bottom - top), AROUND * (right - left)
    box = (
        round(left - across),
        round(top - down),
        round(right + across),
        round(bottom + down),
    )

    def cut(plane: NDArray[np.floating]) -> Float64:
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32)).crop(box)
        small = image.resize((GRID, GRID), Image.Resampling.BOX)
        return np.asarray(small, np.float64).ravel()

    grey = cut(film)
    # 0.02: 5 levels in 255, below which there is nothing but noise to scale up.
    grey = (grey - grey.mean()) / max(float(grey.std()), 0.02)
    return np.concatenate([GREY * grey, cut(probs)])


def terms(looks: Float64, figures: Mapping[str, float], basis: Mapping[str, Float64]) -> Float64:
    """What the logistic rule weighs.

    Args:
        looks: (2 * GRID**2,), as ``appearance`` returns it.
        figures: of the film and its lungs.
        basis: ``mean`` (D,), ``components`` (K, D) and ``variance`` (K,) of real films.

    Returns:
        (2 K + 5,): scores in standard deviations, their squares, the logarithm of the energy left
        over, and four figures.
    """
    centred = looks - basis["mean"]
    scores = basis["components"] @ centred
    left = float(np.sum((centred - scores @ basis["components"]) ** 2))
    scores = scores / np.sqrt(basis["variance"])
    return np.concatenate([
        scores,
        np.minimum(scores**2, FARTHEST),
        [
            # Logarithms of energies and shares, which spread over decades; the small terms keep 0
            # finite.
            np.log(left + 1e-6),
            # NaN only for a film of one grey level, which earlier limits reject.
            np.nan_to_num(figures["frontal_match"]),
            np.log(figures["lung_doubt"] + 0.01),
            np.log(figures["lung_share"] + 0.001),
            figures["lung_ratio"],
        ],
    ])  # fmt: skip


def unlikeness(looks: Float64, figures: Mapping[str, float]) -> float:
    """Log-odds of being no upright frontal chest film; 0 is as likely as not.

    Args:
        looks: as ``appearance`` returns it.
        figures: ``frontal_match``, ``lung_doubt``, ``lung_share`` and ``lung_ratio``.
    """
    numbers = fitted()
    return float(terms(looks, figures, numbers) @ numbers["weights"] + numbers["offset"][0])


@cache
def fitted() -> dict[str, Float64]:
    """The numbers of the rule, as ``tools/fit_gate.py`` wrote them."""
    with np.load(FILE) as file:
        return {name: file[name].astype(np.float64) for name in file.files if name != "origin"}
