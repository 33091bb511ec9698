"""Stored pixels of a film: shown for looking, blanked where text stands, and stored again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless, RLELossless

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.core.quiet import quiet
from infmap.core.types import RealArray
from infmap.deidentify.boxes import Box
from infmap.dicom.elements import whole
from infmap.dicom.pixels import Layout, layout_of, stored_values

# Share of a film's own range that levels without a pixel take: text beyond it stays apart.
_GAP = 0.25


@dataclass(frozen=True)
class Pixels:
    """The decoded pixels of a film.

    Attributes:
        layout: how they are stored.
        values: (H, W) integers or uint8 (H, W, 3), stored values.
    """

    layout: Layout
    values: RealArray


def read_pixels(dataset: Dataset) -> Pixels:
    """Decode a film.

    Raises:
        UnreadableFilm: its pixels are damaged, or of a kind that is not read.
        RejectedFilm: several frames: text on a later one would not be seen.
    """
    if (whole(dataset, "NumberOfFrames") or 1) > 1:
        raise RejectedFilm(
            "expected one film, got a series of frames, whose text is not looked for; "
            "take --review none if they have none"
        )
    with quiet():
        layout = layout_of(dataset, [])
        return Pixels(layout, stored_values(dataset, layout, []))


def levels(pixels: Pixels) -> tuple[NDArray[np.uint16], int]:
    """Every grey level of a film, for a person who looks for faint text, and its bits.

    Returns:
        uint16 (H, W), air dark, from 0; and 8 to 16, so that all levels are below 2^bits.
    """
    plane, bits = _from_zero(pixels)
    return (plane.max() - plane if _inverse(pixels) else plane), bits


def shown(pixels: Pixels) -> NDArray[np.uint8]:
    """The whole range of a film on 0 to 255, uint8 (H, W), air dark: for looking, not for reading.

    Text is at the ends of the range or beyond a window, so no window is applied. Levels that no
    pixel has take a quarter of the film's own range at most: one pixel at the end of 16 bits would
    else hide text on a film of 12.
    """
    plane, bits = _from_zero(pixels)
    counts = np.bincount(plane.ravel(), minlength=1 << bits)
    present = np.flatnonzero(counts)
    # A thousandth of the pixels at either end may be anything, text among it.
    low, high = np.searchsorted(np.cumsum(counts), (0.001 * plane.size, 0.999 * plane.size))
    steps = np.minimum(np.diff(present), max(1.0, _GAP * (high - low)))
    place = np.concatenate([[0.0], np.cumsum(steps)])
    table = np.zeros(1 << bits, np.uint8)
    table[present] = np.rint(place * (255.0 / max(place[-1], 1.0)))
    grey = table[plane]
    return np.invert(grey) if _inverse(pixels) else grey


def _from_zero(pixels: Pixels) -> tuple[NDArray[np.uint16], int]:
    """Stored levels from 0, 16 bits of them at most, and their bits."""
    values = pixels.values
    plane = (values.mean(2) if values.ndim == 3 else values).astype(np.int64)
    plane -= plane.min()
    bits = max(8, int(plane.max()).bit_length())
    return (plane >> max(0, bits - 16)).astype(np.uint16), min(bits, 16)


def _inverse(pixels: Pixels) -> bool:
    return pixels.layout.photometric == "MONOCHROME1"


def blank(dataset: Dataset, pixels: Pixels, boxes: Sequence[Box]) -> None:
    """Paint boxes with the film's darkest grey, in place.

    Uncompressed pixels outside the boxes stay byte for byte. Compressed ones are stored anew
    without loss, so that their values stay: RLE as RLE, all others as JPEG-LS.

    Args:
        dataset: the film.
        pixels: of ``read_pixels`` of the same film.
        boxes: in stored pixels; without any, nothing is touched.

    Raises:
        UnreadableFilm: pixels of a layout that cannot be painted.
    """
    if not boxes:
        return
    layout = pixels.layout
    if layout.allocated not in (8, 16, 32) or "422" in layout.photometric and not _packed(dataset):
        raise UnreadableFilm(
            f"expected pixels of 8, 16 or 32 bits, got {layout.allocated} of "
            f"{layout.photometric}; export it again, or take --review none"
        )
    if _packed(dataset):
        _store(dataset, layout, _painted(pixels, boxes))
    else:
        _paint_bytes(dataset, pixels, boxes)


def _packed(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_compressed)


def _darkest(pixels: Pixels) -> int:
    return int(pixels.values.max() if _inverse(pixels) else pixels.values.min())


def _painted(pixels: Pixels, boxes: Sequence[Box]) -> RealArray:
    values = pixels.values.copy()
    for box in boxes:
        values[box.slices] = _darkest(pixels)
    return values


def _paint_bytes(dataset: Dataset, pixels: Pixels, boxes: Sequence[Box]) -> None:
    """Write into the bytes themselves: what lies beside the samples' own bits stays as well."""
    layout = pixels.layout
    big = str(dataset.file_meta.TransferSyntaxUID) == "1.2.840.10008.1.2.2"
    kind = np.dtype(f"{'>' if big else '<'}u{layout.allocated // 8}")
    data = bytearray(dataset.PixelData)
    plane = np.frombuffer(data, kind, layout.rows * layout.columns * layout.samples)
    shape = (layout.rows, layout.columns)
    # Lowest bits first; the sample may stand higher (High Bit).
    value = (_darkest(pixels) & ((1 << layout.stored) - 1)) << (layout.high + 1 - layout.stored)
    for box in boxes:
        if layout.samples == 1:
            plane.reshape(shape)[box.slices] = value
        elif layout.planar:
            plane.reshape(layout.samples, *shape)[(slice(None), *box.slices)] = value
        else:
            plane.reshape(*shape, layout.samples)[box.slices] = value
    dataset.PixelData = bytes(data)


def _store(dataset: Dataset, layout: Layout, values: RealArray) -> None:
    """Compress pixels again, without loss."""
    size = max(1, layout.allocated // 8)
    if values.ndim == 3:
        plain: NDArray[np.unsignedinteger] = values.astype(np.uint8)
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    else:
        mask = (1 << layout.stored) - 1
        plain = (values.astype(np.int64) & mask).astype(f"<u{size}")
        # The sample stands at the lowest bits from here on.
        dataset.HighBit = layout.stored - 1
    rle = dataset.file_meta.TransferSyntaxUID == RLELossless or size > 2
    frame = _rle(plain, dataset) if rle else _jpeg_ls(plain, layout)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = RLELossless if rle else JPEGLSLossless


def _jpeg_ls(plain: NDArray[np.unsignedinteger], layout: Layout) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(plain), level=0))


def _rle(plain: NDArray[np.unsignedinteger], dataset: Dataset) -> bytes:
    from pydicom.pixels.encoders import RLELosslessEncoder

    colours = plain.shape[2] if plain.ndim == 3 else 1
    return bytes(
        RLELosslessEncoder.encode(
            np.ascontiguousarray(plain),
            rows=plain.shape[0],
            columns=plain.shape[1],
            samples_per_pixel=colours,
            bits_allocated=8 * plain.dtype.itemsize,
            bits_stored=8 if colours > 1 else int(dataset.BitsStored),
            pixel_representation=0,
            photometric_interpretation=str(dataset.PhotometricInterpretation),
            number_of_frames=1,
        )
    )
