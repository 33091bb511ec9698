"""DICOM films: CR, DX and single frames of RF, through pydicom.

Order of the grey pipeline, as in PS3.4 N.2: modality LUT, VOI LUT or window, polarity. Polarity
comes last and turns the tones around within the range they really span.
"""

from __future__ import annotations

import io
import threading
import warnings
import zlib
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from infmap.core.errors import FilmError, RejectedFilm, UnreadableFilm
from infmap.core.types import Float32Image
from infmap.dicom.film import Film
from infmap.dicom.orient import VIEW_NAMES, states_side, upright, view_of
from infmap.dicom.tones import sample, stretch, to_grey

PROJECTION = ("CR", "DX", "RG", "RF")
_PIXEL_TAG = b"\xe0\x7f\x10\x00"
_META_START = 144
_ATTRIBUTES = ("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")
_SPACINGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
_VOI = ("WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape")
_OTHERS = ("Modality", "NumberOfFrames", "BodyPartExamined", "ViewPosition", "PatientOrientation")
_SATURATED = 0.98
QUIET = threading.Lock()


def decode_dicom(data: bytes, max_pixels: int) -> Film:
    """Decode a DICOM file that holds one film.

    Args:
        data: the file's bytes, with or without preamble.
        max_pixels: refuse more pixels than this before decoding.

    Returns:
        the film, upright.

    Raises:
        UnreadableFilm: damaged, truncated, without pixels, too large, or not decodable here.
        RejectedFilm: another modality, several frames, or a colour picture.
    """
    _refuse_deflate_bomb(data, max_pixels)
    try:
        # catch_warnings swaps interpreter-wide state; pydicom's warnings may quote values.
        with QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
            for keyword in (*_ATTRIBUTES, *_SPACINGS, *_VOI, *_OTHERS):
                dataset.get(keyword)
            dataset.file_meta.get("TransferSyntaxUID")
    except Exception as error:  # a hostile file may raise anything inside the parser
        raise _damaged() from error
    if "PixelData" not in dataset and _PIXEL_TAG in data[132:]:
        raise UnreadableFilm("expected a whole DICOM film, got a truncated one; copy it again")
    return decode_dataset(dataset, max_pixels)


def decode_dataset(dataset: Dataset, max_pixels: int) -> Film:
    """Decode a dataset that holds one film; the dataset is left as it is.

    Args:
        dataset: with pixels, as read by pydicom.
        max_pixels: refuse more pixels than this before decoding.

    Returns:
        the film, upright.

    Raises:
        UnreadableFilm: as ``decode_dicom``.
        RejectedFilm: as ``decode_dicom``.
    """
    try:
        notes = _check(dataset, max_pixels)
        stored = _decode(dataset, notes)
        pixels = _tones(dataset, stored, notes)
        view = view_of(dataset)
        spacing = _spacing(dataset)
        pixels, swapped = upright(pixels, dataset, notes)
    except FilmError:
        raise
    except Exception as error:  # any element may hold anything
        raise _damaged() from error
    if swapped and spacing is not None:
        spacing = spacing[::-1]
    bits = dataset.get("BitsStored")
    return Film(
        pixels,
        spacing,
        VIEW_NAMES.get(view or "", view),
        notes,
        int(bits) if bits else None,
        str(dataset.PhotometricInterpretation).strip().upper(),
        states_side(dataset),
    )


def _refuse_deflate_bomb(data: bytes, max_pixels: int) -> None:
    """Inflate a deflated dataset up to a limit, since pydicom would inflate it whole."""
    start = _META_START + int.from_bytes(data[140:144], "little")
    if DeflatedExplicitVRLittleEndian.encode() not in data[: min(start, 4096)]:
        return
    limit = 8 * max_pixels + (1 << 24)
    try:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(data[start:], limit)
    except zlib.error as error:
        raise _damaged() from error
    if inflater.unconsumed_tail:
        raise UnreadableFilm(
            f"expected at most {limit} bytes after inflating, got more; check where it comes from"
        )
    if not inflater.eof:
        raise UnreadableFilm("expected a whole DICOM film, got a truncated one; copy it again")


