"""What may be burned-in text on a film, and whether lung lies beneath it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from infmap.deidentify.boxes import Box
from infmap.deidentify.pixels import Pixels, shown
from infmap.deidentify.text import locate

Lungs = Callable[[NDArray[np.uint8]], NDArray[np.bool_] | None]
"""Lungs of a film as shown: uint8 (H, W) to bool (H, W); None where it is no chest film that can be
read."""
# Share of a film's sides that is its border where the lungs are not known: collimation and labels
# are there, and the lungs of a frontal film are not.
_BORDER = 0.08
# Pixels of 1000 by which an outline of lungs may be off; a lung mask of 256 pixels is off by two.
_MARGIN = 8


@dataclass(frozen=True)
class Candidate:
    """What looks like text.

    Attributes:
        box: around it.
        over_lungs: lung may lie beneath: it is not blanked unless a person says so.
    """

    box: Box
    over_lungs: bool


def candidates(pixels: Pixels, lungs: Lungs) -> list[Candidate]:
    """Find what may be text on a film.

    Args:
        pixels: of the film.
        lungs: finds the lungs; asked only where there is a box.
    """
    plane = shown(pixels)
    boxes = locate(plane)
    if not boxes:
        return []
    found = lungs(plane)
    tissue = _inner(plane.shape) if found is None else _widened(found)
    return [Candidate(box, bool(tissue[box.slices].any())) for box in boxes]


def _widened(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # On every fourth pixel: a margin needs no better, and takes a sixteenth of the time.
    step = 4
    coarse = lungs[::step, ::step]
    width = max(1, round(_MARGIN * max(lungs.shape) / 1000 / step))
    wide = binary_dilation(coarse, iterations=width)
    full = np.repeat(np.repeat(wide, step, 0), step, 1)
    return np.asarray(full[: lungs.shape[0], : lungs.shape[1]])


def _inner(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inside = np.zeros(shape, bool)
    rows, columns = (round(_BORDER * side) for side in shape)
    inside[rows : shape[0] - rows, columns : shape[1] - columns] = True
    return inside
