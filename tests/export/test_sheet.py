"""Tests of `infmap.export.sheet`."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.catalog.schema import make_frame
from infmap.catalog.store import Catalog
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from exporting import SHAPE, listed, pixels, plane, run, save  # noqa: E402


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_films_that_need_no_change_can_be_linked(
    catalog: Catalog, link: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(catalog, "folders", out, link=link)
    films = listed(out)
    linked, source = out / films["photo.jpg"]["image"], tmp_path / "source" / "photo.jpg"
    assert linked.samefile(source)
    assert linked.is_symlink() == (link == "symbolic")
    deep = out / films["deep.png"]["image"]
    assert not deep.samefile(tmp_path / "source" / "deep.png")
    assert pixels(tmp_path / "source" / "deep.png").max() > 255


@pytest.mark.parametrize("how", ["turned", "16-bit colour", "palette", "transparent", "tiff"])
def test_what_readers_show_differently_is_never_taken_as_it_is(
    catalog: Catalog, how: str, tmp_path: Path
) -> None:
    path, grey = tmp_path / "source" / "photo.jpg", Image.fromarray(plane(4))
    if how == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        grey.save(path, "JPEG", exif=exif)
    elif how == "16-bit colour":
        path.write_bytes(colour_png_of_16_bits(plane(4)))
    elif how == "palette":
        grey.convert("P").save(path, "PNG")
    elif how == "transparent":
        grey.convert("LA").save(path, "PNG")
    else:
        grey.save(path, "TIFF")
    manifest = run(catalog, "folders", tmp_path / "out", where="film_id LIKE '%photo%'")
    assert manifest["notes"]["films re-encoded as 8-bit grey PNG"] == 1
    shown = pixels(tmp_path / "out" / listed(tmp_path / "out")["photo.jpg"]["image"])
    assert (shown.dtype, shown.shape) == (np.uint8, SHAPE[::-1] if how == "turned" else SHAPE)
    if how != "turned":
        np.testing.assert_array_equal(shown, plane(4))


def colour_png_of_16_bits(grey: np.ndarray) -> bytes:
    """A PNG that Pillow cannot write, but opens as if it had 8 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = grey.shape
    wide = (grey.astype(">u2") * 257)[..., None].repeat(3, -1)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in wide)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    )


@pytest.mark.parametrize("kind", ["folders", "nnunet"])
def test_real_dicom_films_become_8_bit_png(data: Path, kind: str, tmp_path: Path) -> None:
    films = sorted((data / "dicom").glob("*.dcm"))
    if not films:
        pytest.skip(f"no DICOM films in {data}")
    rows = []
    for film in films:
        shape = read_radiograph(film).shape
        mask = np.zeros(shape, np.uint8)
        mask[10:20, 30:50] = 255
        save(tmp_path, f"catalog/masks/{film.stem}.png", mask)
        row = {"film_id": f"x/{film.name}", "source": "x", "path": film.name, "split": "train"}
        row |= {"height": shape[0], "width": shape[1], "covid19": True}
        rows.append(row | {"infection_mask": f"@catalog/masks/{film.stem}.png"})
    catalog = Catalog(tmp_path / "catalog")
    catalog.commit({"films": make_frame("films", rows)}, roots={"x": str(data / "dicom")})
    out = tmp_path / "out"
    manifest = run(catalog, kind, out)
    assert (manifest["films"], manifest["failed"]) == (len(films), 0)
    assert manifest["notes"]["films re-encoded as 8-bit grey PNG"] == len(films)
    for row, line in zip(rows, listed(out).values(), strict=True):
        with Image.open(out / line["image"]) as image:
            assert (image.format, image.mode) == ("PNG", "L")
            assert image.size == (row["width"], row["height"])
        assert pixels(out / line["image"]).std() > 10
