"""Alternating runs of pixels as LEB128 varints: what masks and strokes are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import UsageError
from infmap.core.types import BoolImage

_CHUNK = 1 << 20  # runs decoded at a time, so that hostile input takes little memory


def runs(where: BoolImage) -> NDArray[np.int64]:
    """Lengths of alternating runs in row-major order, the first one of False and maybe 0."""
    flat = where.ravel()
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(ends, prepend=0, append=flat.size)
    return np.concatenate(([0], runs)) if flat[0] else runs


def varints(numbers: NDArray[np.int64]) -> bytes:
    """LEB128 of numbers from 0 to 2^35 - 1: seven bits a byte, lowest first."""
    sizes = np.ones(numbers.shape, np.int64)
    for shift in (7, 14, 21, 28):
        sizes += numbers >> shift > 0
    starts = np.cumsum(sizes) - sizes
    out = np.zeros(int(sizes.sum()), np.uint8)
    for k in range(int(sizes.max())):
        here = sizes > k
        more = np.where(sizes[here] > k + 1, 0x80, 0)
        out[starts[here] + k] = (numbers[here] >> 7 * k & 0x7F) | more
    return out.tobytes()


def _chunks(data: bytes) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Numbers and the place after the last byte of each, some at a time.

    Raises:
        UsageError: a number of more than five bytes, or one without its end.
    """
    octets = np.frombuffer(data, np.uint8)
    at = 0
    while at < len(octets):
        chunk = octets[at : at + _CHUNK]
        ends = np.flatnonzero(chunk < 0x80)
        if not len(ends):
            raise UsageError("mask: expected whole numbers in the runs, got a truncated one")
        starts = np.concatenate(([0], ends[:-1] + 1))
        if int((ends - starts).max()) >= 5:
            raise UsageError("mask: expected runs of at most five bytes a number")
        chunk = chunk[: ends[-1] + 1]
        place = np.arange(len(chunk)) - np.repeat(starts, ends - starts + 1)
        yield np.add.reduceat((chunk & 0x7F).astype(np.int64) << 7 * place, starts), at + ends + 1
        at += len(chunk)


def paint(flat: NDArray[np.uint8], value: int, data: bytes) -> int:
    """Set a label's bit in one plane from the runs at the start of data.

    Args:
        flat: uint8 (N,), changed in place.
        value: the bit.
        data: varints of alternating runs, unset first.

    Returns:
        Bytes used.

    Raises:
        UsageError: the runs end before or after the N pixels, or an inner one is empty.
    """
    done, count = 0, 0
    for numbers, ends in _chunks(data):
        total = done + np.cumsum(numbers)
        last = int(np.searchsorted(total, flat.size))
        numbers = numbers[: last + 1]
        if not numbers[1 if count == 0 else 0 :].all():
            raise UsageError("mask: expected no empty run but the first of a label")
        if last < len(total) and total[last] > flat.size:
            raise UsageError(f"mask: runs go {total[last] - flat.size} pixels past the end")
        values = np.where((count + np.arange(len(numbers))) % 2, value, 0).astype(np.uint8)
        stop = int(total[len(numbers) - 1])
        flat[done:stop] |= np.repeat(values, numbers)
        done, count = stop, count + len(numbers)
        if done == flat.size:
            return int(ends[last])
    raise UsageError(f"mask: expected runs of {flat.size} pixels, got {done}")
