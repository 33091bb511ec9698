"""Downloads of a source's files, only when a user asks for them.

A download that breaks off is kept as ``FILE.part`` and goes on from there (HTTP ``Range`` with
``If-Range``, RFC 9110). The checksum of every file is verified, and written down in
``checksums.txt`` (the form of ``sha256sum``): where the publisher names none, the first fetch sets
it.
"""

from __future__ import annotations

import errno
import http.client
import re
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from infmap.core.errors import InfmapError, UsageError
from infmap.core.files import sha256
from infmap.sources.source import Download, Source

CHECKSUMS = "checksums.txt"
TIMEOUT = 60.0
_BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CUT = (EOFError, RuntimeError)
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

Progress = Callable[[str, int, int | None], None]


def fetch(source: Source, folder: Path, progress: Progress | None = None) -> list[Path]:
    """Download the files of a source and unpack its archives. Doing it again changes nothing.

    Args:
        source: what to fetch.
        folder: where to; made where missing. Archives are unpacked right below it and stay there.
        progress: called with a file's name, its bytes so far, and its bytes in all where known.

    Returns:
        the downloaded files, in the source's order.

    Raises:
        UsageError: the source has no files that may be fetched without an account.
        InfmapError: no connection, no room, a checksum that differs, or an archive with a name
            that leads out of the folder. What has arrived of a broken download is kept.
    """
    if not source.downloads:
        raise UsageError(
            f"{source.name} cannot be fetched: get it from {source.url} "
            f"(needs: {source.needs}) and give its folder as --source {source.name}=DIR"
        )
    with _room(folder):
        folder.mkdir(parents=True, exist_ok=True)
        files = [_file(item, folder, progress) for item in source.downloads]
        for file in files:
            _unpack(file, folder)
    return files


def _file(item: Download, folder: Path, progress: Progress | None) -> Path:
    """One verified file, downloaded unless it is there."""
    target = folder / item.file
    if not target.is_file():
        part = target.with_name(target.name + ".part")
        _download(item, part, progress)
        _verify(item, part, folder)
        part.replace(target)
        _tag(part).unlink(missing_ok=True)
    else:
        _verify(item, target, folder)
    return target


