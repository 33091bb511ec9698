"""Line integrals to grey levels: scatter, noise, logarithm, grey-level curve, side marker."""

from __future__ import annotations

import numpy as np

from infmap.core.types import Float32Image
from infmap.phantom.anatomy import Habitus
from infmap.phantom.fields import Plane, blur_matrix

SCATTER = 0.5
"""Scattered over primary signal, averaged over the film."""

# Both chosen by hand, not measured.
PHOTONS = 12000.0
"""Quanta per 0.08 cm pixel in the open beam; the noise of a bedside film."""

LETTER_R = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")


def expose(integral: Plane, patient: Habitus, rng: np.random.Generator) -> Float32Image:
    """Line integrals to grey levels: float32 (H, W), [0, 1]."""
    size = integral.shape[0]
    # Blur of the focal spot and the screen, 0.44 mm on the 40 cm film.
    focus = blur_matrix(size, 0.0011 * size)
    primary = np.exp(-(focus @ integral @ focus.T))
    # Scatter reaches 3 cm; rays beside the body are capped, since they meet nothing that scatters.
    spread = blur_matrix(size, 0.075 * size)
    capped = np.minimum(primary, 0.45)
    signal = primary + SCATTER * (spread @ capped @ spread.T) * 0.35
    # Quantum noise: the spread of a count is its square root; a finer pixel counts fewer quanta.
    noise = rng.standard_normal(signal.shape).astype(np.float32)
    quanta = PHOTONS * (512.0 / size) ** 2
    signal += np.sqrt(signal / quanta) * noise
    # Films and processing stations are logarithmic; 1e-4 keeps the logarithm finite.
    level = -np.log(np.maximum(signal, 1e-4))
    # What a processing station does: the range is set by the film, not by the dose.
    low, high = np.percentile(level, [1.0, 99.0])
    level = np.clip((level - low) / (high - low), 0.0, 1.08) / 1.08
    return np.asarray(np.clip(level ** (1.0 + patient.level), 0.0, 1.0), dtype=np.float32)


def mark(pixels: Float32Image) -> None:
    """Burn in the side marker, in place, at the patient's right."""
    size = pixels.shape[0]
    dot = max(1, size // 160)
    glyph = np.array([[int(c) for c in row] for row in LETTER_R], dtype=bool)
    glyph = np.kron(glyph, np.ones((dot, dot), dtype=bool))
    top, left = round(0.05 * size), round(0.05 * size)
    view = pixels[top : top + glyph.shape[0], left : left + glyph.shape[1]]
    view[glyph] = 0.96
