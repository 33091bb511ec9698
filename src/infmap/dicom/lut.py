"""Lookup tables of DICOM (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5) in all the shapes they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from infmap.core.types import RealArray
from infmap.dicom.elements import values


@dataclass(frozen=True)
class Lut:
    """A lookup table.

    Attributes:
        first: the stored input that the first entry is for, as the 16 bits are written.
        entries: uint16 (N,), outputs.
    """

    first: int
    entries: NDArray[np.uint16]

    def apply(self, inputs: RealArray) -> NDArray[np.uint16]:
        """Look up; inputs beyond the table get its first or last entry.

        Args:
            inputs: any shape, numbers; fractions are rounded.

        Returns:
            uint16, the same shape.
        """
        whole = inputs if inputs.dtype.kind in "ui" else np.rint(inputs)
        index = whole.astype(np.int64) - self.start(inputs)
        return self.entries[np.clip(index, 0, len(self.entries) - 1)]

    def start(self, inputs: RealArray) -> int:
        """The input that the first entry is for.

        The descriptor's 16 bits are signed where the inputs are. Implicit VR does not say which,
        and writers get it wrong, so the reading that the inputs fall into is taken.
        """
        if self.first < 0x8000 or inputs.size == 0:
            return self.first
        low, high = float(inputs.min()), float(inputs.max())

        def overlap(first: int) -> float:
            return min(high, first + len(self.entries) - 1) - max(low, first)

        # The same sixteen bits read as a negative number.
        below = self.first - 0x10000
        return below if overlap(below) > overlap(self.first) else self.first


def lut_of(item: Dataset, big_endian: bool, prefix: str = "") -> Lut | None:
    """Read a lookup table.

    Args:
        item: a dataset with LUTDescriptor and LUTData, or those of a colour palette.
        big_endian: whether words without a type of their own are.
        prefix: "" or, of a palette, for example "RedPaletteColor" and then the keyword is
            "RedPaletteColorLookupTableDescriptor".

    Returns:
        the table; None where it has no usable description, or data for less than it describes.
    """
    table = f"{prefix}LookupTable" if prefix else "LUT"
    described = [value for value in values(item, f"{table}Descriptor") if isinstance(value, int)]
    if len(described) != 3:
        return None
    # Sixteen bits each, whichever sign pydicom gave them; 0 entries stand for 65,536 (C.11.1.1).
    count, first, bits = (value & 0xFFFF for value in described)
    entries = _entries(values(item, f"{table}Data"), count or 0x10000, bits, big_endian)
    return None if entries is None else Lut(first, entries)


def is_big_endian(dataset: Dataset) -> bool:
    """Whether the file that a dataset comes from is big endian."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is not None:
        return bool(syntax == ExplicitVRBigEndian)
    return getattr(dataset, "original_encoding", (None, True))[1] is False


def _entries(
    data: Sequence[object], count: int, bits: int, big_endian: bool
) -> NDArray[np.uint16] | None:
    """The outputs: a list of numbers, words of 16 bits, or bytes where 8 bits are described."""
    if data and isinstance(data[0], bytes):
        raw = data[0]
        words = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2" if big_endian else "<u2")
        if count <= len(raw) <= count + 1 and bits <= 8:
            return _unpacked(words.astype(np.uint16), raw, count)
    else:
        whole = [value for value in data if isinstance(value, int)]
        if len(whole) < len(data):
            return None
        words = np.array([value & 0xFFFF for value in whole], np.uint16)
        if bits <= 8 and len(words) < count <= 2 * len(words):
            return _unpacked(words, None, count)
    if len(words) < count:
        return None
    return words[:count].astype(np.uint16)


def _unpacked(words: NDArray[np.uint16], raw: bytes | None, count: int) -> NDArray[np.uint16]:
    """Entries of 8 bits, two a word, the first in the low byte."""
    pairs = words.astype("<u2").tobytes()
    if raw is not None and len(raw) % 2:
        pairs += raw[-1:]
    return np.frombuffer(pairs, np.uint8, count).astype(np.uint16)
