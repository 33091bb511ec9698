"""Stored values of a DICOM film: found, decoded, freed of foreign bits, and given their sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from infmap.core.errors import UnreadableFilm
from infmap.core.types import RealArray
from infmap.dicom import codestream
from infmap.dicom.codecs import DEFLATE, RLE, Job
from infmap.dicom.decoder_pool import decode_apart
from infmap.dicom.elements import text, whole

# Tag of an item, (FFFE,E000), in little endian: encapsulated pixels begin with one (PS3.5 A.4).
_ITEM = b"\xfe\xff\x00\xe0"
# Transfer syntaxes whose pixels are not compressed: implicit, explicit, encapsulated uncompressed,
# deflated (inflated as a whole by pydicom), and big endian.
_NATIVE = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
_RLE_SYNTAX, _DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
_WHAT = "a whole DICOM film"
# Chosen by hand, not measured.
_ROUGHER = 0.5
"""How much smoother pixels of another depth must be to be believed against the header."""

# Chosen by hand, not measured.
_NO_CHROMA = 1.5
"""Mean distance from grey, of 255, that is due to rounding and lossy compression."""


@dataclass(frozen=True)
class Layout:
    """How the header says that samples are stored.

    Attributes:
        rows: of the film.
        columns: of the film.
        samples: of a pixel: 1, 3 or 4.
        allocated: bits that a sample takes: 1, 8, 16, 32 or 64.
        stored: bits of it that are the sample.
        high: number of the highest of those bits.
        signed: whether they are two's complement.
        planar: whether each colour has a plane of its own.
        photometric: Photometric Interpretation, in capitals.
        deep: whether ``stored`` is stated, so that bits above it are foreign.
    """

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    planar: bool
    photometric: str
    deep: bool


def layout_of(dataset: Dataset, notes: list[str]) -> Layout:
    """Read the layout, filling in what is not stated.

    Args:
        dataset: with Rows, Columns and Photometric Interpretation.
        notes: gets a sentence for each attribute that was filled in.

    Raises:
        UnreadableFilm: no layout that is read here.
    """
    rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
    photometric = text(dataset, "PhotometricInterpretation")
    monochrome = photometric.startswith("MONOCHROME") or photometric == "PALETTE COLOR"
    samples = whole(dataset, "SamplesPerPixel")
    if samples not in (1, 3, 4):
        samples = 1 if monochrome else 3
        notes.append(f"SamplesPerPixel is not stated; taken as {samples}")
    allocated = whole(dataset, "BitsAllocated")
    if allocated is None:
        size = len(dataset.PixelData) // max(1, rows * columns * samples)
        allocated = 8 * size if size in (1, 2, 4) else 16
        notes.append(f"BitsAllocated is not stated; taken as {allocated}")
    if allocated not in (1, 8, 16, 32, 64):
        raise UnreadableFilm(
            f"expected 1, 8, 16, 32 or 64 bits allocated, got {allocated}; export it again"
        )
    stored = whole(dataset, "BitsStored")
    deep = stored is not None and 1 <= stored <= allocated
    if not deep or stored is None:
        notes.append(f"BitsStored is not stated; taken as {allocated}")
        stored = allocated
    high = whole(dataset, "HighBit")
    sign = whole(dataset, "PixelRepresentation")
    if sign not in (0, 1):
        notes.append("PixelRepresentation is not stated; pixels were taken as unsigned")
    return Layout(
        rows,
        columns,
        samples,
        allocated,
        stored,
        high if high is not None and stored - 1 <= high < allocated else stored - 1,
        sign == 1,
        whole(dataset, "PlanarConfiguration", 0) == 1,
        photometric,
        deep,
    )


def stored_values(dataset: Dataset, layout: Layout, notes: list[str]) -> RealArray:
    """Decode the film.

    Args:
        dataset: with pixels; left as it is.
        layout: of ``layout_of``.
        notes: gets what was guessed or repaired.

    Returns:
        (H, W) integers, or uint8 (H, W, 3) colours: RGB.

    Raises:
        UnreadableFilm: truncated, damaged, or of a compression that is not read here.
    """
    data = bytes(dataset.PixelData)
    syntax = _syntax(dataset)
    stream = _stream(data, syntax, notes)
    if stream is None:
        if syntax not in _NATIVE and (syntax.name == syntax or not _fits(data, layout)):
            _refuse_syntax(syntax)
        plain = _native(data, layout, syntax == ExplicitVRBigEndian, dataset, notes)
        precision, converted = layout.allocated, layout.photometric
    else:
        plain, precision, converted = _compressed(stream, layout, syntax, notes)
    # Lossless: JPEG Lossless (.57, .70), JPEG-LS (.80), JPEG 2000 (.90), RLE (.2.5).
    lossy = stream is not None and not str(syntax).endswith((".57", ".70", ".80", ".90", ".2.5"))
    if plain.ndim == 3:
        plain = _aligned(plain, layout, notes, lossy) if plain.dtype != np.uint8 else plain
        return _colours(plain, layout, converted)
    plain = _aligned(plain, layout, notes, lossy)
    return _signed(plain, min(layout.stored, precision)) if layout.signed else plain


def _syntax(dataset: Dataset) -> UID:
    """Transfer syntax of the pixels, by the file's header or by how the dataset was read."""
    stated = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if stated:
        return UID(str(stated).strip(" \0"))
    implicit, little = getattr(dataset, "original_encoding", (None, None))
    if little is False:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _stream(data: bytes, syntax: UID, notes: list[str]) -> bytes | None:
    """The compressed frame in Pixel Data; None where the pixels are as they are.

    What lies there decides, not the transfer syntax: archives change one and not the other.
    """
    if data.startswith(_ITEM):
        try:
            frame = bytes(get_frame(data, 0, number_of_frames=1))
        except Exception as error:  # offsets and lengths may hold anything
            raise UnreadableFilm(
                f"expected {_WHAT}, got damaged or truncated fragments; copy it again"
            ) from error
    elif codestream.kind_of(data) is not None:
        frame = data
    else:
        if syntax not in _NATIVE:
            notes.append("the transfer syntax states a compression, but the pixels have none")
        return None
    if syntax in _NATIVE:
        notes.append("the transfer syntax states no compression, but the pixels are compressed")
    return frame


