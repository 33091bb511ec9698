"""Masks in film pixels, pasted together from drawn crops."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.core.errors import UnreadableFilm
from infmap.core.types import BoolImage
from infmap.sources import MaskCrop


def paste(root: Path, crops: Iterable[MaskCrop], shape: tuple[int, int]) -> BoolImage:
    """Union of crops at their places.

    Args:
        root: the source's folder.
        crops: regions of one film; their canvas must be the film.
        shape: (H, W) of the film.

    Returns:
        bool (H, W), film pixels.

    Raises:
        UnreadableFilm: a crop is missing, damaged, or does not lie inside the film.
    """
    mask = np.zeros(shape, np.bool_)
    for crop in crops:
        if crop.canvas != (shape[1], shape[0]):
            raise UnreadableFilm(
                f"expected a film of {crop.canvas[0]}x{crop.canvas[1]} as {crop.path} was drawn "
                f"on, got {shape[1]}x{shape[0]}"
            )
        try:
            with Image.open(root / crop.path) as image:
                region = np.asarray(image.convert("RGB")).any(axis=-1)
        except (OSError, ValueError) as error:
            raise UnreadableFilm(f"expected the mask {crop.path}, got {error}") from error
        bottom, right = crop.top + region.shape[0], crop.left + region.shape[1]
        if bottom > shape[0] or right > shape[1]:
            raise UnreadableFilm(
                f"expected the mask {crop.path} inside the film of {shape[1]}x{shape[0]}, "
                f"got its corner at ({right}, {bottom})"
            )
        mask[crop.top : bottom, crop.left : right] |= region
    return mask


def write_mask(mask: BoolImage, path: Path) -> None:
    """Write a mask as PNG, 0/255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path, format="PNG")
