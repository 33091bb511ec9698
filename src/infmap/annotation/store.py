"""The station's folder and its database.

A station is a folder: ``station.db`` (unless the rows are in PostgreSQL), ``key`` and ``films/``;
see ``infmap.web.database``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection, select, text

from infmap.annotation import schema
from infmap.web.database import KEY, Database, Layout, new_id, now, write_key

__all__ = ["FILMS", "KEY", "LAYOUT", "Store", "get_mask", "new_id", "now", "put_mask", "write_key"]

FILMS = "films"
LAYOUT = Layout("station", "station.db", Path(__file__).parent / "migrations")


class Store(Database):
    """An open station; see ``Database``."""

    layout = LAYOUT

    def film_folder(self, film: str) -> Path:
        """Where the files of a film lie."""
        return self.folder / FILMS / film


def put_mask(c: Connection, data: bytes) -> str:
    """Keep a mask's IMK1 bytes, once however often they come; returns their SHA-256."""
    digest = hashlib.sha256(data).hexdigest()
    # Two writers may bring the same mask at one moment: the database settles it, not a look before.
    c.execute(
        text("INSERT INTO masks (sha256, data) VALUES (:s, :d) ON CONFLICT DO NOTHING"),
        {"s": digest, "d": data},
    )
    return digest


def get_mask(c: Connection, digest: str) -> bytes:
    """The IMK1 bytes of a kept mask.

    Raises:
        LookupError: there is none of this digest.
    """
    data = c.execute(select(schema.masks.c.data).where(schema.masks.c.sha256 == digest)).scalar()
    if data is None:
        raise LookupError(f"no mask {digest}")
    return bytes(data)
