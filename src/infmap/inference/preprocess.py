"""From film pixels to the network's input, and back to the film's grid.

The one place that does it: training, calibration and prediction all call it, and its parameters
travel in the model folder's manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.geometry import Box, Letterbox
from infmap.core.types import BoolImage, Float32Image
from infmap.inference.field import exposed_field

CROPS = ("field", None)

Level = TypeVar("Level", np.float32, np.uint8)


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
        ValueError: no such crop, or a size or percentile out of range.
    """

    __pydantic_config__ = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

    size: int = 256
    low: float = 0.5
    high: float = 99.5
    crop: str | None = "field"

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ValueError(f"expected crop 'field' or none, got {self.crop!r}")
        # 32: the encoders halve the side five times. 4096: 16 million pixels, beyond any network
        # here; a damaged manifest must not allocate the memory of the machine.
        if not 32 <= self.size <= 4096:
            raise ValueError(f"expected a size from 32 to 4096, got {self.size!r}")
        if not 0.0 <= self.low < self.high <= 100.0:
            raise ValueError(
                f"expected percentiles low below high in [0, 100], got {self.low!r}, {self.high!r}"
            )

    @classmethod
    def from_record(cls, values: Mapping[str, object]) -> Preprocessing:
        """As a manifest or pack states it; one without a crop was written before there was any.

        Raises:
            ValueError: a field is unknown, of another type, or out of range.
        """
        from pydantic import TypeAdapter

        # By way of JSON, where a strict class takes an object for an instance.
        return TypeAdapter(cls).validate_json(json.dumps({"crop": None, **values}))


def to_network(pixels: Float32Image, spec: Preprocessing) -> tuple[Float32Image, Letterbox]:
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
    fit = Letterbox(height, width, spec.size, part)
    # Resized before the percentiles are taken: they then depend on what the network sees, and
    # little on the film's resolution or noise.
    film = resize(pixels[fit.field.slices], (fit.rows, fit.columns))
    low, high = np.percentile(film, [spec.low, spec.high])
    # Percentiles instead of the extremes: a marker or a dead pixel would otherwise set the scale.
    # 1e-3, a quarter of a level in 255, keeps a constant film from becoming amplified noise.
    film = np.clip((film - low) / max(float(high - low), 1e-3), 0.0, 1.0)
    return fit.pad(film.astype(np.float32)).astype(np.float32), fit


def to_film(plane: NDArray[Level], fit: Letterbox, *, nearest: bool = False) -> NDArray[Level]:
    """Bring a network plane back to the film's grid.

    It keeps order: a plane that is nowhere below another stays so, to the last bit.

    Args:
        plane: float32 or uint8 (size, size), network pixels.
        fit: where the film lies in it.
        nearest: take the nearest value instead of weighing its neighbours, for labels.

    Returns:
        (H, W) of the same type, film pixels, within the plane's range, 0 outside the field; an
        array of its own.
    """
    seen, field = plane[fit.window], fit.field
    part = resize(seen, (field.height, field.width), nearest=nearest)
    if part.dtype != np.uint8:
        # Interpolation in float32 may overshoot by a rounding, and a map above its own peak would
        # break what postprocess promises.
        part = np.clip(part, seen.min(), seen.max())
    if part.shape == (fit.height, fit.width):
        return part
    film = np.zeros((fit.height, fit.width), plane.dtype)
    film[field.slices] = part
    return film


def mask_to_network(mask: BoolImage, fit: Letterbox) -> BoolImage:
    """Bring a film mask (H, W) to the network's square (size, size)."""
    field = mask[fit.field.slices].astype(np.float32)
    # Half covered or more: keeps a mask's area on average.
    film = resize(field, (fit.rows, fit.columns)) >= 0.5
    return fit.pad(film).astype(np.bool_)


def resize(
    plane: NDArray[Level], shape: tuple[int, int], *, nearest: bool = False
) -> NDArray[Level]:
    """Resample a float32 or uint8 plane to (rows, columns).

    Bilinear, with antialiasing on reduction, unless the nearest value is asked for. Pillow's
    weights are never negative, so values stay within the plane's range but for a float's rounding.
    """
    if plane.shape == shape:
        return plane.copy()
    way = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    # 2.0: Pillow first shrinks by a whole factor to twice the size asked for: faster on large
    # films, at a small loss of accuracy (Pillow's documentation of reducing_gap).
    gap = None if nearest else 2.0
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.array(image.resize((shape[1], shape[0]), way, reducing_gap=gap), dtype=plane.dtype)
