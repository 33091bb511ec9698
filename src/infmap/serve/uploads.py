"""Films as they were received, kept by checksum: on the disk before anybody is told so.

A film is streamed beside its place, checked, brought to the disk and moved there; then its row is
written. A file without a row was promised to nobody, and is taken over when it comes again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Insert, select
from sqlalchemy.dialects import postgresql, sqlite

from infmap.core.errors import UsageError
from infmap.serve.errors import UploadRefused
from infmap.serve.schema import uploads as table
from infmap.serve.store import Store, sync
from infmap.web.database import new_id, now, portions

MOST = 1 << 30
"""Bytes of one upload: a folder of 60 films of 3000 x 3000 in one zip file."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ZIP = b"PK\x03\x04"
# Built once: it is part of every film.
_NOTING: Mapping[str, Insert] = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}
_COUNTED = {"preserve_rowcount": True}


@dataclass(frozen=True)
class Upload:
    """Bytes that are kept.

    Attributes:
        sha256: of the bytes, hexadecimal.
        size: bytes.
    """

    sha256: str
    size: int


class Receiving:
    """An upload that is coming in. What is not kept leaves nothing behind.

    Args:
        store: an open server.
        sha256: what the bytes' checksum has to be; None where the sender did not say.
        most: bytes that are taken.

    Raises:
        UsageError: the checksum is none.
        OSError: the disk is full, read-only or forbidden.
    """

    def __init__(self, store: Store, sha256: str | None = None, most: int = MOST) -> None:
        self._store, self._most = store, most
        self._expected = None if sha256 is None else checked(sha256)
        self._digest = hashlib.sha256()
        self._size = 0
        self._part = store.uploads / f".{new_id()}.part"
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            UploadRefused: they are more than are taken.
        """
        self._size += len(chunk)
        if self._size > self._most:
            raise UploadRefused(
                f"upload: expected at most {self._most} bytes, got more; send fewer films at once",
                too_large=True,
            )
        self._digest.update(chunk)
        self._file.write(chunk)

    def keep(self) -> Upload:
        """Bring the bytes to the disk and note them.

        Raises:
            UploadRefused: there are none, or they are not those of the checksum.
        """
        upload = self.settle()
        with self._store.begin() as c:
            note(c, self._store, upload)
        return upload

    def settle(self) -> Upload:
        """As ``keep``, without the row: ``note`` it in the transaction that needs it."""
        digest = self._digest.hexdigest()
        if not self._size:
            raise UploadRefused("upload: expected a film, got no bytes")
        if self._expected is not None and digest != self._expected:
            raise UploadRefused("upload: expected bytes of the checksum given; send them again")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        adopt(self._store, self._part, digest)
        return Upload(digest, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def put(
    store: Store, chunks: Iterable[bytes], sha256: str | None = None, most: int = MOST
) -> Upload:
    """Keep the bytes of one upload, once however often they come.

    Args:
        store: an open server.
        chunks: the bytes.
        sha256: what their checksum has to be; None where the sender did not say.
        most: bytes that are taken.

    Raises:
        UploadRefused: no bytes, too many, or not those of the checksum.
        UsageError: the checksum is none.
        OSError: the disk is full, read-only or forbidden.
    """
    with Receiving(store, sha256, most) as receiving:
        for chunk in chunks:
            receiving.write(chunk)
        return receiving.keep()


def adopt(store: Store, part: Path, sha256: str) -> None:
    """Move a file that is on the disk already to the place of its checksum."""
    place = path(store, sha256)
    if not place.parent.is_dir():
        place.parent.mkdir(exist_ok=True)
        sync(store.uploads)
    part.replace(place)
    sync(place.parent)


def note(c: Connection, store: Store, *uploads: Upload) -> bool:
    """Write the rows of uploads that are on the disk, each once; whether all of them are new.

    Raises:
        UploadRefused: one was deleted since it came.
    """
    if not uploads:
        return True
    rows = [{"sha256": u.sha256, "size": u.size, "created": now()} for u in uploads]
    found = c.execute(_NOTING[c.dialect.name], rows, execution_options=_COUNTED)
    # From here on nobody deletes it; see ``infmap.serve.deleting``.
    if not all(path(store, upload.sha256).is_file() for upload in uploads):
        raise UploadRefused("upload: it was deleted while it came; send it again")
    return found.rowcount == len(rows)


def path(store: Store, sha256: str) -> Path:
    """Where the bytes of a checksum lie, if they are kept.

    Raises:
        UsageError: it is no checksum.
    """
    return store.uploads / checked(sha256)[:2] / sha256


def known(c: Connection, digests: Iterable[str]) -> set[str]:
    """Those of some checksums whose bytes are kept."""
    found = set[str]()
    for some in portions(digests):
        found.update(c.execute(select(table.c.sha256).where(table.c.sha256.in_(some))).scalars())
    return found


def is_archive(store: Store, sha256: str) -> bool:
    """Whether kept bytes begin as a zip file does."""
    with path(store, sha256).open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def checked(sha256: str) -> str:
    """A checksum, if it is one; it becomes part of a path.

    Raises:
        UsageError: it is none.
    """
    if not _DIGEST.fullmatch(sha256):
        raise UsageError("checksum: expected 64 hexadecimal digits in lower case")
    return sha256
