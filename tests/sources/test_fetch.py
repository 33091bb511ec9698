"""Downloads against a server on this machine: resumed, verified, unpacked, refused."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infmap.core.errors import InfmapError, UsageError
from infmap.sources import fetch as module
from infmap.sources.fetch import fetch
from infmap.sources.source import Download, Source

DATA = bytes(range(256)) * 4096


class Server(http.server.ThreadingHTTPServer):
    """A file server; what it does is told by its attributes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.tag = '"1"'
        self.cut: int | None = None
        self.asked: list[str | None] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        data = self.server.files.get(self.path[1:])
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if data is None:
            self.send_error(404)
            return
        first = 0
        fresh = self.headers.get("If-Range") in (None, self.server.tag)
        if asked and self.server.ranges and fresh:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - first))
        self.send_header("ETag", self.server.tag)
        self.end_headers()
        rest = data[first:]
        self.wfile.write(rest if self.server.cut is None else rest[: self.server.cut])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


Make = Callable[..., Source]


@pytest.fixture
def make(server: Server) -> Make:
    """A source with one file on the server."""

    def source(name: str, data: bytes, sha256: str | None = None) -> Source:
        server.files[name] = data
        return Source(
            name="toy",
            title="Toy",
            films=None,
            size=None,
            licence="none",
            url="https://example.org/toy",
            needs="an account",
            citation="none",
            layout="none",
            read=lambda root: iter(()),
            check=lambda root: [],
            downloads=(Download(server.url(name), name, sha256),),
        )

    return source


def test_a_file_arrives_whole_with_its_checksum_and_progress(make: Make, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    files = fetch(make("a.bin", DATA), tmp_path / "new", lambda *args: seen.append(args))
    assert [file.read_bytes() for file in files] == [DATA]
    assert seen[-1] == ("a.bin", len(DATA), len(DATA))
    digest = hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "new" / "checksums.txt").read_text() == f"{digest}  a.bin\n"
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["a.bin", "checksums.txt"]


def test_a_second_fetch_downloads_nothing(make: Make, server: Server, tmp_path: Path) -> None:
    source = make("a.bin", DATA)
    assert fetch(source, tmp_path) == fetch(source, tmp_path)
    assert len(server.asked) == 1


def test_a_broken_download_goes_on_where_it_stopped(
    make: Make, server: Server, tmp_path: Path
) -> None:
    source = make("a.bin", DATA, hashlib.sha256(DATA).hexdigest())
    server.cut = 300_000
    with pytest.raises(InfmapError, match=r"connection was lost.*300000 bytes are kept"):
        fetch(source, tmp_path)
    assert (tmp_path / "a.bin.part").read_bytes() == DATA[:300_000]
    assert not (tmp_path / "a.bin").exists()
    server.cut = None
    assert fetch(source, tmp_path)[0].read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"]
    assert not list(tmp_path.glob("*.part*"))


def test_a_stopped_fetch_goes_on_where_it_stopped(
    make: Make, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 1 << 16)
    source = make("a.bin", DATA)

    def stop(name: str, done: int, total: int | None) -> None:
        if done > len(DATA) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(source, tmp_path, stop)
    assert fetch(source, tmp_path)[0].read_bytes() == DATA
    assert server.asked[1] not in (None, "bytes=0-")


def test_a_server_without_ranges_starts_over(make: Make, server: Server, tmp_path: Path) -> None:
    source = make("a.bin", DATA)
    (tmp_path / "a.bin.part").write_bytes(b"x" * 2 * len(DATA))
    server.ranges = False
    assert fetch(source, tmp_path)[0].read_bytes() == DATA


def test_a_file_that_changed_meanwhile_starts_over(
    make: Make, server: Server, tmp_path: Path
) -> None:
    source = make("a.bin", DATA)
    server.cut = 1000
    with pytest.raises(InfmapError, match="connection was lost"):
        fetch(source, tmp_path)
    server.cut, server.tag, server.files["a.bin"] = None, '"2"', DATA[::-1]
    assert fetch(source, tmp_path)[0].read_bytes() == DATA[::-1]


def test_a_whole_part_is_taken_and_a_longer_one_is_not(
    make: Make, server: Server, tmp_path: Path
) -> None:
    source = make("a.bin", DATA)
    (tmp_path / "a.bin.part").write_bytes(DATA)
    assert fetch(source, tmp_path)[0].read_bytes() == DATA
    (tmp_path / "a.bin").unlink()
    (tmp_path / "a.bin.part").write_bytes(DATA + b"more")
    assert fetch(source, tmp_path)[0].read_bytes() == DATA


