"""Plain films, which are most of those in public collections, decoded the quickest way."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from infmap.dedup.thumbnails import opencv

_MAGIC = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">LLBB")
_PLAIN = frozenset({b"IHDR", b"IDAT", b"IEND", b"tIME", b"pHYs", b"gAMA", b"sRGB", b"cHRM"})
"""Chunks that say nothing of orientation, transparency, palette or further frames."""
# 64 million, a sixteenth of what OpenCV itself allows: a header that lies costs little memory.
_MOST_PIXELS = 1 << 26


def plain_grey_levels(data: bytes) -> NDArray[np.uint8] | None:
    """Grey levels of an 8-bit grey PNG film, as ``read_radiograph`` gives them, times 255.

    Args:
        data: a whole file.

    Returns:
        uint8 (H, W), film pixels; None for any other file and for one that is damaged:
        ``read_radiograph`` reads it, or says what is wrong.
    """
    if not data.startswith(_MAGIC) or not _is_plain(data):
        return None
    cv = opencv()
    try:
        plane = cv.imdecode(np.frombuffer(data, np.uint8), cv.IMREAD_UNCHANGED)
    except cv.error:
        return None
    return plane if plane is not None and plane.ndim == 2 and plane.dtype == np.uint8 else None


def _is_plain(data: bytes) -> bool:
    """Whether a PNG file is 8-bit grey, of a moderate size, and holds plain chunks only."""
    place = len(_MAGIC)
    kind = b""
    # A chunk is length (4), type (4), data and CRC (4), PNG 1.2 section 3.2.
    while kind != b"IEND" and place + 12 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        if kind not in _PLAIN:
            return False
        place += 12 + length
    if kind != b"IEND" or len(data) < 33:
        return False
    width, height, bits, colour = map(int, _HEADER.unpack_from(data, 16))
    return bits == 8 and colour == 0 and 0 < width * height <= _MOST_PIXELS
