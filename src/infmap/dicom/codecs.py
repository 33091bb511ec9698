"""Decoders of compressed pixels. They run in a process of their own: see ``decoder_pool``.

All of them are those of imagecodecs (libjpeg-turbo, CharLS, OpenJPEG, libjxl), with simplejpeg
beside, which alone says what libjpeg thinks of the data.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infmap.core.quiet import quiet
from infmap.core.types import RealArray
from infmap.dicom import codestream, tiff
from infmap.dicom.codestream import JPEG, JPEG_2000, JPEG_LS, JPEG_XL, Frame
from infmap.dicom.damage import Damaged, NotRead, TooLarge
from infmap.dicom.tiff import TiffInfo

RLE, DEFLATE, TIFF = "RLE", "Deflated", "TIFF"
# Low bytes of the start-of-frame markers (ITU-T T.81, table B.1).
_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_EOI = b"\xff\xd9"
# libjpeg's words (jerror.h): JWRN_EXTRANEOUS_DATA before the end of image, JWRN_HIT_MARKER,
# JWRN_JPEG_EOF, JWRN_BOGUS_PROGRESSION.
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression")
_TOLERATED = ("Invalid SOS parameters", "Unknown Adobe color transform", "Warning: unknown JFIF")
"""Warnings of libjpeg (jerror.h) on odd headers that change nothing."""


class Job(NamedTuple):
    """What to decode; a tuple, so that it travels as JSON and back.

    Attributes:
        kind: "JPEG", "JPEG-LS", "JPEG 2000", "JPEG XL", "RLE", "Deflated" or "TIFF".
        pixels: most pixels that the picture may have.
        rows: what the file around the stream states; 0 where it states nothing.
        columns: the same.
        samples: the same, of a pixel.
        allocated: the same, bits of a sample in memory.
    """

    kind: str
    pixels: int
    rows: int = 0
    columns: int = 0
    samples: int = 1
    allocated: int = 16


@dataclass(frozen=True)
class Decoded:
    """What came of it.

    Attributes:
        values: (H, W) or (H, W, samples), as the stream holds them: JPEG colours unconverted.
        precision: bits of a sample by the stream; None where it does not say.
        signed: whether the stream's samples are signed; None where it does not say.
        notes: what was guessed or repaired.
        info: what else a TIFF states; see ``tiff``.
    """

    values: RealArray
    precision: int | None = None
    signed: bool | None = None
    notes: list[str] = field(default_factory=list)
    info: TiffInfo = field(default_factory=TiffInfo)


def decode(job: Job, data: bytes) -> Decoded:
    """Decode one picture.

    Raises:
        Damaged: the stream is damaged, or not of the size that is stated around it.
        TooLarge: more pixels than the job allows.
        NotRead: a variant that is not read here.
        Exception: whatever else a decoder raises on hostile data, which means damaged.
    """
    size = codestream.size_of(data)
    if size is not None:
        if size[0] * size[1] > job.pixels:
            raise TooLarge(f"{size[1]} x {size[0]}")
        if job.rows and size != (job.rows, job.columns):
            raise Damaged(f"it says {size[1]} x {size[0]} pixels")
    result = _DECODERS[job.kind](job, data)
    if job.rows and result.values.shape[:2] != (job.rows, job.columns):
        raise Damaged(f"it holds {result.values.shape[1]} x {result.values.shape[0]} pixels")
    return result


def stated_pixels(job: Job, data: bytes) -> int:
    """Pixels that the picture has by what is stated around it, else by its own header.

    Raises:
        TooLarge: a TIFF of more than the job allows.
    """
    if job.rows:
        return job.rows * job.columns
    if job.kind == TIFF:
        return tiff.pixels_of(data, job.pixels)
    size = codestream.size_of(data)
    return min(size[0] * size[1], job.pixels) if size is not None else job.pixels


def _jpeg(job: Job, data: bytes) -> Decoded:
    """JPEG of any process that libjpeg-turbo has: 8 and 12 bits, lossless 2 to 16 bits."""
    frame = codestream.jpeg_frame(data)
    if frame is None:
        raise Damaged("it has no frame header")
    if frame.process not in (_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS):
        raise NotRead(f"JPEG of process 0x{frame.process:02X}")
    # Some versions of gdcm wrote DCT streams of 16 bits, which the standard does not have.
    if frame.process != _LOSSLESS and frame.precision not in (8, 12):
        raise NotRead(f"JPEG with {frame.precision} bits a sample and a lossy process")
    if frame.components not in (1, 3):
        raise NotRead(f"JPEG of {frame.components} components")
    check_jpeg(data, frame)
    import imagecodecs

    # Naming one colour space twice leaves the samples as they are.
    space = "RGB" if frame.components == 3 else None
    values = imagecodecs.jpeg8_decode(ended(data, frame), colorspace=space, outcolorspace=space)
    return Decoded(np.asarray(values), frame.precision)


def ended(data: bytes, frame: Frame) -> bytes:
    """The stream with an end: without one, complete data would look cut off.

    A progressive stream is left as it is, since its end is all that tells whether scans lack.
    """
    if frame.process == _PROGRESSIVE or data.rstrip(b"\0").endswith(_EOI):
        return data
    return data + _EOI


def check_jpeg(data: bytes, frame: Frame) -> None:
    """Decode a JPEG stream of any precision only for libjpeg's warnings.

    simplejpeg reads 8-bit streams only. The entropy coding does not depend on the precision, so
    a stream of 12 or 16 bits is checked under a frame header that says 8: its grey levels come out
    wrong, libjpeg's warnings right.

    Args:
        data: the stream.
        frame: its frame header.

    Raises:
        Damaged: entropy-coded data lack, or are left over, or make no sense.
    """
    as_8_bit = bytearray(data)
    # Precision follows the marker (2 bytes) and the length (2 bytes).
    as_8_bit[frame.at + 4] = 8
    colours = "GRAY" if frame.components == 1 else "CMYK" if frame.components == 4 else "RGB"
    decode_strictly(bytes(as_8_bit), frame, colours, fastdct=True, fastupsample=True)


def decode_strictly(data: bytes, frame: Frame, colours: str, **options: bool) -> NDArray[np.uint8]:
    """Decode an 8-bit JPEG stream of 1, 3 or 4 components; what libjpeg warns of is an error.

    Args:
        data: the stream.
        frame: its frame header.
        colours: "GRAY", "RGB" or "CMYK".
        options: more for ``simplejpeg.decode_jpeg``.

    Returns:
        uint8 (H, W) or (H, W, samples).

    Raises:
        Damaged: libjpeg warns of entropy-coded data, or cannot decode at all.
    """
    import simplejpeg

    data = _regular(ended(data, frame), frame)
    try:
        values = simplejpeg.decode_jpeg(data, colours, **options)
    except ValueError as error:
        if not _is_harmless(str(error), data):
            raise Damaged(str(error)) from error
        try:
            with quiet():
                values = simplejpeg.decode_jpeg(data, colours, strict=False, **options)
        except ValueError as second:
            raise Damaged(str(second)) from second
    return np.asarray(values[..., 0] if values.shape[2] == 1 else values)


def _regular(data: bytes, frame: Frame) -> bytes:
    """Put odd spectral selection of a sequential scan right.

    libjpeg warns of it and ignores it, and the warning would hide later ones.
    """
    if frame.process not in (_BASELINE, _EXTENDED) or frame.scan is None:
        return data
    # Behind marker, length, the number of components and two bytes for each: Ss, Se, AhAl, which
    # are 0, 63, 0 in a sequential scan (T.81 B.2.3).
    place = frame.scan + 5 + 2 * data[frame.scan + 4]
    return data[:place] + b"\x00\x3f\x00" + data[place + 3 :]


def _is_harmless(warning: str, data: bytes) -> bool:
    """Whether what libjpeg warns of leaves the picture as it was."""
    if not warning.startswith(_DAMAGE):
        return warning.startswith(_TOLERATED)
    found = _EXTRANEOUS.search(warning)
    return found is not None and _is_padding(data, int(found.group(1)))


def _is_padding(data: bytes, count: int) -> bool:
    """Whether the bytes before the end are filling rather than data that were not decoded."""
    end = data.rfind(_EOI)
    # Zeros and fill bytes (0xFF) are what encoders and archives pad with.
    return set(data[max(0, end - count) : end]) <= {0x00, 0xFF}


def _jpeg_ls(job: Job, data: bytes) -> Decoded:
    import imagecodecs

    frame = codestream.jpeg_frame(data)
    values = np.asarray(imagecodecs.jpegls_decode(data))
    return Decoded(values, None if frame is None else frame.precision)


def _jpeg_2000(job: Job, data: bytes) -> Decoded:
    """JPEG 2000, high-throughput (HTJ2K) as well."""
    import imagecodecs

    siz = codestream.siz_of(data)
    if siz is None:
        raise Damaged("it has no size")
    values = np.asarray(imagecodecs.jpeg2k_decode(data, numthreads=1))
    return Decoded(values, siz[2], siz[3])


def _jpeg_xl(job: Job, data: bytes) -> Decoded:
    import imagecodecs

    values = np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    return Decoded(values)


def _rle(job: Job, data: bytes) -> Decoded:
    """RLE Lossless of PS3.5 Annex G: planes of bytes, the most significant first."""
    import imagecodecs

    size = job.allocated // 8
    count = job.rows * job.columns * job.samples * size
    # One segment for each byte of each sample; another number is another film's data.
    segments = int.from_bytes(data[:4], "little")
    if segments != job.samples * size:
        raise Damaged(f"it has {segments} segments instead of {job.samples * size}")
    plane = bytes(imagecodecs.dicomrle_decode(data, f"<u{size}", out=count))
    if len(plane) < count:
        raise Damaged(f"it holds {len(plane)} bytes instead of {count}")
    values = np.frombuffer(plane[:count], f"<u{size}")
    if job.samples == 1:
        return Decoded(values.reshape(job.rows, job.columns))
    planes = values.reshape(job.samples, job.rows, job.columns)
    return Decoded(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))


def _deflated(job: Job, data: bytes) -> Decoded:
    """Deflated Image Frame Compression (PS3.5 A.4.13)."""
    size = job.allocated // 8
    count = job.rows * job.columns * job.samples * size
    # Raw deflate, without a zlib header; no more than is stated, so no bomb unfolds.
    plane = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, count)
    if len(plane) < count:
        raise Damaged(f"it holds {len(plane)} bytes instead of {count}")
    shape = (job.rows, job.columns) if job.samples == 1 else (job.rows, job.columns, job.samples)
    return Decoded(np.frombuffer(plane, f"<u{size}").reshape(shape))


def _tiff(job: Job, data: bytes) -> Decoded:
    values, info = tiff.read_tiff(data, job.pixels)
    return Decoded(values, info=info)


_DECODERS: dict[str, Callable[[Job, bytes], Decoded]] = {
    JPEG: _jpeg,
    JPEG_LS: _jpeg_ls,
    JPEG_2000: _jpeg_2000,
    JPEG_XL: _jpeg_xl,
    RLE: _rle,
    DEFLATE: _deflated,
    TIFF: _tiff,
}
KINDS = tuple(_DECODERS)
