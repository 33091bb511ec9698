"""One door for every film: tell its kind by its first bytes, decode it, describe it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeGuard

import numpy as np

from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import Float32Image, Radiograph, RealArray
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.arrays import as_array, film_of_array
from infmap.dicom.film import Film

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image
    from pydicom.dataset import Dataset

    Seen = Callable[[Dataset], object]
EXPECTED = "expected a PNG, JPEG, TIFF, BMP, WebP or DICOM film"
# Bytes. A film of 200 million pixels takes 1.6 GB at 8 bytes each; whole archives are refused
# before they fill the memory.
MAX_BYTES = 4 << 30
_IMAGES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)
# What people hand over instead of films, so that the message can name it.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"GIF8", "a GIF picture"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "a text document"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
)
_ADVICE = {"a ZIP archive or office document": "unpack it first", "a gzip archive": "unpack it"}


class _Readable(Protocol):
    """An open file, of text or bytes."""

    def read(self) -> object: ...


def read_radiograph(
    source: str | Path | bytes | RealArray | Dataset | BinaryIO | object,
    *,
    name: str | None = None,
    max_pixels: int = 200_000_000,
    digest: bool = True,
    seen: Seen | None = None,
) -> Radiograph:
    """Read one film. Its kind is detected from its content, never from its name.

    Args:
        source: a path; the bytes of a file, or a file opened for them; an array of numpy, torch
            or the like, bright bone, see ``arrays.film_of_array`` for shapes and ranges; a picture
            of Pillow; or a pydicom Dataset with pixels.
        name: what messages call the film; the path by default.
        max_pixels: a film with more pixels is refused before it is decoded. Pillow's own limit
            (twice ``PIL.Image.MAX_IMAGE_PIXELS``) holds as well.
        digest: whether to checksum the file; without, ``sha256`` is empty.
        seen: called with the dataset of a DICOM file before it is decoded, so that who needs more
            of its header does not read it twice; an element is decoded when it is looked at, and
            a hostile one may raise anything.

    Returns:
        the film in its own grid: (row, column), the patient's left on the image's right where
        the file states orientation.

    Raises:
        UnreadableFilm: missing, damaged, too large, or of a kind that is not read.
        RejectedFilm: read, but a colour picture, a series of frames or another modality.
        TypeError: the source is none of the kinds above.
    """
    label = name
    try:
        if isinstance(source, (str, os.PathLike)):
            label = label or os.fspath(source)
            return _from_bytes(_load(Path(source)), label, max_pixels, digest, seen)
        if isinstance(source, memoryview) and source.ndim > 1:
            source = np.asarray(source)
        if isinstance(source, (bytes, bytearray, memoryview)):
            return _from_bytes(bytes(source), label or "bytes", max_pixels, digest, seen)
        if _is_dataset(source):
            from infmap.dicom.cr import decode_dataset

            label = label or "dataset"
            film = decode_dataset(source, max_pixels)
            return _radiograph(film, label, _digest(film.pixels))
        if _is_picture(source):
            from infmap.dicom.image import decode_picture

            label = label or str(getattr(source, "filename", "") or "picture")
            film = decode_picture(source)
            return _radiograph(film, label, _digest(film.pixels))
        if (values := as_array(source)) is not None:
            return _from_array(values, label or "array", max_pixels)
        if _is_readable(source):
            stated = getattr(source, "name", None)
            label = label or (stated if isinstance(stated, str) else "file")
            return _from_bytes(_contents(source), label, max_pixels, digest, seen)
    except FilmError as error:
        if error.film is None:
            raise type(error)(error.reason, label, sha256=error.sha256) from error.__cause__
        raise
    raise TypeError(
        "expected a path, bytes, an open file, an array, a picture or a pydicom Dataset, "
        f"got {type(source).__name__}"
    )


def sniff(data: bytes) -> str:
    """Tell what the bytes are.

    Args:
        data: a whole file, or at least its first kilobyte.

    Returns:
        "PNG", "JPEG", "TIFF", "BMP", "WEBP", "JPEG 2000", "JPEG XL", "DICOM", or a phrase such
        as "a PDF document".
    """
    # A DICOM preamble may itself be a valid TIFF header, so DICOM goes first.
    if data[128:132] == b"DICM":
        return "DICOM"
    for magic, kind in _IMAGES:
        if data.startswith(magic):
            return kind
    for magic, kind in _OTHERS:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return "a HEIF/AVIF picture or a video"
    if _bare_dicom(data):
        return "DICOM"
    return _text_kind(data)


def _bare_dicom(data: bytes) -> bool:
    """Old DICOM files have no preamble and start with an element of group 2 or 8."""
    if len(data) < 16 or data[:2] not in (b"\x02\x00", b"\x08\x00") or data[3] != 0:
        return False
    # Explicit VR spells it in two capitals; implicit has a length there, and the first elements of
    # groups 2 and 8 are short: 1,024 bytes is beyond any of them.
    explicit = re.fullmatch(rb"[A-Z]{2}", data[4:6]) is not None
    return explicit or int.from_bytes(data[4:8], "little") <= 1024


def _text_kind(data: bytes) -> str:
    """Name what has no magic number."""
    # 1,024 bytes: enough to tell text from data.
    head = data[:1024]
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML document"
    if head and all(byte in b"\t\n\r\f\x1b" or 32 <= byte < 127 or byte >= 128 for byte in head):
        return "text"
    return "bytes of an unknown kind"


def _load(path: Path) -> bytes:
    """All bytes of one regular file."""
    try:
        if path.is_dir():
            raise UnreadableFilm("expected a file, got a folder; name the files inside it")
        if not path.exists():
            raise UnreadableFilm("expected a file, found nothing at this path; check the path")
        if not path.is_file():
            raise UnreadableFilm("expected a regular file, got a device or pipe; copy it first")
        size = os.stat(path).st_size
        if size > MAX_BYTES:
            raise UnreadableFilm(
                f"expected a film of at most {MAX_BYTES >> 30} GiB, got {size >> 30} GiB; "
                "check that it is one film"
            )
        return path.read_bytes()
    except PermissionError as error:
        raise UnreadableFilm(
            "expected a readable file, got no permission; grant read access to it"
        ) from error
    except (OSError, ValueError, MemoryError) as error:
        raise UnreadableFilm(
            f"expected a readable file, the system says {type(error).__name__}; check the path"
        ) from error


def _from_bytes(
    data: bytes, label: str, max_pixels: int, digest: bool, seen: Seen | None
) -> Radiograph:
    """Decode the bytes of a file."""
    if not data:
        raise UnreadableFilm(f"{EXPECTED}, got an empty file; copy it again", label)
    checksum = hashlib.sha256(data).hexdigest() if digest else ""
    try:
        return _radiograph(_decode(data, label, max_pixels, seen), label, checksum)
    except FilmError as error:
        error.sha256 = checksum or None
        raise


def _decode(data: bytes, label: str, max_pixels: int, seen: Seen | None) -> Film:
    """Decode the bytes of a file by their kind."""
    kind = sniff(data)
    if kind == "DICOM":
        ensure_importable()
        from infmap.dicom.cr import decode_dicom

        return decode_dicom(data, max_pixels, seen)
    if kind == "WEBP" or any(kind == image for _, image in _IMAGES):
        from infmap.dicom.image import decode_image

        return decode_image(data, kind, max_pixels)
    advice = _ADVICE.get(kind, "export the film as DICOM or PNG")
    raise UnreadableFilm(f"{EXPECTED}, got {kind}; {advice}", label)


def _radiograph(film: Film, label: str, digest: str) -> Radiograph:
    """What a decoder gave, under its name and checksum."""
    return Radiograph(
        film.pixels,
        label,
        digest,
        film.spacing_mm,
        film.view,
        tuple(film.warnings),
        film.bits,
        film.photometric,
        film.side_stated,
    )


def _from_array(values: RealArray, label: str, max_pixels: int) -> Radiograph:
    """Read a plane that is in memory."""
    if values.size > max_pixels:
        raise UnreadableFilm(
            f"expected at most {max_pixels} pixels, got {values.size}; "
            "shrink the film or raise max_pixels"
        )
    pixels, notes = film_of_array(values)
    return Radiograph(pixels, label, _digest(pixels), warnings=tuple(notes))


def _digest(pixels: Float32Image) -> str:
    """Hexadecimal SHA-256 of pixels that came without a file."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _contents(file: _Readable) -> bytes:
    """What is left to read of an open file."""
    try:
        data = file.read()
    except (OSError, ValueError) as error:
        raise UnreadableFilm(
            f"expected a readable file, the system says {type(error).__name__}; open it again"
        ) from error
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError("expected a file opened in binary mode ('rb'), got one of text")
    return bytes(data)


def _is_readable(source: object) -> TypeGuard[_Readable]:
    """Whether it can be read like an open file."""
    return callable(getattr(source, "read", None))


def _is_picture(source: object) -> TypeGuard[Image]:
    """Whether it is a picture of Pillow, without importing Pillow for other sources."""
    # By name first: importing Pillow takes longer than reading an array.
    if not any(base.__module__.startswith("PIL.") for base in type(source).__mro__):
        return False
    from PIL.Image import Image

    return isinstance(source, Image)


def _is_dataset(source: object) -> TypeGuard[Dataset]:
    """Whether it is a pydicom Dataset, without importing pydicom for other sources."""
    if not any(base.__module__.startswith("pydicom.") for base in type(source).__mro__):
        return False
    from pydicom.dataset import Dataset

    return isinstance(source, Dataset)
