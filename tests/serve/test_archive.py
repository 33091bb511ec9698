"""Zip files of films, and of what else people and attackers put into them."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infmap.core.files import Json
from infmap.serve import archive, uploads
from infmap.serve.archive import extract
from infmap.serve.errors import UploadRefused
from infmap.serve.store import Store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "server")
    yield store
    store.close()


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, data in members:
            made.writestr(name, data, method)
    return stream.getvalue()


def extracted(data: bytes, folder: Path) -> dict[str, Json]:
    """What the process that unpacks says, without the process."""
    (folder / "in.zip").write_bytes(data)
    out = folder / "out"
    out.mkdir()
    said = extract(str(folder / "in.zip"), str(out))
    assert isinstance(said, dict)
    # Whatever it is given, it writes numbered files into its folder and nothing elsewhere.
    assert {path.name for path in folder.iterdir()} == {"in.zip", "out"}
    assert all(path.name.isdigit() for path in out.iterdir())
    return said


def reasons(said: dict[str, Json]) -> dict[str, Json]:
    members = said["members"]
    assert isinstance(members, list)
    return {str(m["name"]): m.get("reason") for m in members if isinstance(m, dict)}


def test_members_are_kept_as_uploads_and_litter_is_left(server: Store) -> None:
    data = zipped(
        ("films/", b""), ("films/a.png", b"film a"), ("b.dcm", b"film b"),
        ("__MACOSX/films/._a.png", b"x"), ("films/.DS_Store", b"x"), ("DICOMDIR", b"x"),
        ("empty.png", b""),
    )  # fmt: skip
    digest = uploads.put(server, [data]).sha256
    for _ in range(2):
        found = archive.unpack(server, digest)
        assert [member.name for member in found.members] == ["films/a.png", "b.dcm"]
        assert [(one.name, one.reason) for one in found.refused] == [("empty.png", archive.EMPTY)]
    for member, wanted in zip(found.members, (b"film a", b"film b")):
        assert uploads.path(server, member.sha256).read_bytes() == wanted
    with server.read() as c:
        assert len(uploads.known(c, [member.sha256 for member in found.members])) == 2
    assert not list(server.uploads.glob(".*"))


@pytest.mark.parametrize(
    "name", ["../../escape", "/etc/passwd", "C:\\windows\\a", "..\\..\\a", "a/../../../b", "a\x00b"]
)
def test_names_are_shown_and_never_paths(tmp_path: Path, name: str) -> None:
    said = extracted(zipped((name, b"data")), tmp_path)
    assert list(reasons(said).values()) == [None]


def test_a_member_without_a_name_is_read_and_shown_as_a_film(tmp_path: Path) -> None:
    nameless = zipfile.ZipInfo("a")
    nameless.filename = ""
    said = extracted(zipped((nameless, b"data"), ("b.png", b"data")), tmp_path)
    assert reasons(said) == {"film": None, "b.png": None}


def test_links_devices_and_encrypted_members_are_refused(tmp_path: Path) -> None:
    link, device = zipfile.ZipInfo("link"), zipfile.ZipInfo("device")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    device.external_attr = (stat.S_IFBLK | 0o600) << 16
    data = bytearray(zipped((link, b"/etc/passwd"), (device, b"x"), ("secret", b"data")))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1  # the directory says that the last member is encrypted
    said = reasons(extracted(bytes(data), tmp_path))
    assert "symbolic link" in str(said["link"]) and "no file" in str(said["device"])
    assert "encrypted" in str(said["secret"])


def test_a_bomb_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FREE", 1 << 20)
    said = reasons(extracted(zipped(("bomb", bytes(8 << 20)), ("film", b"film")), tmp_path))
    assert "grows too large" in str(said["bomb"]) and said["film"] is None


def test_a_bomb_that_lies_about_its_size_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_OF_ONE", 1 << 20)
    data = bytearray(zipped(("bomb", bytes(8 << 20))))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 10)  # unpacked size in the directory
    said = reasons(extracted(bytes(data), tmp_path))
    assert said["bomb"] is not None


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 3 << 20), ("MOST_MEMBERS", 1)])
def test_too_much_altogether_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(archive, limit, value)
    said = extracted(zipped(("a", bytes(2 << 20)), ("b", bytes(2 << 20))), tmp_path)
    assert said["large"] is True and str(said["refused"]).startswith("archive: expected at most")


def test_archives_in_archives_are_not_opened(tmp_path: Path) -> None:
    inner = zipped(("a", b"film"))
    said = extracted(zipped(("inner.zip", inner)), tmp_path)
    assert reasons(said) == {"inner.zip": None}
    assert (tmp_path / "out" / "0").read_bytes() == inner


@pytest.mark.parametrize("cut", [1, 30, 90])
def test_a_truncated_archive_is_refused_and_leaves_nothing(server: Store, cut: int) -> None:
    data = zipped(("a", b"film" * 100))[:-cut]
    digest = uploads.put(server, [data]).sha256
    with pytest.raises(UploadRefused, match="damaged"):
        archive.unpack(server, digest)
    assert [p for p in server.uploads.rglob("*") if p.is_file()] == [uploads.path(server, digest)]


def test_a_damaged_member_costs_itself_alone(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", b"film a"), ("b", b"film b"), method=zipfile.ZIP_STORED))
    data[data.index(b"film a")] ^= 1
    said = reasons(extracted(bytes(data), tmp_path))
    assert "damaged" in str(said["a"]) and said["b"] is None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_read(tmp_path: Path, method: int) -> None:
    assert reasons(extracted(zipped(("a", b"film"), method=method), tmp_path)) == {"a": None}


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", b"film")))
    for magic, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(magic) + at, 97)
    assert "not read" in str(reasons(extracted(bytes(data), tmp_path))["a"])
