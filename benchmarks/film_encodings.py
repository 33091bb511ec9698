"""One film in every encoding that pydicom, imagecodecs, tifffile and Pillow write here."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from infmap.dicom import write_dx

BITS = 12
_JPEG = "1.2.840.10008.1.2.4."


def encodings(film: np.ndarray) -> dict[str, bytes]:
    """Files that all hold the same film.

    Args:
        film: float32 (H, W), [0, 1].

    Returns:
        name to the bytes of a file: DICOM in each transfer syntax and bit layout, with windows,
        VOI LUTs and modality LUTs, and plain pictures.
    """
    deep = np.rint(film * 4095).astype(np.uint16)
    small = np.rint(film * 255).astype(np.uint8)
    return _plain(film, deep, small) | _dicom(deep, small)


def _plain(film: np.ndarray, deep: np.ndarray, small: np.ndarray) -> dict[str, bytes]:
    """PNG, JPEG, TIFF, BMP, WebP, JPEG 2000 and JPEG XL files."""
    wide = np.rint(film * 65535).astype(np.uint16)
    files = {
        "png-8": _pillow(small, "PNG"),
        "png-16": _pillow(wide, "PNG"),
        "png-rgb": _pillow(np.dstack([small] * 3), "PNG"),
        "jpeg": _pillow(small, "JPEG", quality=98),
        "jpeg-progressive": _pillow(small, "JPEG", quality=98, progressive=True),
        "jpeg-cmyk": _cmyk(small),
        "jpeg-12": bytes(imagecodecs.jpeg8_encode(deep, level=98, bitspersample=12)),
        "jpeg-lossless": bytes(imagecodecs.jpeg8_encode(deep, lossless=True, bitspersample=12)),
        "bmp": _pillow(small, "BMP"),
        "webp": _pillow(np.dstack([small] * 3), "WEBP", lossless=True),
        "j2k": bytes(imagecodecs.jpeg2k_encode(small, codecformat="J2K", reversible=True)),
        "jp2-16": bytes(imagecodecs.jpeg2k_encode(wide, codecformat="JP2", reversible=True)),
        "jxl": bytes(imagecodecs.jpegxl_encode(small, lossless=True)),
        "tiff-int8": _tiff((small.astype(np.int16) - 128).astype(np.int8)),
        "tiff-int16": _tiff((deep.astype(np.int32) - 2000).astype(np.int16)),
        "tiff-uint32": _tiff((film.astype(np.float64) * (2**32 - 1)).astype(np.uint32)),
        "tiff-float32": _tiff(film),
        "tiff-float64": _tiff(film.astype(np.float64) * 1000 - 500),
        "tiff-lzw-tiled": _tiff(wide, compression="lzw", tile=(64, 64), predictor=True),
        "tiff-big-endian-big": _tiff(wide, bigtiff=True, byteorder=">"),
        "tiff-striped-deflate": _tiff(small, compression="zlib", rowsperstrip=7),
        "tiff-planar": _tiff(np.stack([small] * 3), photometric="rgb", planarconfig="separate"),
        "tiff-min-is-white": _tiff(255 - small, photometric="miniswhite"),
        "tiff-thumbnail": _pages(wide),
    }
    return files


def _dicom(deep: np.ndarray, small: np.ndarray) -> dict[str, bytes]:
    """DICOM films."""
    signed = (deep.astype(np.int32) - 2048).astype(np.int16)
    overlay = deep | np.where(np.indices(deep.shape).sum(0) % 61 < 3, 0x8000, 0).astype(np.uint16)
    as_rgb = np.dstack([small] * 3)
    j2k: dict[str, Any] = {"codecformat": "J2K", "reversible": True}
    frames: dict[str, tuple[bytes, str, np.ndarray]] = {
        "dicom-jpeg-baseline": (_pillow(small, "JPEG", quality=98), "50", small),
        "dicom-jpeg-progressive": (
            _pillow(small, "JPEG", quality=98, progressive=True), "55", small),
        "dicom-jpeg-rgb": (_pillow(as_rgb, "JPEG", quality=98), "50", as_rgb),
        "dicom-jpeg-extended-12": (
            bytes(imagecodecs.jpeg8_encode(deep, level=98, bitspersample=12)), "51", deep),
        "dicom-jpeg-lossless": (
            bytes(imagecodecs.jpeg8_encode(deep, lossless=True, bitspersample=12)), "57", deep),
        "dicom-jpeg-lossless-16": (bytes(imagecodecs.ljpeg_encode(deep)), "70", deep),
        "dicom-jpeg-lossless-overlay": (bytes(imagecodecs.ljpeg_encode(overlay)), "70", deep),
        "dicom-jpeg-ls": (bytes(imagecodecs.jpegls_encode(deep)), "80", deep),
        "dicom-jpeg-ls-near": (bytes(imagecodecs.jpegls_encode(deep, level=2)), "81", deep),
        "dicom-jpeg-ls-overlay": (bytes(imagecodecs.jpegls_encode(overlay)), "80", deep),
        "dicom-jpeg-2000": (bytes(imagecodecs.jpeg2k_encode(deep, **j2k)), "90", deep),
        "dicom-jpeg-2000-lossy": (
            bytes(imagecodecs.jpeg2k_encode(deep, codecformat="J2K", level=100)), "91", deep),
        "dicom-jpeg-2000-overlay": (bytes(imagecodecs.jpeg2k_encode(overlay, **j2k)), "90", deep),
        "dicom-htj2k": (bytes(imagecodecs.htj2k_encode(deep, reversible=True)), "201", deep),
        "dicom-jpeg-xl": (bytes(imagecodecs.jpegxl_encode(deep, lossless=True)), "201", deep),
    }  # fmt: skip
    files = {
        name: _encapsulated(_dataset(plane), frame, _JPEG + syntax)
        for name, (frame, syntax, plane) in frames.items()
    }
    # pydicom does not write this syntax, so another of the same length is written and renamed.
    named = (_JPEG + "201").encode(), (_JPEG + "110").encode()
    files["dicom-jpeg-xl"] = files["dicom-jpeg-xl"].replace(*named)
    native = "1.2.840.10008.1.2"
    plain, run_length = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    files["dicom-native-in-a-compressed-syntax"] = _saved(_dataset(deep)).replace(plain, run_length)
    stream = bytes(imagecodecs.jpeg2k_encode(deep, **j2k))
    wrapped = _encapsulated(_dataset(deep), stream, native + ".5")
    files["dicom-compressed-in-a-native-syntax"] = wrapped.replace(run_length, plain)
    rle = _dataset(deep)
    rle.compress(UID(native + ".5"), generate_instance_uid=False)
    files["dicom-rle"] = _saved(rle)
    for name, change in _CHANGES.items():
        files[f"dicom-{name}"] = _saved(change(_dataset(deep)))
    files["dicom-implicit"] = _saved(_dataset(deep), native)
    files["dicom-deflated"] = _saved(_dataset(deep), native + ".1.99")
    files["dicom-8-bit"] = _saved(_dataset(small))
    files["dicom-rgb"] = _saved(_dataset(as_rgb))
    files["dicom-overlay"] = _saved(_dataset(overlay))
    files["dicom-signed"] = _saved(_signed(_dataset(deep), signed))
    big = _dataset(deep.astype(">u2"))
    files["dicom-big-endian"] = _saved(_lut(big, 8), native + ".2")
    files["dicom-implicit-signed-lut"] = _saved(_negative(_dataset(deep)), native)
    return files


def _dataset(plane: np.ndarray) -> Dataset:
    """A DX film: 12 bits stored in 16, or 8 in 8."""
    stream = io.BytesIO()
    shape = np.zeros(plane.shape[:2], np.uint16)
    write_dx(stream, shape, spacing_mm=(0.2, 0.2), patient_id="phantom")  # type: ignore[arg-type]
    d = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    d.BitsStored = 8 if plane.dtype.itemsize == 1 else BITS
    d.BitsAllocated, d.HighBit = 8 * plane.dtype.itemsize, d.BitsStored - 1
    d.WindowCenter, d.WindowWidth = 2 ** (d.BitsStored - 1), 2**d.BitsStored
    if plane.ndim == 3:
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
    d.PixelData = plane.tobytes()
    return d


def _lut(d: Dataset, bits: int) -> Dataset:
    """A linear VOI LUT of so many bits instead of the window."""
    del d.WindowCenter, d.WindowWidth
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, bits])
    item.add_new("LUTData", "US", [i >> (BITS - bits) for i in range(4096)])
    d.VOILUTSequence = [item]
    return d


def _negative(d: Dataset) -> Dataset:
    """A VOI LUT for values that a negative intercept has moved below zero."""
    d = _lut(d, BITS)
    d.RescaleIntercept = -2048
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [4096, -2048, BITS])
    item.add_new("LUTData", "US", list(range(4096)))
    d.VOILUTSequence = [item]
    return d


def _packed(d: Dataset) -> Dataset:
    """A VOI LUT of bytes, two a word."""
    d = _lut(d, 8)
    entries = np.array(d.VOILUTSequence[0].LUTData, np.uint8)
    del d.VOILUTSequence[0]["LUTData"]
    d.VOILUTSequence[0].add_new("LUTData", "OW", entries.tobytes())
    return d


def _modality(d: Dataset) -> Dataset:
    """A modality LUT instead of the rescale."""
    del d.RescaleSlope, d.RescaleIntercept
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "OW", (np.arange(4096, dtype=np.uint16) * 2).tobytes())
    item.ModalityLUTType = "US"
    d.ModalityLUTSequence = [item]
    d.WindowCenter, d.WindowWidth = 4096, 8192
    return d


def _inverse(d: Dataset) -> Dataset:
    """MONOCHROME1, the complement stored."""
    d.PhotometricInterpretation, d.PresentationLUTShape = "MONOCHROME1", "INVERSE"
    d.PixelData = (4095 - np.frombuffer(d.PixelData, np.uint16)).astype(np.uint16).tobytes()
    return d


def _high(d: Dataset) -> Dataset:
    """The sample in the upper bits."""
    d.HighBit = 15
    d.PixelData = (np.frombuffer(d.PixelData, np.uint16) << 4).astype(np.uint16).tobytes()
    return d


def _without(*names: str) -> Callable[[Dataset], Dataset]:
    def change(d: Dataset) -> Dataset:
        for name in names:
            del d[name]
        return d

    return change


_CHANGES: dict[str, Callable[[Dataset], Dataset]] = {
    "explicit": lambda d: d,
    "no-window": _without("WindowCenter", "WindowWidth"),
    "voi-lut-8": lambda d: _lut(d, 8),
    "voi-lut-12": lambda d: _lut(d, 12),
    "voi-lut-packed": _packed,
    "modality-lut": _modality,
    "monochrome1": _inverse,
    "high-bit-15": _high,
    "nothing-stated": _without("SamplesPerPixel", "BitsStored", "HighBit", "PixelRepresentation"),
}


def _signed(d: Dataset, plane: np.ndarray) -> Dataset:
    d.PixelRepresentation, d.PixelData = 1, plane.tobytes()
    d.WindowCenter = 0
    return d


def _saved(d: Dataset, syntax: str | None = None) -> bytes:
    stream = io.BytesIO()
    if syntax is None:
        pydicom.dcmwrite(stream, d, implicit_vr=False, little_endian=True)
    else:
        d.file_meta.TransferSyntaxUID = UID(syntax)
        implicit, little = syntax == "1.2.840.10008.1.2", not syntax.endswith(".2.2")
        pydicom.dcmwrite(stream, d, implicit_vr=implicit, little_endian=little)
    return stream.getvalue()


def _encapsulated(d: Dataset, frame: bytes, syntax: str) -> bytes:
    d.file_meta.TransferSyntaxUID = UID(syntax)
    d.PixelData = encapsulate([frame])
    d["PixelData"].VR = "OB"
    d["PixelData"].is_undefined_length = True
    return _saved(d)


def _pillow(plane: np.ndarray, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, kind, **options)
    return stream.getvalue()


def _cmyk(small: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.dstack([small] * 3)).convert("CMYK").save(stream, "JPEG", quality=98)
    return stream.getvalue()


def _tiff(plane: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(stream, plane, metadata=None, **options)
    return stream.getvalue()


def _pages(plane: np.ndarray) -> bytes:
    """The film and a reduced copy of it."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(plane, photometric="minisblack", metadata=None)
        reduced = np.ascontiguousarray(plane[::4, ::4])
        writer.write(reduced, photometric="minisblack", subfiletype=1, metadata=None)
    return stream.getvalue()
