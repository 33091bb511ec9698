"""How a film travels to a browser: every grey level for reading, a small JPEG until it is there.

``IFL1``, integers little-endian: the bytes ``IFL1``; width, height and bits as uint32; then a raw
deflate stream of the horizontal differences as uint16 modulo 2^16, row by row, the first column as
it is. Neighbours differ little, so the differences deflate further than the grey levels do, and a
browser undoes both with its own inflater and one addition a pixel.

Grey rises with brightness as displayed: MONOCHROME1 is inverted before a film gets here.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAGIC = b"IFL1"
HEADER = struct.Struct("<4sIII")
MAX_PIXELS = 100_000_000
"""Largest film, pixels: 10,000 x 10,000; the largest detectors have 4,300 x 4,300."""
PREVIEW_STEP = 3
"""Film pixels along one side of a preview's pixel."""
# 85: compression is not seen at a third of the size, and 105 kB for a film of 3000 x 3000.
PREVIEW_QUALITY = 85
# 4: a noisy film of 3000 x 3000 and 12 bits takes 2.7 s and 10.5 MB; at 6 to 9 it takes four times
# as long and is no smaller.
LEVEL = 4


def grey_levels(pixels: NDArray[np.float32], bits: int) -> NDArray[np.uint16]:
    """The integer grey levels of a film as read.

    Args:
        pixels: float32 (H, W), (row, column), range [0, 1].
        bits: 8 to 16; 1.0 becomes 2^bits - 1.

    Returns:
        uint16 (H, W), rounded to the nearest level.

    Raises:
        ValueError: bits are out of range.
    """
    _check_bits(bits)
    levels: NDArray[np.uint16] = np.rint(pixels * np.float32(2**bits - 1)).astype(np.uint16)
    return levels


def encode_film(levels: NDArray[np.uint16], bits: int) -> bytes:
    """A film as ``IFL1``, without loss.

    Args:
        levels: uint16 (H, W), (row, column), each below 2^bits.
        bits: 8 to 16.

    Raises:
        ValueError: not such an array, a level beyond the bits, or too many pixels.
    """
    _check(levels, bits)
    height, width = levels.shape
    # Differences of uint16 wrap modulo 2^16, which is what the format says.
    steps = np.diff(levels, axis=1, prepend=np.uint16(0)).astype("<u2", copy=False)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(np.ascontiguousarray(steps).data) + packer.flush()
    return HEADER.pack(MAGIC, width, height, bits) + body


def decode_film(data: bytes) -> tuple[NDArray[np.uint16], int]:
    """The grey levels, uint16 (H, W), and the bits of an ``IFL1`` film.

    Raises:
        ValueError: the bytes are no such film, cut off, or longer than they say.
    """
    if len(data) < HEADER.size:
        raise ValueError(f"expected an IFL1 film, got {len(data)} bytes")
    magic, width, height, bits = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ValueError(f"expected a film that begins with IFL1, got {magic!r}")
    _check_bits(bits)
    _check_size(width, height)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 2 * width * height
    try:
        # One byte more than promised is asked for, so that a longer stream shows.
        body = unpacker.decompress(data[HEADER.size :], size + 1)
    except zlib.error as error:
        raise ValueError(f"expected deflated grey levels: {error}") from error
    if len(body) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"expected {size} bytes of grey levels and no more; the film is damaged")
    steps = np.frombuffer(body, dtype="<u2").reshape(height, width)
    return np.cumsum(steps, axis=1, dtype=np.uint16), bits


def encode_preview(levels: NDArray[np.uint16], bits: int) -> bytes:
    """A grey JPEG of a third of the film's size, rounded up.

    The whole range 0 to 2^bits - 1 becomes 0 to 255, so that a window applies to the preview as it
    does to the film.

    Args:
        levels: uint16 (H, W), (row, column), each below 2^bits.
        bits: 8 to 16.

    Raises:
        ValueError: as of ``encode_film``.
    """
    _check(levels, bits)
    picture = Image.fromarray((levels >> (bits - 8)).astype(np.uint8)).reduce(PREVIEW_STEP)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=PREVIEW_QUALITY)
    return stream.getvalue()


def _check(levels: NDArray[np.uint16], bits: int) -> None:
    _check_bits(bits)
    if levels.ndim != 2 or levels.dtype != np.uint16:
        raise ValueError(f"expected a uint16 (H, W) plane, got {levels.dtype} {levels.shape}")
    height, width = levels.shape
    _check_size(width, height)
    if int(levels.max()) >> bits:
        raise ValueError(f"expected grey levels below {2**bits}, got {int(levels.max())}")


def _check_bits(bits: int) -> None:
    if not 8 <= bits <= 16:
        raise ValueError(f"expected 8 to 16 bits a pixel, got {bits}")


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"expected 1 to {MAX_PIXELS} pixels, got {width} x {height}")
