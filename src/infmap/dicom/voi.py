"""Stored values to grey levels: modality LUT, VOI LUT or window, then polarity (PS3.4 N.2).

A file may state several ways to show the film, and any of them may be broken or meant for another
film. The first that shows it is taken; where none does, percentiles of the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from infmap.core.types import Float32Image, RealArray
from infmap.dicom.elements import items, number, numbers, text, whole
from infmap.dicom.grey_levels import sample, stretch
from infmap.dicom.lut import Lut, is_big_endian, lut_of

View = tuple[str, Callable[[RealArray], Float32Image]]
# Share of values at either end that is left out of the span, as in the percentile stretch of
# `infmap.dicom.grey_levels`: markers and dead pixels.
_EDGE = 0.005
# This and the next: chosen by hand, not measured.
_MOST_CLIPPED = 0.2
"""Share of differing pixels that a window may turn black or white: air beside the body is less."""

_LEAST_SPAN = 0.2
"""Part of the grey levels that a window must use: a 16-bit window on a 12-bit film uses 1/16."""


def grey_levels_of(dataset: Dataset, stored: RealArray, notes: list[str]) -> Float32Image:
    """Grey levels of a grey film.

    Args:
        dataset: its header.
        stored: (H, W), numbers, as stored.
        notes: gets a sentence for whatever was guessed, repaired or left out.

    Returns:
        float32 (H, W), [0, 1], air dark, bone bright.
    """
    padding = _padding(dataset, stored)
    known = None if padding is None else ~padding
    values = _modality(dataset, stored, notes)
    levels = _shown(dataset, values, known, notes)
    if _is_inverse(dataset, notes):
        levels = invert(levels)
    if padding is not None:
        # Last, so that inversion does not turn padding white.
        levels[padding] = np.float32(0.0)
    return levels


def invert(levels: Float32Image) -> Float32Image:
    """Swap bright and dark within the range that the grey levels really span.

    Args:
        levels: float32 (H, W), [0, 1].

    Returns:
        float32 (H, W), the same range.
    """
    low, high = float(levels.min()), float(levels.max())
    result: Float32Image = np.clip((high + low) - levels, low, high).astype(np.float32)
    return result


def window(
    values: RealArray, center: float, width: float, function: str = "LINEAR"
) -> Float32Image:
    """Window of PS3.3 C.11.2.1.2 and C.11.2.1.3, with black 0 and white 1.

    Args:
        values: (H, W), any number type, after the modality LUT.
        center: window centre.
        width: window width, at least 1 for LINEAR, above 0 otherwise.
        function: "LINEAR", "LINEAR_EXACT" or "SIGMOID"; anything else is LINEAR.

    Returns:
        float32 (H, W), [0, 1].
    """
    x = values.astype(np.float64)
    if function == "SIGMOID" and width > 0:
        # 60: keeps exp finite; the grey level is 0 or 1 there within float32.
        power = np.clip(-4.0 * (x - center) / width, -60.0, 60.0)
        return (1.0 / (1.0 + np.exp(power))).astype(np.float32)
    # LINEAR puts black at c - 0.5 - (w - 1) / 2 and white at c - 0.5 + (w - 1) / 2.
    if function != "LINEAR_EXACT":
        center, width = center - 0.5, width - 1.0
    if width <= 0:
        return (x > center).astype(np.float32)
    return np.clip((x - center) / width + 0.5, 0.0, 1.0).astype(np.float32)


def _modality(dataset: Dataset, stored: RealArray, notes: list[str]) -> RealArray:
    """Modality LUT, else rescale, else the values as they are."""
    for item in items(dataset, "ModalityLUTSequence"):
        table = lut_of(item, is_big_endian(dataset))
        if table is None:
            notes.append("the modality LUT is incomplete and was ignored")
            continue
        values = table.apply(stored)
        if _is_constant(values) and not _is_constant(stored):
            notes.append("the modality LUT does not fit the film and was ignored")
            continue
        return values
    slope = number(dataset, "RescaleSlope", 1.0, notes)
    intercept = number(dataset, "RescaleIntercept", 0.0, notes)
    if not slope or intercept is None:
        notes.append("RescaleSlope is 0 and was ignored")
        return stored
    if (slope, intercept) == (1.0, 0.0):
        return stored
    return stored.astype(np.float64) * slope + intercept


def _shown(
    dataset: Dataset, values: RealArray, known: NDArray[np.bool_] | None, notes: list[str]
) -> Float32Image:
    """Grey levels by the first stated way that shows the film, else by percentiles."""
    # Padding does not count: it may be a value far outside the film's and would pass for contrast.
    picked = sample(values[known] if known is not None else values)
    hidden: list[str] = []
    for name, show in _ways(dataset, notes):
        if _shows(show(picked), picked):
            if hidden:
                notes.append(f"{hidden[0]} does not fit the film; {name} was used instead")
            return show(values)
        hidden.append(name)
    if hidden:
        notes.append(
            f"{hidden[0]} hides the film, or much of it; grey levels were stretched by percentiles"
        )
    else:
        notes.append("the file states no usable window; grey levels were stretched by percentiles")
    return stretch(values, known)


def _ways(dataset: Dataset, notes: list[str]) -> Iterator[View]:
    """VOI LUTs, then windows, in their order."""
    for item in items(dataset, "VOILUTSequence"):
        table = lut_of(item, is_big_endian(dataset))
        if table is None:
            notes.append("a VOI LUT is incomplete and was ignored")
            continue
        low, high = float(table.entries.min()), float(table.entries.max())
        if high > low:
            # Defaults bind this turn of the loop: the function is called after the loop has gone
            # on.
            def look_up(
                values: RealArray, table: Lut = table, low: float = low, high: float = high
            ) -> Float32Image:
                found = table.apply(values).astype(np.float32)
                return np.asarray((found - np.float32(low)) / np.float32(high - low))

            yield "the stated VOI LUT", look_up
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    exact = function in ("LINEAR_EXACT", "SIGMOID")
    centers = numbers(dataset, "WindowCenter", notes)
    widths = numbers(dataset, "WindowWidth", notes)
    if None in (*centers, *widths) or len(centers) != len(widths):
        notes.append("a stated window is not a pair of numbers and was ignored")
    for center, width in _pairs(centers, widths):
        # The standard's own limits (C.11.2.1.2.1, C.11.2.1.3): 1 for LINEAR, above 0 for the exact
        # ones.
        if width > 0 if exact else width >= 1:

            def through(
                values: RealArray, center: float = center, width: float = width
            ) -> Float32Image:
                return window(values, center, width, function)

            yield "the stated window", through
        else:
            notes.append(f"a window of width {width:g} is no window and was ignored")


def _pairs(centers: list[float | None], widths: list[float | None]) -> list[tuple[float, float]]:
    """Centres and widths that belong together; where none do, the first number of each."""
    if len(centers) == len(widths):
        both = [(c, w) for c, w in zip(centers, widths) if c is not None and w is not None]
        if both:
            return both
    first = [[value for value in found if value is not None][:1] for found in (centers, widths)]
    return list(zip(*first))


def _shows(levels: Float32Image, values: RealArray) -> bool:
    """Whether grey levels keep what differs in the values.

    Collimated borders and saturated pixels are one value each and are clipped by any window, so
    the extreme values do not count. Of the rest, a window for this film clips little and spans
    much of the grey levels; one for another bit depth or body part does not.

    Args:
        levels: float32 (N,), [0, 1].
        values: (N,), what they were made from.
    """
    low, high = values.min(), values.max()
    if low == high:
        return True
    inner = (values > low) & (values < high)
    if not inner.any():
        return bool(levels.min() < levels.max())
    shown = levels[inner]
    if float(((shown <= 0.0) | (shown >= 1.0)).mean()) > _MOST_CLIPPED:
        return False
    span = np.percentile(levels, [100 * _EDGE, 100 * (1 - _EDGE)])
    return bool(span[1] - span[0] >= _LEAST_SPAN)


def _is_constant(values: RealArray) -> bool:
    return bool(values.min() == values.max())


def _is_inverse(dataset: Dataset, notes: list[str]) -> bool:
    """Whether small values are bright; stated twice it is still one inversion."""
    photometric = text(dataset, "PhotometricInterpretation")
    shape = text(dataset, "PresentationLUTShape")
    negative = photometric == "MONOCHROME1"
    if (shape == "INVERSE") != negative and shape in ("INVERSE", "IDENTITY"):
        notes.append(f"{photometric} with PresentationLUTShape {shape}; shown inverted once")
        return True
    return negative


def _padding(dataset: Dataset, stored: RealArray) -> NDArray[np.bool_] | None:
    """Stored pixels that are no part of the film (PS3.3 C.7.5.1.1.2), bool (H, W)."""
    first = whole(dataset, "PixelPaddingValue")
    if first is None:
        return None
    last = whole(dataset, "PixelPaddingRangeLimit", first)
    bounds = [_like(stored, value) for value in (first, last if last is not None else first)]
    mask = np.asarray((stored >= min(bounds)) & (stored <= max(bounds)))
    return mask if bool(mask.any()) and not bool(mask.all()) else None


def _like(stored: RealArray, value: int) -> int:
    """A 16-bit value with the sign that the pixels have, whichever way it is written."""
    if stored.dtype.kind == "i" and stored.dtype.itemsize == 2 and value >= 0x8000:
        return value - 0x10000
    return value & 0xFFFF if stored.dtype.kind == "u" and value < 0 else value