def _download(item: Download, part: Path, progress: Progress | None) -> None:
    """Bring ``part`` to its full length, from where it stands."""
    done = part.stat().st_size if part.is_file() else 0
    tag = _tag(part).read_text(encoding="ascii").strip() if done and _tag(part).is_file() else ""
    headers = {"User-Agent": "infmap", "Accept-Encoding": "identity"}
    if done:
        headers |= {"Range": f"bytes={done}-"} | ({"If-Range": tag} if tag else {})
    if not item.url.startswith(("http://", "https://")):
        raise InfmapError(f"{item.url}: expected an address of http or https")
    try:
        with urllib.request.urlopen(
            urllib.request.Request(item.url, headers=headers), timeout=TIMEOUT
        ) as answer:
            done, total = _start(answer, done)
            _tag(part).write_text(_validator(answer), encoding="ascii", errors="ignore")
            _copy(answer, part, done, total, item, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:
            _past_the_end(error, item, part, done, progress)
            return
        raise InfmapError(
            f"{item.url}: expected {item.file}, the server says {error.code} {error.reason}; "
            "look whether its page still offers it"
        ) from error
    except (http.client.HTTPException, urllib.error.URLError, OSError) as error:
        if isinstance(error, OSError) and (error.errno in _FULL or error.filename):
            raise  # of the folder, not of the network
        raise _broken(item, part, error) from error


def _start(answer: http.client.HTTPResponse, done: int) -> tuple[int, int | None]:
    """Where the answer's bytes belong, and the length of the whole file where it is stated."""
    length = answer.headers.get("Content-Length")
    match = re.fullmatch(
        r"bytes (\d+)-\d+/(\d+|\*)", (answer.headers.get("Content-Range") or "").strip()
    )
    if answer.status == 206 and match and int(match[1]) == done:
        return done, int(match[2]) if match[2] != "*" else None
    if answer.status == 206:
        raise http.client.HTTPException("another part of the file than was asked for")
    return 0, int(length) if length and length.isdigit() else None


def _copy(
    answer: http.client.HTTPResponse,
    part: Path,
    done: int,
    total: int | None,
    item: Download,
    progress: Progress | None,
) -> None:
    """Write the answer behind the first ``done`` bytes of ``part``."""
    if total is not None:
        _require_room(total - done, part.parent, item.file)
    with part.open("r+b" if done else "wb") as file:
        file.seek(done)
        while block := answer.read(_BLOCK):
            file.write(block)
            done += len(block)
            if progress:
                progress(item.file, done, total)
    if total is not None and done != total:
        raise http.client.HTTPException(f"{done} of {total} bytes")


def _past_the_end(
    error: urllib.error.HTTPError,
    item: Download,
    part: Path,
    done: int,
    progress: Progress | None,
) -> None:
    """Nothing is left to send: the part is complete, or belongs to another file and is removed."""
    if (error.headers.get("Content-Range") or "").strip() == f"bytes */{done}":
        return
    part.unlink()
    _download(item, part, progress)


def _tag(part: Path) -> Path:
    """Where the server's name for the version of a part is kept."""
    return part.with_name(part.name + ".tag")


def _validator(answer: http.client.HTTPResponse) -> str:
    """What tells one version of a file from another: a strong ETag, else the date of change."""
    tag = answer.headers.get("ETag") or ""
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified") or ""


def _broken(item: Download, part: Path, error: Exception) -> InfmapError:
    size = part.stat().st_size if part.is_file() else 0
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    kept = f"{size} bytes are kept in {part}; fetch again to go on" if size else "fetch again"
    return InfmapError(f"{item.url}: the connection was lost ({reason}); {kept}")


def _verify(item: Download, file: Path, folder: Path) -> None:
    """Compare a file with the checksum that is stated or was written down, or write it down."""
    found = sha256(file)
    known = _read_checksums(folder)
    if item.sha256 and found != item.sha256.lower():
        file.unlink()
        raise InfmapError(
            f"{file}: expected SHA-256 {item.sha256}, got {found}; it was deleted, fetch again; if "
            "that repeats, its publisher has changed it"
        )
    if not item.sha256 and known.get(item.file, found) != found:
        raise InfmapError(
            f"{file}: expected SHA-256 {known[item.file]} as at the first fetch, got {found}; "
            f"delete the file, or its line in {folder / CHECKSUMS} if you trust the new one"
        )
    if known.get(item.file) != found:
        lines = [f"{digest}  {name}\n" for name, digest in (known | {item.file: found}).items()]
        (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _read_checksums(folder: Path) -> dict[str, str]:
    """File name to checksum, as ``sha256sum`` writes them; lines of another form are left out."""
    path = folder / CHECKSUMS
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.findall(r"^([0-9a-f]{64}) [ *](.+)$", text, re.MULTILINE)
    return {name: digest for digest, name in found}


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive below ``folder``, once; other files are left as they are."""
    if not archive.name.lower().endswith(_ARCHIVES):
        return
    digest = _read_checksums(folder).get(archive.name, "")
    done = archive.with_name(archive.name + ".unpacked")
    if done.is_file() and done.read_text(encoding="ascii").strip() == digest:
        return
    try:
        for name, size, stream in _members(archive):
            _require_room(size, folder, name)
            target = folder / _inside(name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with stream, target.open("wb") as file:
                shutil.copyfileobj(stream, file, _BLOCK)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, *_CUT) as error:
        raise InfmapError(
            f"{archive}: expected a whole archive, got {error or 'a cut one'}; delete it and "
            "fetch again"
        ) from error
    done.write_text(digest, encoding="ascii")


def _members(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of the files in a ZIP or tar archive; nothing but plain files."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise _not_plain(archive, info.filename)
                if not info.filename.endswith("/"):
                    yield info.filename, info.file_size, packed.open(info)
        return
    with tarfile.open(archive) as tape:
        for member in tape:
            stream = tape.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield member.name, member.size, stream
            elif not member.isdir():
                raise _not_plain(archive, member.name)


def _inside(name: str, archive: Path) -> PurePosixPath:
    """The relative path of a member that stays below the folder it is unpacked to."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or not path.parts:
        raise InfmapError(
            f"{archive}: expected names that stay inside the folder, got {name!r}; do not use this "
            "archive"
        )
    return path


def _not_plain(archive: Path, name: str) -> InfmapError:
    return InfmapError(
        f"{archive}: expected plain files and folders, got a link or device {name!r}; do not use "
        "this archive"
    )


def _require_room(size: int, folder: Path, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InfmapError(
            f"{folder}: {name} needs {size} bytes more and {free} are free; make room and fetch "
            "again to go on"
        )


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    """One clear line where the disk is full or the folder cannot be written."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        reason = "the disk is full; make room" if full else f"{error}; check the folder"
        raise InfmapError(f"{folder}: {reason} and fetch again to go on") from error
