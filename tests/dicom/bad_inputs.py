"""Forty inputs that are no frontal chest film, small and the same every time."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import UID, JPEGBaseline8Bit

from infmap.core.errors import FilmError, RejectedFilm, UnreadableFilm
from infmap.dicom import write_dx

Refusal = type[FilmError] | None


def film(size: int = 96) -> np.ndarray:
    """uint8 (size, size): a bright frame with two dark ovals, a crude chest."""
    y, x = np.mgrid[0:size, 0:size] / size
    plane = 200 - 40 * y
    for centre in (0.3, 0.7):
        plane = np.where(((x - centre) / 0.15) ** 2 + ((y - 0.5) / 0.35) ** 2 < 1, 60, plane)
    return plane.astype(np.uint8)


def _encoded(plane: np.ndarray, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, kind, **options)
    return stream.getvalue()


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, colour: int, *chunks: bytes) -> bytes:
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _png_chunk(b"IEND", b"")


def _dicom(change: Callable[[Any], None] | None = None, view: str = "PA") -> bytes:
    stream = io.BytesIO()
    pixels = film().astype(np.uint16) * 257
    write_dx(stream, pixels, spacing_mm=(0.2, 0.2), patient_id="bad", view=view)  # type: ignore[arg-type]
    if change is None:
        return stream.getvalue()
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    change(dataset)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def _no_pixels(d: Any) -> None:
    del d.PixelData


def _cine(d: Any) -> None:
    d.Modality, d.NumberOfFrames = "RF", 3
    d.PixelData = d.PixelData * 3


def _modality(name: str) -> Callable[[Any], None]:
    def change(d: Any) -> None:
        d.Modality = name

    return change


def _short(d: Any) -> None:
    d.PixelData = d.PixelData[:-500]


def _huge(d: Any) -> None:
    d.Rows, d.Columns = 65000, 65000


def _no_rows(d: Any) -> None:
    del d.Rows


def _unknown_syntax(d: Any) -> None:
    d.file_meta.TransferSyntaxUID = UID("1.2.3.4.5")


def _bad_jpeg(d: Any) -> None:
    d.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    d.BitsAllocated, d.BitsStored, d.HighBit = 8, 8, 7
    body = _encoded(film(), "JPEG")[:300]
    d.PixelData = pydicom.encaps.encapsulate([body])
    d["PixelData"].is_undefined_length = True


def _report(d: Any) -> None:
    d.Modality = "SR"
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.88.33")
    for name in ("PixelData", "Rows", "Columns", "PhotometricInterpretation"):
        del d[name]


def _truncated_deflated() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(_dicom()))
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
    out = io.BytesIO()
    dataset.save_as(out)
    data = out.getvalue()
    return data[: len(data) // 2]


def _colour_photo() -> np.ndarray:
    y, x = np.mgrid[0:96, 0:96]
    return np.stack([x * 2, y * 2, 190 - x * 2], axis=-1).astype(np.uint8)


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("film.txt", (2020, 1, 1, 0, 0, 0)), "no film")
    return stream.getvalue()


def _gif() -> bytes:
    frames = [Image.fromarray(film() // (i + 1)) for i in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def _pages() -> bytes:
    frames = [Image.fromarray(film() // (i + 1)) for i in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def _nan_tiff() -> bytes:
    plane = film().astype(np.float32) / 255
    plane[10, 10] = np.nan
    return _encoded(plane, "TIFF")


def _contents() -> dict[str, tuple[bytes, Refusal]]:
    """File name to content and to what the reader must raise (None: it may return a film)."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (96, 96), dtype=np.uint8)
    noisy_film = np.clip(film() + (noise // 8), 0, 255).astype(np.uint8)
    gradient = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (96, 1))
    png, jpg = _encoded(noisy_film, "PNG"), _encoded(noisy_film, "JPEG")
    tif, bmp = _encoded(noisy_film, "TIFF"), _encoded(noisy_film, "BMP")
    rows = zlib.compress(bytes(97) * 96)
    palette = _png_chunk(b"PLTE", b"\x01\x02")
    jpeg_body = jpg[: len(jpg) // 3] + b"\xff\xd9"
    return {
        "empty.png": (b"", UnreadableFilm),
        "truncated.png": (png[: len(png) // 2], UnreadableFilm),
        "truncated.jpg": (jpg[: len(jpg) // 2], UnreadableFilm),
        "truncated.tif": (tif[: len(tif) // 2], UnreadableFilm),
        "truncated.bmp": (bmp[: len(bmp) // 2], UnreadableFilm),
        "truncated.dcm": (_dicom()[:-4000], UnreadableFilm),
        "truncated_header.dcm": (_dicom()[:300], UnreadableFilm),
        "signature_only.png": (png[:8], UnreadableFilm),
        "preamble_only.dcm": (bytes(128) + b"DICM", UnreadableFilm),
        "text.png": (b"this is not a film\n" * 20, UnreadableFilm),
        "random_bytes.dcm": (rng.bytes(2048), UnreadableFilm),
        "document.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", UnreadableFilm),
        "archive.zip": (_zip(), UnreadableFilm),
        "page.jpg": (b"<!DOCTYPE html><html><body>404</body></html>", UnreadableFilm),
        "animated.gif": (_gif(), UnreadableFilm),
        "bomb.png": (_png(60000, 60000, 0, _png_chunk(b"IDAT", rows)), UnreadableFilm),
        "bad_palette.png": (_png(96, 96, 3, palette, _png_chunk(b"IDAT", rows)), UnreadableFilm),
        "bad_checksum.png": (png[:60] + bytes([png[60] ^ 255]) + png[61:], UnreadableFilm),
        "zero_size.png": (_png(0, 0, 0, _png_chunk(b"IDAT", rows)), UnreadableFilm),
        "cut_scan.jpg": (jpeg_body, UnreadableFilm),
        "nan.tif": (_nan_tiff(), UnreadableFilm),
        "pages.tif": (_pages(), RejectedFilm),
        "colour_photo.png": (_encoded(_colour_photo(), "PNG"), RejectedFilm),
        "no_pixels.dcm": (_dicom(_no_pixels), UnreadableFilm),
        "report.dcm": (_dicom(_report), UnreadableFilm),
        "cine.dcm": (_dicom(_cine), RejectedFilm),
        "ct_slice.dcm": (_dicom(_modality("CT")), RejectedFilm),
        "short_pixels.dcm": (_dicom(_short), UnreadableFilm),
        "bomb.dcm": (_dicom(_huge), UnreadableFilm),
        "no_rows.dcm": (_dicom(_no_rows), UnreadableFilm),
        "unknown_syntax.dcm": (_dicom(_unknown_syntax), UnreadableFilm),
        "damaged_jpeg.dcm": (_dicom(_bad_jpeg), UnreadableFilm),
        "truncated_deflated.dcm": (_truncated_deflated(), UnreadableFilm),
        "lateral.dcm": (_dicom(view="LL"), None),
        "one_pixel.png": (_encoded(np.full((1, 1), 90, np.uint8), "PNG"), None),
        "tiny.png": (_encoded(noise[:8, :8], "PNG"), None),
        "black.png": (_encoded(np.zeros((96, 96), np.uint8), "PNG"), None),
        "white.png": (_encoded(np.full((96, 96), 255, np.uint8), "PNG"), None),
        "noise.png": (_encoded(noise, "PNG"), None),
        "gradient.png": (_encoded(gradient, "PNG"), None),
    }


def make_bad_inputs(folder: Path) -> list[Path]:
    """Write every bad input.

    Args:
        folder: made if missing.

    Returns:
        the paths, sorted by name; ``READER_REFUSES`` tells what the reader must raise for each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (content, _) in sorted(_contents().items()):
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return paths


READER_REFUSES: dict[str, Refusal] = {name: refusal for name, (_, refusal) in _contents().items()}