def _check(dataset: Dataset, max_pixels: int) -> list[str]:
    """Refuse what is not one projection film, before decoding."""
    notes: list[str] = []
    modality = str(dataset.get("Modality") or "").strip().upper()
    if "PixelData" not in dataset:
        what = f" (modality {_word(modality)})" if modality else ""
        raise UnreadableFilm(
            f"expected a DICOM film, got an object without pixels{what}; send the image itself"
        )
    if modality and modality not in (*PROJECTION, "OT"):
        raise RejectedFilm(
            f"expected a projection radiograph ({', '.join(PROJECTION)}), got modality "
            f"{_word(modality)}; give a frontal chest film"
        )
    if modality in ("", "OT"):
        notes.append("the file does not state a radiography modality")
    missing = [name for name in _ATTRIBUTES if dataset.get(name) in (None, "", 0)]
    if missing:
        raise UnreadableFilm(
            f"expected a described image, got one without {', '.join(missing)}; export it again"
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise RejectedFilm(
            f"expected one film, got a series of {frames} frames; save the film alone"
        )
    if int(dataset.Rows) * int(dataset.Columns) > max_pixels:
        raise UnreadableFilm(
            f"expected at most {max_pixels} pixels, the header says {int(dataset.Columns)} x "
            f"{int(dataset.Rows)}; shrink the film if that is true"
        )
    part = str(dataset.get("BodyPartExamined") or "").strip().upper()
    if part and part not in ("CHEST", "THORAX", "LUNG", "PORT CHEST", "RIB", "RIBS"):
        notes.append(f"the file states body part {_word(part)}, not CHEST")
    return notes


def _decode(dataset: Dataset, notes: list[str]) -> NDArray[Any]:
    """Stored values: (H, W) numbers or (H, W, 3) colours."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    syntax = syntax or ExplicitVRLittleEndian
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise UnreadableFilm(
            "expected a still-image transfer syntax, got one that is not read; "
            "export it uncompressed"
        ) from error
    if not decoder.is_available:
        raise UnreadableFilm(
            f"expected an installed decoder for {syntax.name}, got none; "
            "pip install python-gdcm pylibjpeg pylibjpeg-openjpeg"
        )
    source: Any = dataset
    if not syntax.is_encapsulated:
        source = _of_right_length(dataset, notes)
    try:
        stored, _ = decoder.as_array(source, index=0)
    except Exception as error:  # a hostile file may raise anything inside the decoder
        raise _damaged() from error
    return np.asarray(stored)


def _of_right_length(dataset: Dataset, notes: list[str]) -> Dataset:
    """A view of an uncompressed dataset whose pixel data is neither short nor long."""
    samples = int(dataset.get("SamplesPerPixel") or 1)
    bits = int(dataset.Rows) * int(dataset.Columns) * samples * int(dataset.BitsAllocated)
    expected = (bits + 7) // 8
    if "422" in str(dataset.PhotometricInterpretation):
        expected = expected * 2 // 3
    arrived = len(dataset.PixelData)
    if arrived < expected:
        raise UnreadableFilm(
            f"expected {expected} bytes of pixels, got {arrived}; the film is truncated, "
            "copy it again"
        )
    if arrived <= expected + 1:
        return dataset
    notes.append("more pixel data than the header states; the rest was ignored")
    trimmed = Dataset()
    trimmed.update({element.tag: element for element in dataset.group_dataset(0x0028)})
    trimmed.add_new(0x7FE00010, "OW", dataset.PixelData[: expected + expected % 2])
    return trimmed


def _tones(dataset: Dataset, stored: NDArray[Any], notes: list[str]) -> Float32Image:
    """Stored values to tones: modality LUT, VOI, polarity."""
    photometric = str(dataset.PhotometricInterpretation).strip().upper()
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        if stored.dtype == np.uint16:
            stored = (stored >> 8).astype(np.uint8)
    if stored.ndim == 3 and stored.shape[2] >= 3 and stored.dtype == np.uint8:
        grey, more = to_grey(stored[..., :3])
        notes.extend(more)
        return grey
    if stored.ndim != 2:
        raise UnreadableFilm(
            f"expected grey or 8-bit colour pixels, got an array of shape {stored.shape}; "
            "export the film as grey"
        )
    padding = _padding(dataset, stored)
    values = np.asarray(apply_modality_lut(stored, dataset))
    tones = _voi(dataset, values, ~padding if padding is not None else None, notes)
    if _is_inverse(dataset, photometric, notes):
        tones = turned(tones)
    if padding is not None:
        tones[padding] = np.float32(0.0)
    return tones


def turned(tones: Float32Image) -> Float32Image:
    """Swap bright and dark within the range that the tones really span.

    Args:
        tones: float32 (H, W), [0, 1].

    Returns:
        float32 (H, W), the same range.
    """
    low, high = float(tones.min()), float(tones.max())
    result: Float32Image = np.clip((high + low) - tones, low, high).astype(np.float32)
    return result


def _is_inverse(dataset: Dataset, photometric: str, notes: list[str]) -> bool:
    """Whether small values are bright; stated twice it is still one inversion."""
    shape = str(dataset.get("PresentationLUTShape") or "").strip().upper()
    negative = photometric == "MONOCHROME1"
    if (shape == "INVERSE") != negative and shape in ("INVERSE", "IDENTITY"):
        notes.append(f"{photometric} with PresentationLUTShape {shape}; shown inverted once")
        return True
    return negative


def _padding(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Stored pixels that are no part of the film (PS3.3 C.7.5.1.1.2), bool (H, W)."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return None
    last = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(first), int(last if last is not None else first)))
    mask = np.asarray((stored >= low) & (stored <= high))
    return mask if bool(mask.any()) and not bool(mask.all()) else None


def _voi(
    dataset: Dataset, values: NDArray[Any], known: NDArray[np.bool_] | None, notes: list[str]
) -> Float32Image:
    """VOI LUT, else window, else percentiles."""
    tones: Float32Image | None = None
    if dataset.get("VOILUTSequence"):
        tones = _voi_lut(dataset, values)
    else:
        center, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
        function = str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()
        if center is not None and width is not None and width >= (1 if function == "LINEAR" else 0):
            tones = window(values, center, width, function)
    if tones is None:
        notes.append("the file states no usable window; tones were stretched by percentiles")
        return stretch(values, known)
    if _is_flat(tones, known) and not _is_flat(values, known):
        notes.append("the stated window hides the film; tones were stretched by percentiles")
        return stretch(values, known)
    return tones


def window(
    values: NDArray[Any], center: float, width: float, function: str = "LINEAR"
) -> Float32Image:
    """Window of PS3.3 C.11.2.1.2 and C.11.2.1.3, with black 0 and white 1.

    Args:
        values: (H, W), any number type, after the modality LUT.
        center: window centre.
        width: window width, at least 1 for LINEAR, above 0 otherwise.
        function: "LINEAR", "LINEAR_EXACT" or "SIGMOID"; anything else is LINEAR.

    Returns:
        float32 (H, W), [0, 1].
    """
    x = values.astype(np.float64)
    if function == "SIGMOID" and width > 0:
        power = np.clip(-4.0 * (x - center) / width, -60.0, 60.0)
        return (1.0 / (1.0 + np.exp(power))).astype(np.float32)
    if function != "LINEAR_EXACT":
        center, width = center - 0.5, width - 1.0
    if width <= 0:
        return (x > center).astype(np.float32)
    return np.clip((x - center) / width + 0.5, 0.0, 1.0).astype(np.float32)


def _voi_lut(dataset: Dataset, values: NDArray[Any]) -> Float32Image | None:
    """The first VOI LUT, its own darkest and brightest output being 0 and 1."""
    table = np.asarray(apply_voi(_as_index(values), dataset, index=0), np.float64)
    entries = dataset.VOILUTSequence[0].LUTData
    outputs = np.frombuffer(entries, "<u2") if isinstance(entries, bytes) else np.asarray(entries)
    low, high = float(outputs.min()), float(outputs.max())
    if high <= low:
        return None
    return np.clip((table - low) / (high - low), 0.0, 1.0).astype(np.float32)


def _as_index(values: NDArray[Any]) -> NDArray[Any]:
    """Values as a LUT takes them: rounded to whole numbers."""
    return values if values.dtype.kind in "ui" else np.rint(values).astype(np.int64)


def _is_flat(values: NDArray[Any], known: NDArray[np.bool_] | None) -> bool:
    """Whether nearly all sampled values are equal to the smallest or the largest."""
    some = sample(values[known] if known is not None else values)
    return bool(max((some == some.min()).mean(), (some == some.max()).mean()) > _SATURATED)


def _first(dataset: Dataset, keyword: str) -> float | None:
    """The first of one or several numbers."""
    value: Any = dataset.get(keyword)
    if value is None or value == "":
        return None
    if not isinstance(value, (str, int, float)) and hasattr(value, "__len__"):
        value = value[0] if len(value) else None
    number = float(value) if value is not None else float("nan")
    return number if np.isfinite(number) else None


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """(row, column) spacing, at the detector where stated, else as calibrated."""
    for keyword in _SPACINGS:
        value = dataset.get(keyword)
        if value is None or isinstance(value, str) or len(value) != 2:
            continue
        row, column = float(value[0]), float(value[1])
        if 0.0 < row < 100.0 and 0.0 < column < 100.0:
            return row, column
    return None


def _word(value: str) -> str:
    """A short code value for messages; anything longer could be free text about a person."""
    return value if len(value) <= 16 and value.replace("_", "").isalnum() else "of no known name"


def _damaged() -> UnreadableFilm:
    """The error of a file that cannot be parsed or decoded."""
    return UnreadableFilm(
        "expected a whole DICOM film, got a damaged or truncated one; export it again"
    )