def test_a_wrong_checksum_is_named_and_the_file_does_not_stay(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InfmapError, match=r"expected SHA-256 0{64}, got [0-9a-f]{64}"):
        fetch(make("a.bin", DATA, "0" * 64), tmp_path)
    assert not list(tmp_path.glob("a.bin*.part")) and not (tmp_path / "a.bin").exists()


def test_a_file_that_differs_from_the_first_fetch_is_refused(make: Make, tmp_path: Path) -> None:
    source = make("a.bin", DATA)
    fetch(source, tmp_path)
    (tmp_path / "a.bin").write_bytes(b"damaged")
    with pytest.raises(InfmapError, match="as at the first fetch"):
        fetch(source, tmp_path)
    (tmp_path / "a.bin").unlink()
    make("a.bin", DATA[::-1])
    with pytest.raises(InfmapError, match="as at the first fetch"):
        fetch(source, tmp_path)
    (tmp_path / "checksums.txt").unlink()
    assert fetch(source, tmp_path)[0].read_bytes() == DATA[::-1]


def test_a_missing_file_and_a_dead_server_are_one_clear_line(
    make: Make, server: Server, tmp_path: Path
) -> None:
    source = make("a.bin", DATA)
    server.files.clear()
    with pytest.raises(InfmapError, match="the server says 404"):
        fetch(source, tmp_path)
    dead = Download("http://127.0.0.1:9/a.bin", "a.bin")
    with pytest.raises(InfmapError, match="connection was lost") as caught:
        fetch(Source(**(vars(source) | {"downloads": (dead,)})), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_source_without_downloads_says_where_to_get_it(make: Make, tmp_path: Path) -> None:
    source = Source(**(vars(make("a", b"")) | {"downloads": ()}))
    with pytest.raises(UsageError, match=r"https://example.org/toy.*an account.*--source toy=DIR"):
        fetch(source, tmp_path)


def test_a_disk_without_room_is_told_before_and_while_writing(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make("a.bin", DATA)
    full = Path("/dev/full")
    if full.exists():
        (tmp_path / "a.bin.part").symlink_to(full)
        with pytest.raises(InfmapError, match="the disk is full; make room"):
            fetch(source, tmp_path)
        (tmp_path / "a.bin.part").unlink()
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(InfmapError, match=f"needs {len(DATA)} bytes more and 10 are free"):
        fetch(source, tmp_path)


def test_a_folder_that_is_a_file_is_not_called_a_lost_connection(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfmapError, match="check the folder"):
        fetch(make("a.bin", DATA), tmp_path / "file")


def _zip(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["a.zip", "a.tgz"])
def test_archives_are_unpacked_once(make: Make, tmp_path: Path, kind: str) -> None:
    packed = (
        _zip(("set/", b""), ("set/a.txt", b"one"))
        if kind == "a.zip"
        else _tar((tarfile.TarInfo("./set/a.txt"), b"one"))
    )
    source = make(kind, packed)
    fetch(source, tmp_path)
    assert (tmp_path / "set" / "a.txt").read_bytes() == b"one"
    (tmp_path / "set" / "a.txt").write_bytes(b"mine")
    fetch(source, tmp_path)
    assert (tmp_path / "set" / "a.txt").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil.txt"]
)
def test_names_that_lead_out_of_the_folder_are_refused(
    make: Make, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "in"
    for kind, data in (
        ("a.zip", _zip((name, b"x"))),
        ("b.tar.gz", _tar((tarfile.TarInfo(name), b"x"))),
    ):
        with pytest.raises(InfmapError, match="names that stay inside the folder"):
            fetch(make(kind, data), folder)
    assert not list(tmp_path.rglob("*evil*")) and not Path("/tmp/evil.txt").exists()


def test_links_in_archives_are_refused(make: Make, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    taped = tarfile.TarInfo("link")
    taped.type, taped.linkname = tarfile.SYMTYPE, "/etc"
    for kind, data in (("a.zip", _zip((link, b"/etc"))), ("b.tar", _tar((taped, b"")))):
        with pytest.raises(InfmapError, match="got a link or device"):
            fetch(make(kind, data), tmp_path)


@pytest.mark.parametrize("kind", ["a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_one_clear_line(make: Make, tmp_path: Path, kind: str) -> None:
    data = (_zip if kind == "a.zip" else _tar_of_text)(("set/a.txt", DATA))
    with pytest.raises(InfmapError, match="expected a whole archive"):
        fetch(make(kind, data[: len(data) // 2]), tmp_path)


def _tar_of_text(member: tuple[str, bytes]) -> bytes:
    return _tar((tarfile.TarInfo(member[0]), member[1]))
