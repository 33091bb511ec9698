"""Mutants of files that know their structure: records and fields, not bytes alone.

A format is walked as far as its own lengths lead; every field that is met (lengths, tags, types,
sizes, counts) can be set to an extreme, to a neighbour's value or to noise, and whole records are
dropped, doubled or exchanged. Checksums that a reader would stop at are made right again.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

EXTREMES = (0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
# Elements of a film whose value is a number that decoding depends on, little-endian tags.
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"}
_NUMBERS = (b"\0\0", b"\xff\xff", b"\x01\0", b"\0\x80", b"\xff\x7f", b"\xff\xff\xff\xff")


@dataclass(frozen=True)
class Layout:
    """Where the parts of a file lie.

    Attributes:
        fields: (offset, bytes, big-endian) of numbers.
        records: (begin, end) of parts that can be dropped, doubled or exchanged.
    """

    fields: list[tuple[int, int, bool]]
    records: list[tuple[int, int]]


@lru_cache(256)
def layout(data: bytes) -> Layout:
    """The parts of a file of any kind that is read, as far as its own lengths lead."""
    if data[128:132] == b"DICM":
        return _dicom(data)
    if data.startswith(b"\x89PNG"):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _markers(data)
    if data[:2] in (b"II", b"MM"):
        return _tiff(data)
    if data.startswith(b"PK"):
        return _zip(data)
    if data.startswith(b"RIFF"):
        return _riff(data)
    if data[4:8] in (b"jP  ", b"JXL "):
        return _boxes(data)
    if data.startswith(b"\xff\x4f"):
        return _markers(data)
    return Layout([(at, size, False) for at in range(0, 54, 2) for size in (2, 4)], [])


def mutate(data: bytes, draw: random.Random) -> bytes:
    """One mutant of a file: half of them by its structure, half by its bytes."""
    return by_structure(data, draw) if draw.random() < 0.5 else by_bytes(data, draw)


def by_bytes(data: bytes, draw: random.Random) -> bytes:
    """One mutant; half of the changes fall on the first kilobytes, where headers lie."""
    body = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        near = min(len(body), 2048) if draw.random() < 0.5 else len(body)
        at = draw.randrange(max(1, near))
        kind = draw.randrange(7)
        if kind == 0 and at < len(body):
            body[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(body):
            body[at] = draw.randrange(256)
        elif kind == 2:
            body[at : at + 4] = draw.choice(_NUMBERS)
        elif kind == 3 and draw.random() < 0.3:
            del body[at:]
        elif kind == 4:
            piece = bytes(body[at : at + draw.randrange(1, 64)])
            to = draw.randrange(len(body) + 1)
            body[to:to] = piece
        elif kind == 5:
            del body[at : at + draw.randrange(1, 32)]
        else:
            count = draw.randrange(1, 200)
            body[at : at + count] = bytes([draw.choice((0, 255))]) * count
    return bytes(body)


def by_structure(data: bytes, draw: random.Random) -> bytes:
    """One mutant of a file, by its structure."""
    known = layout(data)
    body = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if known.records and draw.random() < 0.35:
            # Offsets of the other parts are not true after it: it is the last change.
            body = _moved(bytes(body), known.records, draw)
            break
        if known.fields:
            at, size, big = draw.choice(known.fields)
            body[at : at + size] = _number(body, at, size, big, known, draw)
    made = bytes(body)
    if made.startswith(b"\x89PNG") and draw.random() < 0.9:
        made = _checked_png(made)
    return made


def _number(
    body: bytearray, at: int, size: int, big: bool, known: Layout, draw: random.Random
) -> bytes:
    order = "big" if big else "little"
    here = int.from_bytes(body[at : at + size], order)  # type: ignore[arg-type]
    kind = draw.randrange(5)
    if kind == 0:
        value = draw.choice(EXTREMES)
    elif kind == 1:
        value = here + draw.choice((-2, -1, 1, 2))
    elif kind == 2:
        other, length, _ = draw.choice(known.fields)
        value = int.from_bytes(body[other : other + length], order)  # type: ignore[arg-type]
    elif kind == 3:
        value = here ^ (1 << draw.randrange(8 * size))
    else:
        value = draw.getrandbits(8 * size)
    return (value % (1 << 8 * size)).to_bytes(size, order)  # type: ignore[arg-type]


def _moved(body: bytes, records: list[tuple[int, int]], draw: random.Random) -> bytearray:
    begin, end = draw.choice(records)
    other, until = draw.choice(records)
    piece = body[begin:end]
    kind = draw.randrange(4)
    if kind == 0:
        return bytearray(body[:begin] + body[end:])
    if kind == 1:
        return bytearray(body[:end] + piece * draw.choice((1, 2, 50)) + body[end:])
    if kind == 2:
        return bytearray(body[:other] + piece + body[until:])
    cut = draw.randrange(len(piece) + 1)
    return bytearray(body[: begin + cut] + (body[end:] if draw.random() < 0.5 else b""))


def _dicom(data: bytes) -> Layout:
    """Elements in explicit VR little endian; of the other syntaxes the file meta information."""
    fields: list[tuple[int, int, bool]] = []
    records, at = [], 132
    while at + 8 <= len(data) and re.fullmatch(rb"[A-Z]{2}", data[at + 4 : at + 6]):
        fields += [(at, 2, False), (at + 2, 2, False), (at + 4, 2, False)]
        if data[at + 4 : at + 6] in _LONG:
            fields.append((at + 8, 4, False))
            length, value = int.from_bytes(data[at + 8 : at + 12], "little"), at + 12
        else:
            fields.append((at + 6, 2, False))
            length, value = int.from_bytes(data[at + 6 : at + 8], "little"), at + 8
        if data[at : at + 4] == b"\xe0\x7f\x10\x00":
            # Pixel data: its items, offset table and the codestream's first bytes.
            fields += [(value + step, 4, False) for step in range(0, 40, 4)]
            fields += [(value + 16 + step, 2, True) for step in range(0, 80)]
            break
        if length == 0xFFFFFFFF:  # a sequence: its items are elements again
            at = value + 8
            continue
        fields += [(value + step, 2, False) for step in range(0, min(length, 32), 2)]
        at = value + length
        records.append((value - 8, at))
    fits = [field for field in fields if field[0] + field[1] <= len(data)]
    return Layout(fits, records)


def _png(data: bytes) -> Layout:
    fields, records, at = [], [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        fields += [(at, 4, True), (at + 4, 4, True)]
        if data[at + 4 : at + 8] == b"IHDR":
            fields += [(at + 8, 4, True), (at + 12, 4, True)]
            fields += [(at + 16 + step, 1, True) for step in range(5)]
        fields += [(at + 8 + step, 1, True) for step in range(min(length, 24))]
        records.append((at, at + 12 + length))
        at += 12 + length
    return Layout(fields, records)


def _checked_png(data: bytes) -> bytes:
    """The checksums of chunks made right: a reader looks at what is in them."""
    body, at = bytearray(data), 8
    while at + 12 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if at + 12 + length > len(body):
            break
        crc = zlib.crc32(body[at + 4 : at + 8 + length])
        body[at + 8 + length : at + 12 + length] = crc.to_bytes(4, "big")
        at += 12 + length
    return bytes(body)


def _markers(data: bytes) -> Layout:
    """Marker segments of JPEG, JPEG-LS and JPEG 2000 codestreams."""
    fields, records, at = [], [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        fields += [(at + 1, 1, True), (at + 2, 2, True)]
        fields += [(at + 4 + step, 1, True) for step in range(min(length, 40))]
        fields += [(at + 4 + step, 4, True) for step in range(0, min(length, 36), 2)]
        records.append((at, at + 2 + length))
        at += 2 + length
    return Layout([f for f in fields if f[0] + f[1] <= len(data)], records)


def _tiff(data: bytes) -> Layout:
    big = data[:2] == b"MM"
    order = ">" if big else "<"
    fields, records = [(0, 2, big), (2, 2, big), (4, 4, big)], []
    wide = data[2:4] in (b"+\0", b"\0+")
    at = struct.unpack_from(order + ("Q" if wide else "I"), data, 8 if wide else 4)[0]
    for _ in range(4):  # a few directories: a chain may have no end
        if not 0 < at <= len(data) - 8:
            break
        head, entry = (8, 20) if wide else (2, 12)
        count = struct.unpack_from(order + ("Q" if wide else "H"), data, at)[0]
        fields.append((at, head, big))
        for number in range(min(count, 40)):
            place = at + head + number * entry
            if place + entry > len(data):
                break
            size = 8 if wide else 4
            fields += [(place, 2, big), (place + 2, 2, big), (place + 4, size, big)]
            fields += [(place + 4 + size, size, big), (place + 4 + size, 2, big)]
            records.append((place, place + entry))
        at = at + head + count * entry
        if at + 8 > len(data):
            break
        fields.append((at, 8 if wide else 4, big))
        at = struct.unpack_from(order + ("Q" if wide else "I"), data, at)[0]
    return Layout(fields, records)


def _riff(data: bytes) -> Layout:
    fields, records, at = [(4, 4, False)], [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        fields += [(at, 4, False), (at + 4, 4, False)]
        fields += [(at + 8 + step, 1, False) for step in range(min(length, 32))]
        records.append((at, at + 8 + length))
        at += 8 + length + length % 2
    return Layout([f for f in fields if f[0] + f[1] <= len(data)], records)


def _boxes(data: bytes) -> Layout:
    fields, records, at = [], [], 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        fields += [(at, 4, True), (at + 4, 4, True)]
        fields += [(at + 8 + step, 1, True) for step in range(min(length, 80))]
        fields += [(at + 8 + step, 4, True) for step in range(0, min(length, 60), 2)]
        records.append((at, at + length))
        at += max(length, 8)
    return Layout([f for f in fields if f[0] + f[1] <= len(data)], records)


def _zip(data: bytes) -> Layout:
    """Local headers, the central directory and its end, found by their signatures."""
    shapes = {
        b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
        b"PK\x01\x02": (
            (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2),
            (34, 2), (38, 4), (42, 4),
        ),
        b"PK\x05\x06": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
    }  # fmt: skip
    found = [m.start() for m in re.finditer(rb"PK(\x03\x04|\x01\x02|\x05\x06)", data)]
    fields = [(at + step, size, False) for at in found for step, size in shapes[data[at : at + 4]]]
    fields += [(at + 30 + step, 1, False) for at in found for step in range(16)]
    records = list(zip(found, [*found[1:], len(data)]))
    return Layout([f for f in fields if f[0] + f[1] <= len(data)], records)
