"""One label image per film, for frameworks that expect one class per pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infmap.export.sheet import Entry, Sheet


def label_names(lungs: bool) -> dict[str, int]:
    """Name to pixel value."""
    return {"background": 0, "lung": 1, "infection": 2} if lungs else _WITHOUT_LUNGS


_WITHOUT_LUNGS = {"background": 0, "infection": 1}


def label_image(sheet: Sheet) -> NDArray[np.uint8]:
    """Infection over lungs over background.

    Returns:
        uint8 (H, W), film pixels, values of ``label_names``.

    Raises:
        LeftOut: a mask that it needs is unknown: absent is not negative.
    """
    values = label_names(sheet.lungs)
    infection = sheet.need_mask("infection")
    labels = np.zeros(infection.shape, np.uint8)
    if sheet.lungs:
        labels[sheet.need_mask("lungs")] = values["lung"]
    # Last, so that infection lies over the lung that it is in.
    labels[infection] = values["infection"]
    return labels


def labelled_film(sheet: Sheet, folder: str = "", suffix: str = "") -> Entry:
    """Write a film's picture and its label image; test films into imagesTs and labelsTs.

    Args:
        sheet: of the film.
        folder: in which these folders lie, with a slash at its end.
        suffix: of the picture's name alone.

    Raises:
        LeftOut: as ``label_image``.
    """
    part = "Ts" if sheet.need_split() == "test" else "Tr"
    labels, name = label_image(sheet), sheet.film.name
    image = sheet.image(f"{folder}images{part}/{name}{suffix}")
    path = sheet.write_labels(labels, f"{folder}labels{part}/{name}.png")
    return Entry(sheet.film, image, {"labels": path}, sheet.size)
