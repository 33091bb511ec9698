"""From film pixels to the network's input, and back to the film's grid.

The one place that does it: training, calibration and prediction all call it, and its parameters
travel in the model folder's manifest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from infmap.core.geometry import Fit
from infmap.core.types import BoolImage, Float32Image


@dataclass(frozen=True)
class Preprocessing:
    """How a film becomes the network's input.

    Attributes:
        size: side of the square, network pixels.
        low: percentile of the film's tones that becomes 0.
        high: percentile of the film's tones that becomes 1.
    """

    size: int = 256
    low: float = 0.5
    high: float = 99.5


def to_network(pixels: Float32Image, spec: Preprocessing) -> tuple[Float32Image, Fit]:
    """Scale by one factor, stretch the tones between two percentiles, and pad with black.

    Args:
        pixels: float32 (H, W), film pixels, [0, 1].
        spec: the model's preprocessing.

    Returns:
        float32 (size, size), network pixels, [0, 1]; and where the film lies in it.
    """
    fit = Fit(pixels.shape[0], pixels.shape[1], spec.size)
    film = resize(pixels, (fit.rows, fit.columns))
    low, high = np.percentile(film, [spec.low, spec.high])
    film = np.clip((film - low) / max(float(high - low), 1e-3), 0.0, 1.0)
    return fit.pad(film.astype(np.float32)).astype(np.float32), fit


def to_film(plane: Float32Image, fit: Fit) -> Float32Image:
    """Bring a network plane back to the film's grid.

    Args:
        plane: float32 (size, size), network pixels, [0, 1].
        fit: where the film lies in it.

    Returns:
        float32 (H, W), film pixels, [0, 1].
    """
    return np.clip(resize(plane[fit.window], (fit.height, fit.width)), 0.0, 1.0)


def mask_to_network(mask: BoolImage, fit: Fit) -> BoolImage:
    """Bring a film mask (H, W) to the network's square (size, size)."""
    film = resize(mask.astype(np.float32), (fit.rows, fit.columns)) >= 0.5
    return fit.pad(film).astype(np.bool_)


def resize(plane: Float32Image, shape: tuple[int, int]) -> Float32Image:
    """Resample a float32 plane to (rows, columns), bilinear with antialiasing on reduction."""
    if plane.shape == shape:
        return plane.astype(np.float32)
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(
        image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, reducing_gap=2.0),
        dtype=np.float32,
    )
