"""DICOM films: CR, DX and single frames of RF, through pydicom."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from infmap.core.errors import FilmError, RejectedFilm, UnreadableFilm
from infmap.core.quiet import quiet
from infmap.core.types import RealArray
from infmap.core.views import view_name
from infmap.dicom.elements import numbers, text, whole
from infmap.dicom.film import Film, too_large
from infmap.dicom.grey_levels import to_grey
from infmap.dicom.lut import is_big_endian, lut_of
from infmap.dicom.orient import states_side, upright, view_of
from infmap.dicom.pixels import layout_of, stored_values
from infmap.dicom.voi import grey_levels_of

# Modalities (PS3.3 C.7.3.1.1.1) of projection radiographs. RF is here for its single frames; MG, IO
# and PX are projections too, but never of a chest.
PROJECTION = ("CR", "DX", "RG", "RF")
_PIXEL_TAG = b"\xe0\x7f\x10\x00"
# Preamble 128, "DICM" 4, then the element of the group's length: 8 bytes of header, 4 of value.
_META_START = 144
_NEEDED = ("Rows", "Columns", "PhotometricInterpretation")
# At the detector first: a calibrated spacing depends on an assumed magnification (PS3.3 10.7.1.3).
_SPACINGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
# Terms of Body Part Examined (PS3.16 Annex L) and what is written in their place.
CHEST = ("CHEST", "THORAX", "LUNG", "PORT CHEST", "RIB", "RIBS")


def decode_dicom(
    data: bytes, max_pixels: int, seen: Callable[[Dataset], object] | None = None
) -> Film:
    """Decode a DICOM file that holds one film.

    Args:
        data: the file's bytes, with or without preamble.
        max_pixels: refuse more pixels than this before decoding.
        seen: called with the dataset first.

    Returns:
        the film, upright.

    Raises:
        UnreadableFilm: damaged, truncated, without pixels, too large, or not decodable here.
        RejectedFilm: another modality, several frames, a colour picture, or not for presentation.
    """
    _refuse_deflate_bomb(data, max_pixels)
    try:
        with quiet():
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    except Exception as error:  # a hostile file may raise anything inside the parser
        raise _damaged() from error
    if seen is not None:
        seen(dataset)
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
        with quiet():
            return _decode(dataset, max_pixels)
    except (FilmError, MemoryError):
        raise
    except Exception as error:  # any element may hold anything
        raise _damaged() from error


def _decode(dataset: Dataset, max_pixels: int) -> Film:
    """Check, decode, show and turn."""
    notes: list[str] = []
    _check(dataset, max_pixels, notes)
    layout = layout_of(dataset, notes)
    stored = stored_values(dataset, layout, notes)
    if layout.photometric == "PALETTE COLOR" and stored.ndim == 2:
        stored = _through_palette(dataset, stored)
    if stored.ndim == 3:
        pixels, more = to_grey(np.asarray(stored, np.uint8))
        notes.extend(more)
    else:
        pixels = grey_levels_of(dataset, stored, notes)
    spacing = _spacing(dataset)
    pixels, swapped = upright(pixels, dataset, notes)
    if swapped and spacing is not None:
        spacing = spacing[::-1]
    view = view_name(view_of(dataset))
    return Film(
        pixels,
        spacing,
        view,
        list(dict.fromkeys(notes)),
        layout.stored,
        layout.photometric,
        states_side(dataset),
    )


def _refuse_deflate_bomb(data: bytes, max_pixels: int) -> None:
    """Inflate a deflated dataset up to a limit, since pydicom would inflate it whole."""
    start = _META_START + int.from_bytes(data[140:144], "little")
    # 4096: file meta information holds a few UIDs and names; a longer one is no reason to search
    # on.
    if DeflatedExplicitVRLittleEndian.encode() not in data[: min(start, 4096)]:
        return
    # 8 bytes a pixel is the widest sample that is read; 16 MiB of header is far beyond any real
    # film.
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


def _check(dataset: Dataset, max_pixels: int, notes: list[str]) -> None:
    """Refuse what is not one projection film, before decoding."""
    modality = text(dataset, "Modality")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UnreadableFilm(
            "expected whole-number pixels (PixelData), got floating-point ones, which no CR or DX "
            "has; export the film itself"
        )
    if "PixelData" not in dataset or not dataset.get_item("PixelData").value:
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
    missing = [name for name in _NEEDED[:2] if not whole(dataset, name)]
    missing += [name for name in _NEEDED[2:] if not text(dataset, name)]
    if missing:
        raise UnreadableFilm(
            f"expected a described image, got one without {', '.join(missing)}; export it again"
        )
    frames = whole(dataset, "NumberOfFrames", 1, notes) or 1
    if frames > 1:
        raise RejectedFilm(
            f"expected one film, got a series of {frames} frames; save the film alone"
        )
    rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
    if rows < 0 or columns < 0:
        raise UnreadableFilm(
            f"expected a described image, got one of {columns} x {rows} pixels; export it again"
        )
    if rows * columns > max_pixels:
        raise too_large(max_pixels, f"{columns} x {rows}")
    if (
        text(dataset, "PresentationIntentType") == "FOR PROCESSING"
        or text(dataset, "SOPClassUID") == _FOR_PROCESSING
    ):
        raise RejectedFilm(
            "expected a film FOR PRESENTATION, got raw detector values FOR PROCESSING; "
            "send the film as the device shows it"
        )
    part = text(dataset, "BodyPartExamined")
    if part and part not in CHEST:
        notes.append(f"the file states body part {_word(part)}, not CHEST")


def _through_palette(dataset: Dataset, stored: RealArray) -> NDArray[np.uint8]:
    """Palette indices to uint8 (H, W, 3), RGB."""
    big_endian = is_big_endian(dataset)
    tables = [lut_of(dataset, big_endian, f"{c}PaletteColor") for c in ("Red", "Green", "Blue")]
    if None in tables:
        from pydicom.pixels.processing import apply_color_lut

        colours = np.asarray(apply_color_lut(stored, dataset))  # segmented palettes
    else:
        colours = np.stack([table.apply(stored) for table in tables if table], axis=-1)
    # Palettes of 8 bits come in words of 16, and are described as either.
    if int(colours.max()) > 255:
        colours = colours >> 8
    return colours[..., :3].astype(np.uint8)


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """(row, column) spacing, at the detector where stated, else as calibrated."""
    for keyword in _SPACINGS:
        match numbers(dataset, keyword):
            # mm. A chest is under half a metre: pixels of 100 mm are a slip of units, not a
            # spacing.
            case [float(row), float(column)] if 0.0 < row < 100.0 and 0.0 < column < 100.0:
                return row, column
    return None


def _word(value: str) -> str:
    """A short code value for messages; anything longer could be free text about a person."""
    # 16 characters: the most that a code string (CS) may have.
    return value if len(value) <= 16 and value.replace("_", "").isalnum() else "of no known name"


def _damaged() -> UnreadableFilm:
    """The error of a file that cannot be parsed or decoded."""
    return UnreadableFilm(
        "expected a whole DICOM film, got a damaged or truncated one; export it again"
    )
