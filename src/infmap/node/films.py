"""Which of the objects that are received are read: frontal chest films for presentation."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infmap.core.quiet import quiet
from infmap.core.views import is_lateral
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.cr import CHEST
from infmap.dicom.derived import MAKER
from infmap.dicom.elements import text
from infmap.dicom.network.contexts import FILMS
from infmap.dicom.orient import view_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FILM_CLASSES = frozenset(context.sop_class for context in FILMS)
_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
_MODALITIES = ("CR", "DX")
_CODE = 16  # characters of a code string (CS): longer ones are none, and may be free text


@dataclass(frozen=True)
class Received:
    """What a node has to know of an object.

    Attributes:
        sop_uid: SOP Instance UID.
        sop_class: UID of the class.
        modality: code; "" where it states none.
        body_part: code; "" where it states none.
        own: infmap made it.
        reason: why it is not read, without anything of the patient; None for films to be read.
    """

    sop_uid: str
    sop_class: str
    modality: str
    body_part: str
    own: bool
    reason: str | None


def describe(file: bytes) -> Received | None:
    """Look at the header of an object.

    Args:
        file: whole (PS3.10).

    Returns:
        What it is; None where the header cannot be read.
    """
    ensure_importable()
    import pydicom

    try:
        with quiet():
            header = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
            return _described(header)
    except Exception:  # any element may hold anything
        return None


def _described(header: Dataset) -> Received:
    sop_class = str(header.SOPClassUID)
    modality, part = _code(header, "Modality"), _code(header, "BodyPartExamined")
    # Films are never ours: a phantom's are made as those of a modality.
    own = sop_class not in _FILM_CLASSES and text(header, "Manufacturer") == MAKER.upper()
    reason = None
    if sop_class not in _FILM_CLASSES or modality not in _MODALITIES:
        reason = "no CR or DX film"
    elif sop_class == _FOR_PROCESSING or text(header, "PresentationIntentType") == "FOR PROCESSING":
        reason = "raw detector values, not for presentation"
    elif part and part not in CHEST:
        reason = "of another body part than the chest"
    elif is_lateral(view_of(header)):
        reason = "a lateral view"
    return Received(str(header.SOPInstanceUID), sop_class, modality, part, own, reason)


def _code(header: Dataset, keyword: str) -> str:
    value = text(header, keyword)
    plain = value.replace("_", "").replace(" ", "").isalnum()
    return value if plain and len(value) <= _CODE else ""
