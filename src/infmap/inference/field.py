"""The exposed field of a picture: the film without plain margins.

Collimation, letterboxing, the frame of a viewer and padding of any grey level say nothing of the
patient, but they change the scale, the percentiles and so the answer. A margin is a run of lines
from one side of the picture whose grey levels are the same all along; margins within margins are
cut one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infmap.core.geometry import Box
from infmap.core.types import Float32Image

# All limits of this module are grey levels or shares; they were chosen by hand and then checked on
# 6,811 real films (docs/decisions/019): one of 4,660 lung masks loses 0.08 % of its area.
LINES, SAMPLES = 512, 256
"""Most lines a side, and samples along each, that are looked at: two lines a network pixel."""

BLOCK = 4
"""Samples averaged along a line, which takes half of a noise away and leaves anatomy."""

OUTLIERS = 0.1
"""Share of a line at either end of its grey levels that may differ: side markers, viewer text."""

FLAT = 0.05
"""Widest range of grey levels of a plain line, in units of the full range: noise of 4 levels in
255, and JPEG's ringing; lines through a patient span 0.2 and more."""

EXACT = 0.012
"""The same for margins that were drawn, not exposed: 3 levels in 255."""

LEVEL = 0.04
"""Largest difference in grey level of lines of one margin, in units of the full range."""

EDGE, WITHIN = 0.06, 3
"""Step in grey level, in the median along the line, and lines within which it is an edge."""

DARK, BRIGHT = 0.1, 0.95
"""Grey levels below and above which a margin may end without an edge, where its lines stop being
half as plain: air beside the patient, and saturation. A uniform abdomen on a film of low contrast
lies between them."""

LEAST = 0.02
"""Narrower margins, as a share of the picture's side, stay: they change no answer, and a film that
fits the network's grid is not resampled for a line or two."""

PASSES = 4
"""Most searches of both axes; two suffice for margins that surround a film."""

SMALLEST = 32
"""Least side of a field, film pixels: what is smaller is a picture without any field."""


def exposed_field(pixels: Float32Image) -> Box:
    """Where the exposed field lies in a picture.

    A picture that is plain throughout is its own field.

    Args:
        pixels: float32 (H, W), film pixels, [0, 1].

    Returns:
        The field, in film pixels.
    """
    height, width = pixels.shape
    step = max(1, height // LINES), max(1, width // LINES)
    along = max(1, height // SAMPLES), max(1, width // SAMPLES)
    top, left, bottom, right = 0, 0, height, width
    # A margin beside the film makes its lines look plainer, so each axis is searched again within
    # what the other one left.
    for _ in range(PASSES):
        before = top, left, bottom, right
        top, bottom = _peel(pixels[:, left:right], step[0], along[1])
        left, right = _peel(pixels[top:bottom].T, step[1], along[0])
        # Nothing but margins: the picture is taken whole, and the quality gate says what is wrong
        # with it.
        if min(bottom - top, right - left) < SMALLEST:
            return Box(0, 0, height, width)
        if (top, left, bottom, right) == before:
            break
    top = top if top >= LEAST * height else 0
    bottom = bottom if height - bottom >= LEAST * height else height
    left = left if left >= LEAST * width else 0
    right = right if width - right >= LEAST * width else width
    return Box(top, left, bottom - top, right - left)


def _peel(lines: Float32Image, step: int, along: int) -> tuple[int, int]:
    """First and last line plus one within all margins; every so many lines and samples count."""
    seen = lines[::step, ::along]
    first, last = 0, len(seen)
    while last > first:
        before, after = _margins(seen[first:last])
        if not (before or after):
            break
        first, last = first + before, last - after
    return first * step, len(lines) if last == len(seen) else last * step


def _margins(lines: Float32Image) -> tuple[int, int]:
    """Margins at the first and the last of the lines (N, M); none where all are plain."""
    block = min(BLOCK, lines.shape[1])
    whole = lines.shape[1] // block * block
    means = np.sort(lines[:, :whole].reshape(len(lines), -1, block).mean(axis=2), axis=1)
    count = means.shape[1]
    # Trimmed at both ends: markers are brighter than a margin, and burned-in boxes darker.
    cut = int(OUTLIERS * count)
    spread = means[:, count - 1 - cut] - means[:, cut]
    level = means[:, count // 2]
    first = _margin(lines, spread, level)
    last = _margin(lines[::-1], spread[::-1], level[::-1])
    return (first, last) if first + last < len(lines) else (0, 0)


def _margin(lines: Float32Image, spread: NDArray[np.float32], level: NDArray[np.float32]) -> int:
    """Lines of the margin at the first of the lines (N, M); all of them where all are plain."""
    # Against the outermost line, not the neighbour: a slow ramp through a patient would otherwise
    # be followed line by line.
    apart = np.abs(level - level[0])
    count = _run((spread < FLAT) & (apart < LEVEL))
    if count in (0, len(lines)):
        return count
    beyond = lines[count : count + WITHIN]
    # The median ignores a marker or a shoulder that crosses the edge.
    if (np.median(np.abs(beyond - level[0]), axis=1) > EDGE).any():
        return count
    exact = float(np.median(spread[:count])) < EXACT
    if exact or not DARK <= level[0] <= BRIGHT:
        # Without an edge there is no telling where a margin ends. Half of both limits stops it
        # earlier: a margin cut too little costs less than a patient cut off.
        return _run((spread < FLAT / 2) & (apart < LEVEL / 2))
    return 0


def _run(plain: NDArray[np.bool_]) -> int:
    """Number of true values before the first false one."""
    return int(np.argmin(np.append(plain, False)))
