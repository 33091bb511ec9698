"""The server's folder and its database.

A server is a folder: ``server.db`` (unless the rows are in PostgreSQL), ``key``, ``uploads/`` (the
films as received, by checksum), ``results/`` (a folder a film) and ``owners/`` (a lock for whoever
works on films); see ``infmap.web.database``.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Self

from sqlalchemy import select

from infmap.serve.schema import results, uploads
from infmap.web.database import Database, Layout

LAYOUT = Layout("server", "server.db", Path(__file__).parent / "migrations")
MARK = "kept-here"
"""Empty folder in those of uploads and results: where a disk was taken away, a folder of the same
name is left without it."""


class Store(Database):
    """An open server; see ``Database``."""

    layout = LAYOUT

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Self:
        """As ``Database.open``; the folders of films are made and marked as the server's own."""
        store = super().open(folder, url)
        try:
            store._mark()
        except BaseException:
            store.close()
            raise
        return store

    def check(self, spare: int = 0) -> None:
        """Make sure that the folders are the server's and take what is to be kept.

        Args:
            spare: bytes of the disk that are to be free.

        Raises:
            OSError: ENOSPC, they are not free; ENOENT, a folder is gone or another disk's; EACCES,
                it cannot be written.
        """
        for folder in (self.uploads, self.results):
            if not (folder / MARK).is_dir():
                raise _error(errno.ENOENT, folder)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise _error(errno.EACCES, folder)
        # Each may be a disk of its own.
        if any(self.free(at) < spare for at in (self.folder, self.uploads, self.results)):
            raise _error(errno.ENOSPC, self.folder)

    @staticmethod
    def free(folder: Path) -> int:
        """Bytes that the disk of a folder has left."""
        return shutil.disk_usage(folder).free

    def _mark(self) -> None:
        for folder, table in ((self.uploads, uploads), (self.results, results)):
            folder.mkdir(exist_ok=True)
            with self.read() as c:
                has_rows = c.execute(select(table).limit(1)).first() is not None
            # Rows and an empty folder: its files are elsewhere, and may come back.
            if not (has_rows and not any(folder.iterdir())):
                (folder / MARK).mkdir(exist_ok=True)

    @property
    def uploads(self) -> Path:
        """Where films lie as received."""
        return self.folder / "uploads"

    @property
    def results(self) -> Path:
        """Where results lie, a folder a film."""
        return self.folder / "results"

    @property
    def owners(self) -> Path:
        """Where the locks of those lie who work on films."""
        return self.folder / "owners"


def _error(number: int, folder: Path) -> OSError:
    return OSError(number, os.strerror(number), str(folder))


def sync(path: Path) -> None:
    """Bring a file to the disk, or a folder's names: what is renamed into it stays there."""
    if os.name == "nt" and path.is_dir():  # a folder cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what was half written when a process was killed; nobody may be writing there."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            shutil.rmtree(part) if part.is_dir() else part.unlink()
