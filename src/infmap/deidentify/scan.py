"""A second look at what would be written: is anything of the patient left in these bytes?

It reads the file anew, knows nothing of what was done to it, and looks twice: at every element by
the table, and at the bare bytes for what no reader would show.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from infmap.core.quiet import quiet
from infmap.deidentify.identities import Identities, folded, pattern_of
from infmap.deidentify.options import Options
from infmap.deidentify.table import row_of

# Bytes of a header are also lengths and numbers: shorter texts would be found in them by chance.
_SHORTEST_IN_BYTES = 5
_NUMERIC = ("DS", "IS")
_DATED = ("DA", "DT")
_OWN_UID = re.compile(rb"2\.25\.\d{1,39}")


def residue(data: bytes, identities: Identities, options: Options) -> list[str]:
    """Where a file still holds what it should not.

    Args:
        data: the file as it would be written.
        identities: of the film as it came.
        options: under which it was de-identified.

    Returns:
        One phrase a finding, such as "PatientAddress: should be removed"; never a value. Empty
        where nothing is left.
    """
    with quiet():
        dataset = pydicom.dcmread(io.BytesIO(data))
        found = list(_elements(dataset.file_meta, identities, options, "file meta: "))
        found += _elements(dataset, identities, options, "")
        if any(dataset.preamble or b""):
            found.append("preamble: should be zero")
        pixels = bytes(dataset.PixelData) if "PixelData" in dataset else b""
    header = data.replace(pixels, b"", 1) if pixels else data
    return found + list(_bytes(header, identities))


def _elements(
    dataset: Dataset, identities: Identities, options: Options, place: str
) -> Iterator[str]:
    """Findings in every element of every level."""
    for element in dataset:
        where = place + (element.keyword or str(element.tag))
        row = row_of(int(element.tag))
        kept = row is not None and any(name in row.options for name in options.columns)
        if element.tag.is_private:
            yield f"{where}: private, should be removed"
        elif row is not None and row.basic == "X" and not kept:
            yield f"{where}: should be removed"
        if isinstance(element.value, Sequence):
            for number, item in enumerate(element.value, 1):
                yield from _elements(item, identities, options, f"{where} item {number}: ")
            continue
        for text in _texts(element.value):
            if str(element.VR) == "UI":
                if text in identities.uids:
                    yield f"{where}: a UID of the film as it came"
            elif str(element.VR) in _DATED and text.isdigit():
                continue  # a moved date may fall on a birthday
            elif str(element.VR) in _NUMERIC and re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", text):
                continue  # a count or a size may equal an identifier
            elif identities.found_in(text):
                yield f"{where}: names the patient"


def _texts(value: object) -> list[str]:
    if value is None or isinstance(value, (bytes, int, float)) and not hasattr(value, "_fields"):
        return []
    if isinstance(value, str):
        return [value]
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return [str(one).strip(" \0") for one in several]  # type: ignore[attr-defined]


def _bytes(header: bytes, identities: Identities) -> Iterator[str]:
    """Findings in the bytes without the pixels, in the encodings that files use."""
    plain = _OWN_UID.sub(b" ", header)
    pattern = pattern_of(text for text in identities.texts if len(text) >= _SHORTEST_IN_BYTES)
    if pattern is not None:
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
            if pattern.search(folded(plain.decode(encoding, "replace"))):
                yield f"bytes of the header, as {encoding}: name the patient"
    for uid in identities.uids:
        if re.search(rb"(?<![\d.])" + re.escape(uid.encode()) + rb"(?![\d.])", header):
            yield "bytes of the header: a UID of the film as it came"
