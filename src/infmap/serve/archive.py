"""Films of a zip file: unpacked in a process of its own, under limits, never by their own names.

A member is written to a file that is numbered, checksummed and moved to the uploads; its name is
shown and never becomes a path. Archives in archives are members like any other: no film.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infmap.compute.apart import Apart
from infmap.core.files import Json
from infmap.serve import uploads
from infmap.serve.errors import UploadRefused
from infmap.serve.names import shown
from infmap.serve.store import Store
from infmap.serve.uploads import Upload
from infmap.web.database import new_id
from infmap.workflows.inputs import JUNK_NAMES

MOST_MEMBERS = 10_000
"""Files of one archive; the central directory of more would itself take long to read."""
MOST_BYTES = 8 << 30
"""Bytes of all members together: 400 films of 3000 x 3000 and 16 bits."""
MOST_OF_ONE = 1 << 30
"""Bytes of one member; a film of 200 million pixels and 16 bits has 400 MB."""
MOST_RATIO, FREE = 200, 16 << 20
"""Times that a member may grow, once it is beyond so many bytes. A black film of 16 bits deflates
to a thousandth, but a chest film to a half: only whole-picture blanks of 8 million pixels pass 16
MiB, and no film of a chest grows 200 times."""
SECONDS, MEMORY = 300.0, 1 << 30
"""Limits of one archive; 8 GiB inflate in 60 s on one slow core."""
APART = Apart(2, "archive", SECONDS, MEMORY)
EMPTY = "it is empty; copy it again"
"""Why a file of no bytes is no film."""
# Files that systems add by themselves; nobody sent them as films.
_LITTER = {".ds_store", *JUNK_NAMES}
_PIECE = 1 << 20


@dataclass(frozen=True)
class Member:
    """A film of an archive, kept as an upload.

    Attributes:
        name: as the archive calls it, to be shown.
        sha256: of its bytes.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Refused:
    """A member that was not unpacked.

    Attributes:
        name: as the archive calls it, to be shown.
        reason: one line.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Unpacked:
    """What an archive held.

    Attributes:
        members: films, or what may be some, in the archive's order.
        refused: members that were not unpacked.
    """

    members: list[Member]
    refused: list[Refused]


def unpack(store: Store, sha256: str) -> Unpacked:
    """Keep the members of an uploaded archive as uploads.

    Args:
        store: an open server.
        sha256: of the archive's bytes, which are kept.

    Raises:
        UploadRefused: it is no zip file, damaged, too large unpacked, or holds too many files.
        UsageError: it takes too long or too much memory.
        OSError: the disk is full, read-only or forbidden.
    """
    part = store.uploads / f".{new_id()}.part"
    part.mkdir()
    try:
        found = APART.call(extract, str(uploads.path(store, sha256)), str(part))
        if not isinstance(found, dict):
            raise RuntimeError("expected what an archive holds")
        if "refused" in found:
            raise UploadRefused(str(found["refused"]), too_large=bool(found.get("large")))
        return _adopt(store, part, found)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def extract(archive: str, folder: str) -> Json:
    """Write an archive's members into a folder as 0, 1, ...; runs in a process of its own.

    Returns:
        ``members``: for each a name and a checksum with its size, or a name and a reason; or
        ``refused``, why the whole archive is not taken, and whether it is too ``large``.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except Exception:  # a damaged directory raises whatever reading its numbers leads to
        return {"refused": "archive: expected a whole zip file, got a damaged one; make it again"}
    with opened:
        infos = opened.infolist()
        if len(infos) > MOST_MEMBERS:
            return _too_large(f"at most {MOST_MEMBERS} files, got {len(infos)}")
        left, listed = MOST_BYTES, list[Json]()
        for number, info in enumerate(_films(infos)):
            told, size = _extract_one(opened, info, Path(folder) / str(number), left)
            left -= size
            if left <= 0:
                return _too_large(f"at most {MOST_BYTES >> 20} MiB unpacked, got more")
            listed.append(told)
    return {"members": listed}


def _too_large(expected: str) -> dict[str, Json]:
    return {"refused": f"archive: expected {expected}; send several archives", "large": True}


def _films(infos: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    """Members that a person may have meant as films."""
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        hidden = "__MACOSX" in parts or (parts and parts[-1].casefold() in _LITTER)
        # Not is_dir(), which fails on a member without a name.
        if not info.filename.endswith("/") and not hidden:
            yield info


def _extract_one(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, left: int
) -> tuple[dict[str, Json], int]:
    """One member: what is told of it, and bytes that it took on the disk."""
    told: dict[str, Json] = {"name": shown(info.filename)}
    reason = _no_film(info)
    if reason is not None:
        return told | {"reason": reason}, 0
    digest, size = hashlib.sha256(), 0
    # Not more than all members may have: the directory's sizes are anybody's claim.
    most = min(MOST_OF_ONE, left)
    try:
        with path.open("wb") as sink:
            for piece in _pieces(opened, info):
                size += len(piece)
                bomb = size > FREE and size > MOST_RATIO * max(1, info.compress_size)
                if bomb or size > MOST_OF_ONE:
                    path.unlink()
                    return told | {"reason": "it grows too large when unpacked"}, 0
                if size > most:
                    return told, size
                digest.update(piece)
                sink.write(piece)
            sink.flush()
            os.fsync(sink.fileno())
    except _Damaged as damaged:
        path.unlink()
        return told | {"reason": str(damaged)}, size
    if not size:
        path.unlink()
        return told | {"reason": EMPTY}, 0
    return told | {"sha256": digest.hexdigest(), "size": size}, size


class _Damaged(Exception):
    """A member cannot be inflated; says why."""


def _pieces(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with opened.open(info) as source:
            while piece := source.read(_PIECE):
                yield piece
    except NotImplementedError as error:
        raise _Damaged("it is compressed in a way that is not read; use plain zip") from error
    except Exception as error:  # hostile data may raise anything inside a decompressor
        raise _Damaged("it is damaged in the archive; make the archive again") from error


def _no_film(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not unpacked; None for one that is."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "it is a symbolic link, not a film"
    if kind not in (0, stat.S_IFREG):
        return "it is no file"
    if info.flag_bits & 1:
        return "it is encrypted; send it without a password"
    return None


def _adopt(store: Store, part: Path, found: dict[str, Json]) -> Unpacked:
    """Move what was unpacked to the uploads, and note it."""
    unpacked, kept = Unpacked([], []), list[Upload]()
    members = found.get("members")
    for number, member in enumerate(members if isinstance(members, list) else []):
        if not isinstance(member, dict):
            continue
        name, digest, size = str(member["name"]), member.get("sha256"), member.get("size")
        if isinstance(digest, str) and isinstance(size, int):
            uploads.adopt(store, part / str(number), digest)
            kept.append(Upload(digest, size))
            unpacked.members.append(Member(name, digest))
        else:
            unpacked.refused.append(Refused(name, str(member["reason"])))
    with store.begin() as c:
        uploads.note(c, store, *kept)
    return unpacked
