"""The server's folder and its database.

A server is a folder: ``server.db`` (unless the rows are in PostgreSQL), ``key``, ``uploads/`` (the
films as received, by checksum), ``results/`` (a folder a film) and ``owners/`` (a lock for whoever
works on films); see ``infmap.web.database``.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from infmap.web.database import Database, Layout

LAYOUT = Layout("server", "server.db", Path(__file__).parent / "migrations")


class Store(Database):
    """An open server; see ``Database``."""

    layout = LAYOUT

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
