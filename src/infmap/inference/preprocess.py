"""From film pixels to the network's input, and back to the film's grid.

The one place that does it: training, calibration and prediction all call it, and its parameters
travel in the model folder's manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from infmap.core.geometry import Box, Fit
from infmap.core.types import BoolImage, Float32Image
from infmap.inference.field import exposed_field

CROPS = ("field", None)


@dataclass(frozen=True)
class Preprocessing:
    """How a film becomes the network's input.

    Attributes:
        size: side of the square, network pixels.
        low: percentile of the grey levels that becomes 0.
        high: percentile of the grey levels that becomes 1.
        crop: "field" to cut plain margins first, see ``infmap.inference.field``; None for the
            whole film.

    Raises:
        ValueError: no such crop.
    """

    size: int = 256
    low: float = 0.5
    high: float = 99.5
    crop: str | None = "field"

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ValueError(f"expected crop 'field' or none, got {self.crop!r}")

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> Preprocessing:
        """As a manifest or pack states it; one without a crop was written before there was any.

        Raises:
            TypeError: a field is unknown.
            ValueError: no such crop.
        """
        return cls(**{"crop": None, **values})


def to_network(pixels: Float32Image, spec: Preprocessing) -> tuple[Float32Image, Fit]:
    """Cut to the field, scale by one factor, stretch between two percentiles, pad with black.

    Args:
        pixels: float32 (H, W), film pixels, [0, 1].
        spec: the model's preprocessing.

    Returns:
        float32 (size, size), network pixels, [0, 1]; and where the film lies in it.
    """
    height, width = pixels.shape
    field = exposed_field(pixels) if spec.crop else None
    part = None if field == Box(0, 0, height, width) else field
    fit = Fit(height, width, spec.size, part)
    film = resize(pixels[fit.field.slices], (fit.rows, fit.columns))
    low, high = np.percentile(film, [spec.low, spec.high])
    film = np.clip((film - low) / max(float(high - low), 1e-3), 0.0, 1.0)
    return fit.pad(film.astype(np.float32)).astype(np.float32), fit


def to_film(plane: Float32Image, fit: Fit) -> Float32Image:
    """Bring a network plane back to the film's grid.

    Args:
        plane: float32 (size, size), network pixels, [0, 1].
        fit: where the film lies in it.

    Returns:
        float32 (H, W), film pixels, [0, 1]; 0 outside the field.
    """
    field = fit.field
    part = np.clip(resize(plane[fit.window], (field.height, field.width)), 0.0, 1.0)
    if part.shape == (fit.height, fit.width):
        return part
    film = np.zeros((fit.height, fit.width), np.float32)
    film[field.slices] = part
    return film


def mask_to_network(mask: BoolImage, fit: Fit) -> BoolImage:
    """Bring a film mask (H, W) to the network's square (size, size)."""
    field = mask[fit.field.slices].astype(np.float32)
    film = resize(field, (fit.rows, fit.columns)) >= 0.5
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
