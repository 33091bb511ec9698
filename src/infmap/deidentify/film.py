"""One film: read, de-identified, written into memory, and looked at again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.core.quiet import quiet
from infmap.deidentify.boxes import Box
from infmap.deidentify.header import Record, deidentify_header, patient_of
from infmap.deidentify.identities import Identities, identities_of
from infmap.deidentify.key import Key
from infmap.deidentify.options import Options
from infmap.deidentify.pixels import blank, read_pixels
from infmap.deidentify.scan import residue
from infmap.dicom.elements import whole
from infmap.dicom.pixels import layout_of
from infmap.dicom.plain_film import film_of_picture
from infmap.dicom.read import read_radiograph, sniff
from infmap.dicom.write import file_bytes


@dataclass(frozen=True)
class Source:
    """A film as it came.

    Attributes:
        dataset: with pixels.
        identities: what it says of its patient.
        name: where it goes below the folder for results: "PATIENT/FILM.dcm", both pseudonyms.
    """

    dataset: Dataset
    identities: Identities
    name: str


@dataclass(frozen=True)
class Clean:
    """A film without its patient.

    Attributes:
        name: as of ``Source``.
        data: the file.
        record: what was done to its header.
        residue: what a second look found left; see ``scan``. Empty, or the file must not go out.
    """

    name: str
    data: bytes
    record: Record
    residue: tuple[str, ...]


def open_film(data: bytes, key: Key) -> Source:
    """Read a film.

    A picture (PNG, JPEG, TIFF, ...) becomes a grey Secondary Capture of its pixels alone: what else
    lies in its file, such as EXIF, XMP and texts, is not read. Each is a patient of its own.

    Args:
        data: the file.
        key: makes its name.

    Raises:
        UnreadableFilm: no film, or damaged.
        RejectedFilm: a colour picture, or DICOM without pixels.
    """
    dataset = _dicom(data) if sniff(data) == "DICOM" else film_of_picture(read_radiograph(data))
    if "PixelData" not in dataset:
        raise RejectedFilm(
            "expected a film, got a DICOM object without pixels; leave reports and documents out"
        )
    _complete_meta(dataset)
    _check_length(dataset)
    film = str(dataset.get("SOPInstanceUID", "")) or hashlib.sha256(data).hexdigest()
    name = f"{key.pseudonym('patient', patient_of(dataset))}/{key.pseudonym('film', film)}.dcm"
    return Source(dataset, identities_of(dataset), name)


def blank_film(source: Source, boxes: Sequence[Box]) -> None:
    """Paint the boxes that were decided on, none or more, and say that no text is left.

    Args:
        source: as read; its data set is changed.
        boxes: in stored pixels.

    Raises:
        UnreadableFilm: its pixels cannot be decoded or painted.
    """
    if boxes:
        blank(source.dataset, read_pixels(source.dataset), boxes)
    source.dataset.BurnedInAnnotation = "NO"


def clean_film(source: Source, options: Options, key: Key) -> Clean:
    """De-identify a film; its data set is used up.

    Args:
        source: as read.
        options: what is kept.
        key: makes pseudonyms.

    Raises:
        UnreadableFilm: what is left cannot be written as a DICOM file.
    """
    record = deidentify_header(source.dataset, options, key, source.identities)
    try:
        with quiet():
            data = file_bytes(source.dataset)
    except Exception as error:  # odd files lack what the format asks for
        raise UnreadableFilm(
            "expected a film that can be written as DICOM, got one without class or identity; "
            "export it again"
        ) from error
    found = residue(data, source.identities, options)
    return Clean(source.name, data, record, tuple(found))


def _dicom(data: bytes) -> Dataset:
    try:
        with quiet():
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
            # Read to the last element: a damaged one must show before anything is written.
            for _ in dataset.iterall():
                pass
    except Exception as error:  # a damaged file may raise anything
        raise UnreadableFilm("expected a whole DICOM film, got a damaged one; copy it again") from (
            error
        )
    return dataset


def _check_length(dataset: Dataset) -> None:
    """Refuse a film that ends before its pixels do, which pydicom reads without a word."""
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        return
    with quiet():
        layout = layout_of(dataset, [])
    frames = whole(dataset, "NumberOfFrames") or 1
    samples = 2 if "422" in layout.photometric else layout.samples
    bits = layout.rows * layout.columns * samples * layout.allocated * frames
    if len(dataset.PixelData) < (bits + 7) // 8:
        raise UnreadableFilm(
            f"expected {(bits + 7) // 8} bytes of pixels, got {len(dataset.PixelData)}; the film "
            "is truncated, copy it again"
        )


def _complete_meta(dataset: Dataset) -> None:
    """Old files have no file meta information; how they were read says their transfer syntax."""
    if getattr(dataset.file_meta, "TransferSyntaxUID", None):
        return
    implicit, little = dataset.original_encoding
    if little is False:
        syntax = "1.2.840.10008.1.2.2"
    else:
        syntax = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
