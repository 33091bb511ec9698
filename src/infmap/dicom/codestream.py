"""What a compressed picture says of itself in its first bytes, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass

JPEG, JPEG_LS, JPEG_2000, JPEG_XL = "JPEG", "JPEG-LS", "JPEG 2000", "JPEG XL"
_SOF_LS = 0xF7
# Start of frame, ITU-T T.81 table B.1; 0xC4, 0xC8 and 0xCC are tables and extensions, not frames.
_SOFS = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), _SOF_LS)
# Markers without a length: stuffing, TEM and the restarts.
_ALONE = (0x00, 0x01, *range(0xD0, 0xD9))
_SOS, _EOI = 0xDA, 0xD9
_BOXES = (b"\x00\x00\x00\x0cjP  ", b"\x00\x00\x00\x0cJXL ")


@dataclass(frozen=True)
class Frame:
    """The frame header of a JPEG stream.

    Attributes:
        process: low byte of its marker: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, 0xC3
            lossless, 0xF7 JPEG-LS.
        precision: bits of a sample.
        height: rows.
        width: columns.
        components: samples of a pixel.
        at: offset of the marker.
        scan: offset of the first start of scan; None where there is none.
    """

    process: int
    precision: int
    height: int
    width: int
    components: int
    at: int
    scan: int | None


def kind_of(data: bytes) -> str | None:
    """Tell which compression a stream is of; None where it is none of these, or RLE."""
    if data.startswith(b"\xff\xd8\xff"):
        frame = jpeg_frame(data)
        return JPEG_LS if frame is not None and frame.process == _SOF_LS else JPEG
    if data.startswith((b"\xff\x4f\xff\x51", _BOXES[0])):
        return JPEG_2000
    if data.startswith((b"\xff\x0a", _BOXES[1])):
        return JPEG_XL
    return None


def jpeg_frame(data: bytes) -> Frame | None:
    """Read the frame header of a JPEG or JPEG-LS stream; None where there is none."""
    place = 2
    found: tuple[int, int, int, int, int, int] | None = None
    scan: int | None = None
    while scan is None and 0 <= place <= len(data) - 4:
        marker = data[place + 1]
        if data[place] != 0xFF:
            place = data.find(b"\xff", place)
        elif marker == 0xFF:
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker == _EOI:
            break
        elif marker == _SOS:
            scan = place
        else:
            if marker in _SOFS and place + 10 <= len(data):
                body = data[place + 4 : place + 10]
                height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
                found = (marker, body[0], height, width, body[5], place)
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None if found is None else Frame(*found, scan)


def size_of(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 stream states; None where unknown."""
    kind = kind_of(data)
    if kind in (JPEG, JPEG_LS):
        frame = jpeg_frame(data)
        return None if frame is None else (frame.height, frame.width)
    if kind == JPEG_2000:
        siz = siz_of(data)
        return None if siz is None else siz[:2]
    return None


def siz_of(data: bytes) -> tuple[int, int, int, bool] | None:
    """(rows, columns, bits of a sample, signed) of a JPEG 2000 stream; None where damaged."""
    at = data.find(b"\xff\x4f\xff\x51")
    body = data[at + 4 : at + 44]
    if at < 0 or len(body) < 40:
        return None
    right, bottom, left, top = (int.from_bytes(body[i : i + 4], "big") for i in (4, 8, 12, 16))
    # Ssiz of the first component (ISO 15444-1 A.5.1): bit 7 is the sign, the rest is bits less one.
    depth = body[38]
    return bottom - top, right - left, (depth & 0x7F) + 1, bool(depth & 0x80)
