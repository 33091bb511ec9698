"""Proposed regions as a reader would outline them: smooth, without specks and pinholes.

A network decides pixel by pixel. What follows from that, a frayed outline and specks that are to be
erased one by one, costs a reader time and says nothing of the disease.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from infmap.core.types import BoolImage

LONGEST_SIDE = 256
"""Pixels at which it is done; networks decide on no finer grid."""
WIDTH = 1 / 64
"""Standard deviation of the Gaussian, of the film's longer side: about 5 mm, less than two drawings
of one outline by one reader differ. Chosen with ``SPECK`` in the simulated study, on its Val films
(docs/annotation.md)."""
SPECK = 30 / 128**2
"""Regions and holes below this share of the square on the longer side go: about 2 square cm."""


def smoothed(region: BoolImage, within: BoolImage) -> BoolImage:
    """A region with a smooth outline, without specks and pinholes.

    Args:
        region: bool (H, W).
        within: bool (H, W), where it may lie: the lungs.

    Returns:
        bool (H, W).
    """
    height, width = region.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        Image.fromarray(region.astype(np.float32)).resize(size, Image.Resampling.BOX)
    )
    soft = ndimage.gaussian_filter(small, WIDTH * max(size), mode="constant")
    large = Image.fromarray(soft).resize((width, height), Image.Resampling.BILINEAR)
    least = SPECK * max(height, width) ** 2
    kept = _without_small((np.asarray(large) >= 0.5) & within, least)
    return ~_without_small(~kept, least) & within


def _without_small(region: BoolImage, least: float) -> BoolImage:
    """A region without its parts below so many pixels."""
    numbered, _ = ndimage.label(region)
    large = np.bincount(numbered.ravel()) >= least
    large[0] = False  # the background
    return np.asarray(large[numbered], np.bool_)