def _refuse_syntax(syntax: UID) -> None:
    """Say why pixels of an unknown kind are not read."""
    name = syntax.name if syntax.name != syntax else "one of a private transfer syntax"
    raise UnreadableFilm(
        f"expected a still-image compression that is read here, got {name}; export it uncompressed"
    )


def _compressed(
    stream: bytes, layout: Layout, syntax: UID, notes: list[str]
) -> tuple[RealArray, int, str]:
    """Decode a frame: its values, bits of a sample by the stream, and what the colours are."""
    kind = codestream.kind_of(stream)
    if kind is None:
        kind = {_RLE_SYNTAX: RLE, _DEFLATED_FRAME: DEFLATE}.get(str(syntax))
    if kind is None:
        if syntax in _NATIVE:
            kind = RLE
        elif syntax.is_transfer_syntax and "JPEG" in syntax.name:
            raise UnreadableFilm(f"expected {_WHAT}, got one with damaged pixels; export it again")
        else:
            _refuse_syntax(syntax)
    job = Job(
        str(kind),
        layout.rows * layout.columns,
        layout.rows,
        layout.columns,
        layout.samples,
        layout.allocated,
    )
    result = decode_apart(job, stream, _WHAT, notes)
    values = result.values
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    precision = result.precision or 8 * values.dtype.itemsize
    colours = layout.photometric
    if kind == codestream.JPEG_2000 and not colours.startswith("YBR_FULL"):
        colours = "RGB"  # the colour transform is the stream's own and undone by its decoder
    if kind == codestream.JPEG_XL:
        colours = "RGB"
    return values, precision, colours


def _fits(data: bytes, layout: Layout) -> bool:
    """Whether the data are as long as uncompressed pixels are."""
    expected = layout.rows * layout.columns * layout.samples * layout.allocated // 8
    # One byte more: values have an even length (PS3.5 8.1.1).
    return expected <= len(data) <= expected + 1


