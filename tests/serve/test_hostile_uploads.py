"""Files made to harm a server, sent over HTTP: each is refused in one line, and films go on."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from server_process import ServerProcess
from web_server import film

from infmap.client import Client
from infmap.core.errors import FilmError, UsageError
from infmap.dicom.write import write_dx
from infmap.phantom import render


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    assert server.stop() == 0


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png() -> bytes:
    """A picture of 60,000 x 60,000 pixels in 4 MB: 3.6 GB when it is unpacked."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    rows = packer.compress(bytes(2**28)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def dicom(folder: Path) -> bytes:
    path = folder / "film.dcm"
    levels = np.round(render(1, size=64).pixels * 4095).astype(np.uint16)
    write_dx(path, levels, spacing_mm=(1.0, 1.0), patient_id="PHANTOM")
    return path.read_bytes()


def hostile(folder: Path) -> dict[str, bytes]:
    """Name to bytes; none of them is a film."""
    whole, dx = film(1), dicom(folder)
    tiff = io.BytesIO()
    Image.new("L", (64, 64)).save(tiff, "TIFF")
    return {
        "empty-picture.png": b"\x89PNG\r\n\x1a\n",
        "truncated.png": whole[: len(whole) // 2],
        "huge.png": huge_png(),
        "truncated.dcm": dx[: len(dx) // 3],
        "header-only.dcm": dx[:140],
        # Lengths of elements that go far beyond the file.
        "lengths.dcm": dx[:400] + b"\xff" * 200 + dx[600:],
        "nothing.dcm": bytes(128) + b"DICM",
        "page.html": b"<html><script>alert(1)</script></html>",
        "picture-and-page.png": b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>",
        "directory.tif": tiff.getvalue()[:8] + b"\xff" * 64,
        "program": b"\x7fELF" + bytes(500),
    }


def bombs(folder: Path) -> dict[str, bytes]:
    """Zip files that are too large, too deep or lead elsewhere."""
    made = {}
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for number in range(4):
            with packed.open(f"{number}.png", "w") as member:
                for _ in range(256):
                    member.write(bytes(2**20))
    made["a thousand to one.zip"] = large.getvalue()
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as packed:
        for number in range(20_000):
            packed.writestr(f"{number}", b"")
    made["many.zip"] = many.getvalue()
    made["cut off.zip"] = large.getvalue()[: len(large.getvalue()) // 2]
    made["no zip at all.zip"] = b"PK\x03\x04" + bytes(100)
    return made


def test_files_that_are_no_films_are_refused_and_films_go_on(
    server: ServerProcess, tmp_path: Path
) -> None:
    with Client(server.address) as client:
        for name, data in hostile(tmp_path).items():
            path = tmp_path / name
            path.write_bytes(data)
            with pytest.raises(FilmError) as refused:
                client.predict(path)
            assert "\n" not in str(refused.value), name
        alive(client, tmp_path, 2)


def test_zip_files_that_are_bombs_are_refused_and_films_go_on(
    server: ServerProcess, tmp_path: Path
) -> None:
    with Client(server.address) as client:
        for name, data in bombs(tmp_path).items():
            path = tmp_path / name
            path.write_bytes(data)
            try:
                job = client.submit([path])
            except UsageError as refused:
                assert "\n" not in str(refused), name
                continue
            assert {film.status for film in job.results()} == {"failed"}, name
        alive(client, tmp_path, 3)


def test_names_in_a_zip_file_lead_nowhere(server: ServerProcess, tmp_path: Path) -> None:
    stream = io.BytesIO()
    names = ["../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "C:\\evil.png", "a\0b.png"]
    with zipfile.ZipFile(stream, "w") as packed:
        for number, name in enumerate(names):
            packed.writestr(zipfile.ZipInfo(name), film(10 + number))
    path = tmp_path / "names.zip"
    path.write_bytes(stream.getvalue())
    before = sorted(tmp_path.parent.rglob("*evil*"))
    with Client(server.address) as client:
        assert len(client.submit([path]).results()) == len(names)
    assert sorted(tmp_path.parent.rglob("*evil*")) == before == []


def test_a_film_that_is_also_a_zip_file_is_one_of_the_two(
    server: ServerProcess, tmp_path: Path
) -> None:
    """A picture with an archive behind it: both programs would take it for theirs."""
    stream = io.BytesIO(film(20))
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as packed:
        packed.writestr("inner.png", film(21))
    path = tmp_path / "both.png"
    path.write_bytes(stream.getvalue())
    with Client(server.address) as client:
        (read,) = client.submit([path]).results()
    assert read.name == "both.png"


def alive(client: Client, folder: Path, number: int) -> None:
    """A good film is read: rejected or assessed, but read."""
    path = folder / "good.png"
    path.write_bytes(film(number))
    (read,) = client.submit([path]).results()
    assert read.status in ("ok", "rejected")
