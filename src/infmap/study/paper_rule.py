"""Detection by the paper's rule: a film is positive where its infection map has infected pixels.

The map is the network's own: not post-processed, which would make it agree with the film's
probability, and not cut to the lungs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infmap.inference.postprocess import first_level
from infmap.training.calibration import SPECIFICITY


def map_areas(infection: NDArray[np.uint8], threshold: float) -> NDArray[np.int64]:
    """Infected pixels of each map, int64 (N,).

    Args:
        infection: uint8 (N, S, S), 0..255 = probability.
        threshold: a pixel is infected at or above it, (0, 1).
    """
    return np.asarray((infection >= first_level(threshold)).sum(axis=(1, 2)), np.int64)


def least_area(areas: NDArray[np.int64], covid19: NDArray[np.int8]) -> int:
    """The smallest area at which films without COVID-19 are as rarely positive as by probability.

    Both rules have the specificity of ``infmap.training.calibration.SPECIFICITY`` on the films
    that they are chosen on, so that their sensitivities can be compared.

    Args:
        areas: int64 (N,), infected pixels of validation films.
        covid19: int8 (N,), 1 it is, 0 it is not, -1 unknown.

    Returns:
        Pixels, at least 1, which is the rule as published.
    """
    others = np.sort(areas[covid19 == 0])
    allowed = int(len(others) * (1.0 - SPECIFICITY))
    # One pixel more than the largest area that must not be positive.
    return max(1, int(others[-1 - allowed]) + 1) if len(others) else 1