def _native(
    data: bytes, layout: Layout, big_endian: bool, dataset: Dataset, notes: list[str]
) -> RealArray:
    """Uncompressed pixels: (H, W), or (H, W, samples)."""
    count = layout.rows * layout.columns * layout.samples
    size = layout.allocated
    expected = (count * size + 7) // 8
    if size == 16 and layout.stored <= 8 and count <= len(data) <= count + 1 < expected:
        notes.append("BitsAllocated is 16, but the pixels take 8 bits each")
        size, expected = 8, count
    subsampled = "422" in layout.photometric and layout.samples == 3 and size == 8
    if subsampled:
        expected = layout.rows * layout.columns * 2
    if len(data) < expected:
        raise UnreadableFilm(
            f"expected {expected} bytes of pixels, got {len(data)}; the film is truncated, "
            "copy it again"
        )
    if len(data) > expected + 1:
        notes.append("more pixel data than the header states; the rest was ignored")
    if size == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8, expected), bitorder="little")
        return bits[:count].reshape(layout.rows, layout.columns)
    if size == 8 and big_endian and str(dataset["PixelData"].VR) == "OW":
        # Bytes in words of 16 bits change places (PS3.5 Annex A.3).
        words = np.frombuffer(data[: expected + expected % 2], ">u2")
        data = words.astype("<u2").tobytes()
    order = ">" if big_endian else "<"
    plain = np.frombuffer(data, f"{order}u{size // 8}", expected * 8 // size)
    if big_endian:
        plain = plain.astype(plain.dtype.newbyteorder("="))
    if subsampled:
        from pydicom.pixels.utils import expand_ybr422

        full = expand_ybr422(plain.tobytes(), 8)
        plain = np.frombuffer(full, np.uint8)
    if layout.samples == 1:
        return plain.reshape(layout.rows, layout.columns)
    if layout.planar and not subsampled:
        planes = plain.reshape(layout.samples, layout.rows, layout.columns)
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    return np.asarray(plain.reshape(layout.rows, layout.columns, layout.samples))


def _aligned(values: RealArray, layout: Layout, notes: list[str], lossy: bool) -> RealArray:
    """Only the bits that are the sample, the lowest at bit 0, as unsigned integers.

    Bits above those stored are retired overlays (PS3.5 8.1.2), or anything. Where High Bit or Bits
    Stored is wrong, the pixels tell: a film is smooth, and its bits in a wrong place are not.
    """
    if values.dtype.kind == "f":
        return values
    size = values.dtype.itemsize
    kind = values.dtype.str if values.dtype.kind == "u" else f"u{size}"
    plain: NDArray[np.unsignedinteger] = values.view(kind)
    most = (1 << layout.stored) - 1
    used = int(np.bitwise_or.reduce(plain, axis=None))
    if not layout.deep or used <= most:
        return plain
    number = plain.dtype.type
    masked = plain & number(most)
    shift = layout.high + 1 - layout.stored
    if shift > 0:
        shifted = (plain >> number(shift)) & number(most)
        masked = shifted if _roughness(shifted) <= _roughness(masked) else masked
    deeper = used.bit_length()
    gapless = used >> layout.stored == (1 << (deeper - layout.stored)) - 1
    if gapless and not layout.signed and _roughness(plain) < _ROUGHER * _roughness(masked):
        notes.append(f"BitsStored is {layout.stored}, but the pixels use {deeper} bits")
        return plain
    if not layout.signed and lossy:
        # Lossy compression overshoots: 4097 of 12 bits is white, not 1.
        clipped = np.minimum(plain, number(most))
        if _roughness(masked) > _ROUGHER * _roughness(clipped):
            return np.asarray(clipped)
    if not shift and not layout.signed:
        notes.append(f"bits above the {layout.stored} stored ones are not of the film; left out")
    return np.asarray(masked)


def _roughness(values: RealArray) -> float:
    """Mean step to the next pixel of a row, in standard deviations."""
    # About 1,024 rows, whole: the step is measured along them.
    some = values[:: max(1, values.shape[0] // 1024)].astype(np.float64)
    spread = float(some.std())
    return float(np.abs(np.diff(some, axis=1)).mean()) / spread if spread and some.size > 1 else 0.0


def _signed(values: RealArray, bits: int) -> RealArray:
    """Two's complement of so many bits as signed integers."""
    if values.dtype.kind == "f":
        return values
    size = values.dtype.itemsize
    shift = 8 * size - bits
    # Shifted up and down again: the right shift of a signed type repeats the sign bit.
    plain: NDArray[np.unsignedinteger] = values.astype(f"u{size}")
    left = plain << plain.dtype.type(shift)
    return np.asarray(left.view(f"i{size}") >> np.dtype(f"i{size}").type(shift))


def _colours(values: RealArray, layout: Layout, colours: str) -> NDArray[np.uint8]:
    """Colours as uint8 (H, W, 3), RGB.

    A grey film has three equal samples, or a luma and no chroma; both mean the first sample,
    whatever the header says of the colours, and headers are often wrong about it.
    """
    # A fourth sample (retired ARGB, CMYK) is none of the film's colours.
    values = values[..., :3]
    if values.dtype != np.uint8:
        shift = max(0, layout.stored - 8)
        values = np.minimum(np.right_shift(values, shift), 255).astype(np.uint8)
    first, chroma = values[..., 0], values[..., 1:].astype(np.int16)
    equal = np.abs(chroma - first[..., None]).mean() < _NO_CHROMA
    neutral = np.abs(chroma - 128).mean() < _NO_CHROMA
    if equal or neutral:
        return np.repeat(first[..., None], 3, axis=2)
    if colours.startswith("YBR"):
        from pydicom.pixels.processing import convert_color_space

        return np.asarray(convert_color_space(values, "YBR_FULL", "RGB"))
    return np.ascontiguousarray(values)
