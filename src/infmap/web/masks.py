"""Masks of several labels, and their bytes.

A mask in memory is uint8 (H, W), (row, column), film pixels as displayed, row 0 at the top; bit k
of a pixel is set where label k of ``LABELS`` lies. Labels may overlap.

As bytes (``IMK1``): the four letters, then raw deflate (RFC 1951) of: width and height as LEB128
varints, one byte with the bits of the labels present, then for each of those in rising order the
lengths of alternating runs in row-major order as varints, zeros first, until every pixel is
covered. Only the first run of a label may be empty.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage
from infmap.web.runs import paint, runs, varints

Mask = NDArray[np.uint8]

LABELS = (
    "infection",
    "ground-glass opacity",
    "consolidation",
    "lungs",
    "pleural effusion",
    "uncertain",
)
"""Label k has bit k."""

MAGIC = b"IMK1"
MOST_PIXELS = 1 << 26
"""Largest film, pixels: three times the largest CR and DX plates (about 24 million)."""
MOST_BYTES = 1 << 26
"""Most bytes of runs: six labels of noise on 3300 x 3300, which nobody draws."""
_HEADER = 11  # two varints of at most five bytes and the labels


def bit(label: str) -> int:
    """The bit of a label, 1 to 32.

    Raises:
        UsageError: the name is none of ``LABELS``.
    """
    if label not in LABELS:
        raise UsageError(f"label: expected one of {', '.join(LABELS)}, got {label!r}")
    return 1 << LABELS.index(label)


def plane(mask: Mask, label: str) -> BoolImage:
    """Bool (H, W): where a label lies."""
    return np.asarray((mask & bit(label)) != 0)


def of_planes(planes: Mapping[str, BoolImage]) -> Mask:
    """The mask of one or more planes, each bool (H, W) of the same shape, by label.

    Raises:
        UsageError: there is no plane, the shapes differ, or a label is unknown.
    """
    shapes = {p.shape for p in planes.values()}
    if len(shapes) != 1:
        raise UsageError(f"mask: expected planes of one shape, got {sorted(shapes)}")
    mask = np.zeros(shapes.pop(), np.uint8)
    for label, where in planes.items():
        mask |= np.where(where, np.uint8(bit(label)), np.uint8(0))
    return mask


def encode(mask: Mask) -> bytes:
    """A mask as ``IMK1``; equal masks give equal bytes with one build of zlib.

    Args:
        mask: uint8 (H, W), at least one pixel, bits of ``LABELS`` only.

    Raises:
        UsageError: it is no such plane, or too large.
    """
    if mask.dtype != np.uint8 or mask.ndim != 2 or mask.size == 0:
        raise UsageError(f"mask: expected uint8 (height, width), got {mask.dtype} {mask.shape}")
    height, width = mask.shape
    _check_size(width, height)
    bits = int(np.bitwise_or.reduce(mask, axis=None))
    _check_bits(bits)
    present = [k for k in range(len(LABELS)) if bits >> k & 1]
    parts = [varints(np.array([width, height])), bytes([bits])]
    parts += [varints(runs((mask & (1 << k)) != 0)) for k in present]
    raw = b"".join(parts)
    if len(raw) > MOST_BYTES:
        raise UsageError(f"mask: expected at most {MOST_BYTES} bytes of runs, got {len(raw)}")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return MAGIC + deflate.compress(raw) + deflate.flush()


def decode(data: bytes, shape: tuple[int, int] | None = None) -> Mask:
    """The mask that ``IMK1`` bytes hold, uint8 (H, W).

    Args:
        data: as of ``encode``, from anywhere.
        shape: (height, width) of the film, where known; another size is refused before any pixel
            is made.

    Raises:
        UsageError: damaged, truncated, too large, or of another size; one line says which.
    """
    if data[:4] != MAGIC:
        raise UsageError(f"mask: expected bytes that start with IMK1, got {data[:4]!r}")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    raw = _inflate(inflater, data[4:], _HEADER)
    (width, height), start = _header(raw)
    _check_size(width, height)
    if shape is not None and shape != (height, width):
        raise UsageError(
            f"mask: expected {shape[1]} x {shape[0]} pixels as the film has, got {width} x {height}"
        )
    bits = raw[start]
    _check_bits(bits)
    # A run covers a pixel or more and a byte codes a run or a part of one, so that this is the
    # most that a sound mask can take; one byte more shows that it is none.
    most = min(_HEADER + bits.bit_count() * (width * height + 1), MOST_BYTES)
    if not inflater.eof:
        raw += _inflate(inflater, inflater.unconsumed_tail, most + 1 - len(raw))
    if not inflater.eof and len(raw) > most:
        raise UsageError(f"mask: expected at most {most} bytes of runs, got more")
    if not inflater.eof:
        raise UsageError("mask: expected a whole deflate stream, got a truncated one")
    if inflater.unused_data:
        raise UsageError(
            f"mask: {len(inflater.unused_data)} bytes after the end; send the mask only"
        )
    # Only now: nothing of a film's size is made for bytes that are refused above.
    mask = np.zeros(height * width, np.uint8)
    rest = raw[start + 1 :]
    for k in (k for k in range(len(LABELS)) if bits >> k & 1):
        rest = rest[paint(mask, 1 << k, rest) :]
    if rest:
        raise UsageError(
            f"mask: expected runs of {mask.size} pixels a label, got {len(rest)} bytes more"
        )
    return mask.reshape(height, width)


def _inflate(inflater: zlib._Decompress, data: bytes, most: int) -> bytes:
    try:
        return inflater.decompress(data, most)
    except zlib.error as error:
        raise UsageError("mask: expected raw deflate after IMK1, got damaged bytes") from error


def _header(raw: bytes) -> tuple[tuple[int, int], int]:
    """Width and height, and the place of the byte after them."""
    numbers: list[int] = []
    at = 0
    for _ in range(2):
        size = next((k for k in range(5) if at + k < len(raw) and raw[at + k] < 0x80), None)
        if size is None:
            raise UsageError("mask: expected width and height, got damaged or truncated bytes")
        numbers.append(sum((raw[at + k] & 0x7F) << 7 * k for k in range(size + 1)))
        at += size + 1
    if at >= len(raw):
        raise UsageError("mask: expected the labels present, got truncated bytes")
    return (numbers[0], numbers[1]), at


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        raise UsageError(f"mask: expected 1 to {MOST_PIXELS} pixels, got {width} x {height}")


def _check_bits(bits: int) -> None:
    if bits >> len(LABELS):
        raise UsageError(f"mask: expected bits of {len(LABELS)} labels only, got {bits:#x}")
