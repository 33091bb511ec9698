"""Orientation of a film, and how to rotate and flip it for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.core.types import Float32Image, Scalar
from infmap.dicom.elements import items, text, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MEANINGS = (("postero-anterior", "PA"), ("antero-posterior", "AP"), ("lateral", "LATERAL"))


def view_of(dataset: Dataset) -> str | None:
    """The view that a dataset states.

    Args:
        dataset: a pydicom Dataset.

    Returns:
        ViewPosition as stated, else the view code's meaning, else "LATERAL" where the patient
        orientation says so, else None.
    """
    stated = text(dataset, "ViewPosition")
    if stated:
        # 16 characters: the most of a code string (CS); longer ones could be free text about a
        # person.
        return stated if len(stated) <= 16 else None
    for item in items(dataset, "ViewCodeSequence"):
        # Meanings are spelled with and without the hyphen.
        meaning = text(item, "CodeMeaning").lower().replace("posteroa", "postero-a")
        meaning = meaning.replace("anterop", "antero-p")
        for words, view in _MEANINGS:
            if words in meaning:
                return view
    rows, _ = _directions(dataset)
    return "LATERAL" if rows in ("A", "P") else None


def upright(pixels: Float32Image, dataset: Dataset, notes: list[str]) -> tuple[Float32Image, bool]:
    """Turn a film head up with the patient's left on the image's right.

    PatientOrientation describes the stored pixels (PS3.3 C.7.6.1.1.1), so it alone decides.
    FieldOfViewRotation and FieldOfViewHorizontalFlip tell what was already done to the stored
    pixels relative to the detector (PS3.3 C.8.11.4); doing it again would undo it.

    Args:
        pixels: float32 (H, W), as stored.
        dataset: a pydicom Dataset.
        notes: gets a sentence for what was turned.

    Returns:
        float32 (H, W) or (W, H); and whether rows and columns changed places.
    """
    rows, columns = _directions(dataset)
    flipped = text(dataset, "FieldOfViewHorizontalFlip") == "YES"
    if flipped and not (rows and columns):
        notes.append("flipped at the detector without a stated orientation; check the side")
    swap, upside_down, mirrored = _turns(dataset)
    if swap:
        pixels = pixels.T
    if upside_down:
        pixels = pixels[::-1]
    if mirrored:
        pixels = pixels[:, ::-1]
    if swap or upside_down or mirrored:
        notes.append("turned as the file's PatientOrientation states")
    return np.ascontiguousarray(pixels), swap


def states_side(dataset: Dataset) -> bool:
    """Whether a dataset tells the patient's left from the right: its orientation names both axes.

    Args:
        dataset: a pydicom Dataset.

    Returns:
        True where one axis is stated as left to right and the other as head to foot.
    """
    rows, columns = _directions(dataset)
    return {rows, columns} in ({a, b} for a in "LR" for b in "HF")


def as_stored(plane: NDArray[Scalar], dataset: Dataset) -> NDArray[Scalar]:
    """Undo ``upright``: from film pixels to the grid that the dataset is stored in.

    Args:
        plane: (H, W), (row, column), film pixels, any type.
        dataset: a pydicom Dataset, the film's.

    Returns:
        (H, W) or (W, H), the same type.
    """
    swap, upside_down, mirrored = _turns(dataset)
    if mirrored:
        plane = plane[:, ::-1]
    if upside_down:
        plane = plane[::-1]
    if swap:
        plane = plane.T
    return np.ascontiguousarray(plane)


def _turns(dataset: Dataset) -> tuple[bool, bool, bool]:
    """What brings the stored film upright, in this order: swap axes, flip rows, flip columns."""
    rows, columns = _directions(dataset)
    if not rows or not columns:
        return False, False, False
    swap = rows in "HF" and columns in "LRAP"
    if swap:
        rows, columns = columns, rows
    # Rows must run along the body and columns across it, or the two letters contradict each other.
    if columns not in "HF" or rows in "HF":
        return swap, False, False
    return swap, columns == "H", rows == "R"


def _directions(dataset: Dataset) -> tuple[str, str]:
    """Main direction of rising columns and of rising rows: one of L R A P H F, or ""."""
    value = values(dataset, "PatientOrientation")
    if len(value) != 2:
        return "", ""
    # The first letter is the main direction; further ones tell of oblique views.
    first, second = (str(v).strip().upper()[:1] for v in value)
    known = "LRAPHF"
    if not first or not second or first not in known or second not in known:
        return "", ""
    return first, second
