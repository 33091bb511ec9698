"""Which way a film lies, and how to turn it for reading."""

from __future__ import annotations

from typing import Any

import numpy as np

from infmap.core.types import Float32Image

# ViewPosition values of DICOM and of common practice, to one name for all lateral views.
VIEW_NAMES = dict.fromkeys(("LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "LLO", "RLO"), "LATERAL")
_MEANINGS = (("postero-anterior", "PA"), ("antero-posterior", "AP"), ("lateral", "LATERAL"))


def view_of(dataset: Any) -> str | None:
    """The view that a dataset states.

    Args:
        dataset: a pydicom Dataset.

    Returns:
        ViewPosition as stated, else the view code's meaning, else "LATERAL" where the patient
        orientation says so, else None.
    """
    stated = str(dataset.get("ViewPosition") or "").strip().upper()
    if stated:
        return stated if len(stated) <= 16 else None
    for item in dataset.get("ViewCodeSequence") or ():
        meaning = str(item.get("CodeMeaning") or "").lower().replace("posteroa", "postero-a")
        meaning = meaning.replace("anterop", "antero-p")
        for text, view in _MEANINGS:
            if text in meaning:
                return view
    rows, _ = _directions(dataset)
    return "LATERAL" if rows in ("A", "P") else None


def upright(pixels: Float32Image, dataset: Any, notes: list[str]) -> tuple[Float32Image, bool]:
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
    flipped = str(dataset.get("FieldOfViewHorizontalFlip") or "").strip().upper() == "YES"
    if not rows or not columns:
        if flipped:
            notes.append("flipped at the detector without a stated orientation; check the side")
        return pixels, False
    swapped = rows in "HF" and columns in "LRAP"
    if swapped:
        pixels, rows, columns = pixels.T, columns, rows
    if columns not in "HF" or rows in "HF":
        return pixels, swapped
    if columns == "H":
        pixels = pixels[::-1]
    if rows == "R":
        pixels = pixels[:, ::-1]
    if swapped or columns == "H" or rows == "R":
        notes.append("turned as the file's PatientOrientation states")
    return np.ascontiguousarray(pixels), swapped


def _directions(dataset: Any) -> tuple[str, str]:
    """Main direction of rising columns and of rising rows: one of L R A P H F, or ""."""
    value = dataset.get("PatientOrientation")
    if value is None or isinstance(value, str) or len(value) != 2:
        return "", ""
    first, second = (str(v).strip().upper()[:1] for v in value)
    known = "LRAPHF"
    if not first or not second or first not in known or second not in known:
        return "", ""
    return first, second
