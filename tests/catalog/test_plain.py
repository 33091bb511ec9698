"""Plain films are decoded the quick way only where that gives what the reader gives."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from infmap.catalog.plain import plain_grey_levels
from infmap.core.errors import UnreadableFilm
from infmap.dedup.thumbnails import to_bytes
from infmap.dicom import read_radiograph
from infmap.phantom import render


def film(size: int = 96) -> NDArray[np.uint8]:
    return np.round(render(3, size=size).pixels * 255).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(width: int, height: int, stream: bytes) -> bytes:
    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", stream), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_plain_film_is_what_the_reader_gives() -> None:
    data = encoded(Image.fromarray(film()), dpi=(300, 300))
    tones = plain_grey_levels(data)
    assert tones is not None
    np.testing.assert_array_equal(tones, to_bytes(read_radiograph(data).pixels))


def with_orientation() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    info.add_itxt("XML:com.adobe.xmp", xmp)
    return info


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(film()).convert("RGB")),
        encoded(Image.fromarray(film()).convert("LA")),
        encoded(Image.fromarray(film()).convert("P")),
        encoded(Image.fromarray(film()), transparency=9),
        encoded(Image.fromarray(film().astype(np.uint16) * 257)),
        encoded(Image.fromarray(film()), pnginfo=with_orientation()),
        encoded(Image.fromarray(film()), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        encoded(Image.fromarray(film()), save_all=True, append_images=[Image.fromarray(film().T)]),
        encoded(Image.fromarray(film()), "JPEG"),
        b"\x89PNG\r\n\x1a\n",
        b"",
    ],
)
def test_any_other_file_is_left_to_the_reader(data: bytes) -> None:
    assert plain_grey_levels(data) is None


def test_a_film_is_refused_as_the_reader_refuses_it_wherever_it_is_damaged() -> None:
    data = encoded(Image.fromarray(film()))
    rng = np.random.default_rng(0)
    bad = [data[: rng.integers(9, len(data))] for _ in range(40)]
    for _ in range(80):
        place, bit = rng.integers(8, len(data)), rng.integers(8)
        bad.append(data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :])
    raw = b"".join(b"\0" + row.tobytes() for row in film())
    bad += [
        png(96, 96, zlib.compress(raw[: len(raw) // 2])),
        png(96, 96, zlib.compress(raw)[:-6]),
        png(96, 96, b""),
        png(0, 96, zlib.compress(raw)),
        png(1 << 20, 1 << 20, zlib.compress(raw)),
    ]
    for file in bad:
        try:
            expected = to_bytes(read_radiograph(file).pixels)
        except UnreadableFilm:
            assert plain_grey_levels(file) is None
        else:
            tones = plain_grey_levels(file)
            assert tones is None or np.array_equal(tones, expected)
