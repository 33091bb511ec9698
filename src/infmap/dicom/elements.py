"""Values of DICOM elements that may be absent, empty, of another type, or no number at all.

Reading through ``Dataset.get`` converts the value and raises where it breaks its value
representation, so one odd optional element would cost a good film. Here an element gives what can
be understood of it, and nothing otherwise.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsFloat

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
# VRs that the dictionary leaves open; which one decides only how the bytes are read.
_AMBIGUOUS = {"US or SS": "US", "US or OW": "US", "US or SS or OW": "US", "OB or OW": "OW"}


def values(dataset: Dataset, keyword: str) -> list[object]:
    """The values of an element, as numbers where they are stored as such, else as text.

    Args:
        dataset: a pydicom Dataset, read lazily or made by hand.
        keyword: DICOM keyword of an element that is no sequence.

    Returns:
        int, float, str or bytes; empty for an element that is absent or empty.
    """
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.tag import Tag

    tag = tag_for_keyword(keyword)
    element = dataset.get_item(Tag(tag)) if tag is not None else None
    if element is None:
        return []
    value = element.value
    if value is None or value == b"" or value == "":
        return []
    if not isinstance(value, bytes):
        if isinstance(value, str) or not isinstance(value, Iterable):
            return [value]
        return list(value)
    vr = str(element.VR) if element.VR not in (None, "UN") else dictionary_VR(tag)
    vr = _AMBIGUOUS.get(vr, vr)
    if vr in _BINARY:
        code = _BINARY[vr]
        order = "<" if getattr(element, "is_little_endian", True) else ">"
        count = len(value) // struct.calcsize(order + code)
        return list(struct.unpack_from(f"{order}{count}{code}", value))
    if vr in ("OB", "OW", "UN"):
        return [value]
    # Latin-1 decodes any byte. Only codes and numbers are read here, which are ASCII in every
    # character set; names are decoded in `infmap.dicom.header`.
    return [part.strip(" \0") for part in value.decode("latin-1").split("\\")]


def text(dataset: Dataset, keyword: str) -> str:
    """The first value of an element in capitals, without blanks; "" where there is none."""
    found = values(dataset, keyword)
    first = found[0] if found else ""
    return first.strip(" \0").upper() if isinstance(first, str) else str(first).upper()


def numbers(dataset: Dataset, keyword: str, notes: list[str] | None = None) -> list[float | None]:
    """The values of an element as finite numbers, None for those that are not.

    A decimal comma, which DICOM does not have, counts as a point.

    Args:
        dataset: a pydicom Dataset.
        keyword: DICOM keyword.
        notes: gets a sentence where a comma was taken for a point.
    """
    found = values(dataset, keyword)
    if notes is not None and any(isinstance(value, str) and "," in value for value in found):
        notes.append(f"{keyword} has a decimal comma; read as a point")
    return [_number(value) for value in found]


def number(
    dataset: Dataset, keyword: str, default: float | None = None, notes: list[str] | None = None
) -> float | None:
    """The first usable number of an element.

    Args:
        dataset: a pydicom Dataset.
        keyword: DICOM keyword.
        default: what an absent or unusable element gives.
        notes: gets a sentence where the element holds something else than a number.
    """
    found = numbers(dataset, keyword, notes)
    usable = [value for value in found if value is not None]
    if notes is not None:
        if keyword in dataset and not found:
            notes.append(f"{keyword} is empty and was ignored")
        elif found and found[0] is None:
            notes.append(f"{keyword} is not a number and was ignored")
    return usable[0] if usable else default


def whole(
    dataset: Dataset, keyword: str, default: int | None = None, notes: list[str] | None = None
) -> int | None:
    """``number`` for elements that count something."""
    value = number(dataset, keyword, None, notes)
    return default if value is None else int(value)


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent, empty or cannot be parsed."""
    try:
        found = dataset.get(keyword)
        return [item for item in found or () if hasattr(item, "get_item")]
    except Exception:  # an optional sequence may hold anything
        return []


def _number(value: object) -> float | None:
    """One value as a finite number, if it is one."""
    if isinstance(value, str):
        value = value.strip(" \0").replace(",", ".")
    # A protocol last: asking for one looks through the methods of the value's class.
    if not isinstance(value, (str, bytes, int, float, SupportsFloat)):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None
