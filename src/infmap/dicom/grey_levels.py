"""From stored numbers to grey levels in [0, 1], and from colour to grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.core.types import Float32Image, RealArray

# Per cent of pixels. The same as in the networks' preprocessing: chosen by hand there, so that
# markers and dead pixels do not set the range.
LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5
# Values: the 0.5th percentile of a million still rests on 5,000 of them.
_SAMPLE = 1_000_000
# Classes of brightness, 8 grey levels each: a tint varies little within one.
_BINS = 32
# Grey levels of 255 from the hue of the class. This and the three below: chosen by hand, not
# measured.
_CHROMA = 24.0
# Share of pixels with a colour of their own above which a picture is taken for a photograph.
_COLOUR_SHARE = 0.2
# Grey levels of 255 between channels above which a pixel counts as tinted.
_TINT = 12
# Share of tinted pixels below which the film is taken as grey without a word.
_TINT_SHARE = 0.05


def sample(values: RealArray) -> RealArray:
    """A regular sample of at most about a million values, for percentiles.

    Args:
        values: any shape.

    Returns:
        one-dimensional, same dtype.
    """
    flat = values.reshape(-1)
    return flat[:: max(1, flat.size // _SAMPLE)]


def stretch(values: RealArray, known: NDArray[np.bool_] | None = None) -> Float32Image:
    """Map the 0.5 to 99.5 percentile of the values to [0, 1], clipped beyond.

    Args:
        values: (H, W), any number type, any range.
        known: bool (H, W), which values count for the percentiles; None means all.

    Returns:
        float32 (H, W), [0, 1]; all 0 where the values do not differ.
    """
    counted = values[known] if known is not None and bool(known.any()) else values
    picked = sample(counted)
    low, high = (float(v) for v in np.percentile(picked, [LOW_PERCENTILE, HIGH_PERCENTILE]))
    if high <= low:
        low, high = float(counted.min()), float(counted.max())
    if high <= low:
        return np.zeros(values.shape, np.float32)
    scaled = (values.astype(np.float64) - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0).astype(np.float32)


def from_numbers(values: RealArray, bits: int | None = None) -> tuple[Float32Image, list[str]]:
    """Map grey values to grey levels by what their type and range say.

    bool: 0 and 1. uint8: v / 255. Floats within [0, 1]: kept. Wider unsigned integers: v over the
    full range of 16 bits, or of their own, where the brightest reaches half of it; else (12-bit
    detectors in 16-bit files) the percentile stretch. Signed integers without negative values are
    like unsigned ones. Everything else: the percentile stretch. A stretch is a warning.

    Args:
        values: (H, W), bool, integer or float.
        bits: of a value, where a file says that they are fewer than its type has.

    Returns:
        float32 (H, W), [0, 1]; and warnings.

    Raises:
        UnreadableFilm: not a plane of finite real numbers.
    """
    if values.ndim != 2 or values.size == 0:
        raise UnreadableFilm(
            f"expected a grey plane (H, W), got an array of shape {values.shape}; "
            "pass one plane of numbers"
        )
    if values.dtype.kind not in "buif":
        raise UnreadableFilm(
            f"expected real numbers, got an array of type {values.dtype}; "
            "convert it to uint8, uint16 or float32"
        )
    if values.dtype.kind == "f" and not bool(np.isfinite(values).all()):
        raise UnreadableFilm(
            "expected finite grey values, got NaN or infinity; replace them before reading"
        )
    low, high = float(values.min()), float(values.max())
    full = _full_range(values.dtype, bits, low, high)
    if full is not None:
        return np.divide(values, np.float32(full), dtype=np.float32), []
    return stretch(values), [f"grey values span {low:g} to {high:g}; stretched by percentiles"]


def _full_range(
    dtype: np.dtype[np.generic], bits: int | None, low: float, high: float
) -> float | None:
    """The value that white has, where type and range tell; None where they do not."""
    if dtype.kind == "b":
        return 1.0
    if dtype.kind == "f":
        return 1.0 if low >= 0.0 and high <= 1.0 else None
    if bits is not None and bits <= 8 and dtype.kind == "u" and high < 1 << bits:
        return float((1 << bits) - 1)
    if dtype == np.uint8:
        return 255.0
    if low < 0.0:
        return None
    # Half of the range reached: a film of 12 bits in a file of 16 stays below it and would come out
    # nearly black, so it is stretched instead.
    for depth in (16, 8 * dtype.itemsize):
        white = float((1 << depth) - 1)
        if high <= white and (high >= white / 2 or high == low):
            return white
    return None


def to_grey(rgb: NDArray[np.uint8]) -> tuple[Float32Image, list[str]]:
    """Turn a colour image of a grey film to grey, and refuse colour photographs.

    A tinted scan has one hue for each brightness; a photograph has many. So the chroma is measured
    as the distance from the median colour difference of the pixels of like brightness.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        float32 (H, W), [0, 1], luma of ITU-R BT.601; and warnings.

    Raises:
        RejectedFilm: more than a fifth of the pixels have a colour of their own.
    """
    if bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()):
        return np.divide(rgb[..., 0], np.float32(255.0), dtype=np.float32), []
    # 262,144 = 512 x 512 pixels are enough to measure shares of 5 and 20 %.
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 262_144)))
    some = rgb[::step, ::step].reshape(-1, 3).astype(np.float32)
    spread = some.max(axis=1) - some.min(axis=1)
    tinted = float((spread > _TINT).mean())
    if tinted > _TINT_SHARE:
        share = _own_colour(some)
        if share > _COLOUR_SHARE:
            raise RejectedFilm(
                f"expected a grey radiograph, got a colour picture ({share:.0%} of it coloured); "
                "give the film itself, not a photograph"
            )
    grey = np.zeros(rgb.shape[:2], np.float32)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        grey += rgb[..., channel] * np.float32(weight / 255.0)
    notes = ["the film is tinted; colours were turned to grey"] if tinted > _TINT_SHARE else []
    return np.clip(grey, 0.0, 1.0), notes


def _own_colour(pixels: Float32Image) -> float:
    """Share of pixels whose hue is not the one common to their brightness; (N, 3), 0 to 255."""
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    bins = np.minimum((luma * (_BINS / 256.0)).astype(np.int64), _BINS - 1)
    differences = pixels[:, (0, 2)] - pixels[:, (1,)]
    for index in np.unique(bins):
        inside = bins == index
        differences[inside] -= np.median(differences[inside], axis=0)
    return float((np.abs(differences).max(axis=1) > _CHROMA).mean())
