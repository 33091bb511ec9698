"""A whole station in one file, and back, into either database.

The file is a tar archive: ``station.json`` (what made it), ``key``, ``rows/TABLE.jsonl`` (one row a
line, by primary key), ``films/ID/...`` and at the end ``checksums.json`` (SHA-256 of every member
before it, so that a file cut short shows). Equal stations give equal bytes. Sessions are left out:
nobody is signed in in a restored station.

It holds films, the key and the hashes of passwords: only its owner may read it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, String, Table, inspect, select
from sqlalchemy.exc import StatementError

from infmap.annotation import audit, schema
from infmap.annotation.audit import Chain
from infmap.annotation.store import FILMS, KEY, LAYOUT, Store, write_key
from infmap.core.errors import UsageError
from infmap.core.files import replacing, replacing_folder

FORMAT = 1
ABOUT, CHECKSUMS = "station.json", "checksums.json"
_ROWS = re.compile(r"rows/([a-z_]+)\.jsonl")
# Only names of this form are written to the disk, whatever the archive says.
_FILM = re.compile(r"films/[A-Za-z0-9_-]{1,32}/(full|preview\.jpg)")
_LEFT_OUT = {"sessions"}
_BATCH = 500  # rows inserted at a time

# What reading a file that is no sound backup raises, at whatever place it is damaged.
_DAMAGED = (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, StatementError)

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Saved:
    """What a backup holds, or what was restored.

    Attributes:
        rows: of all tables.
        films: files of films.
        audit: the log's chain: keep its digest elsewhere, and a changed log shows.
    """

    rows: int
    films: int
    audit: Chain


def backup(store: Store, file: Path) -> Saved:
    """Write a station into one file, while it is in use; everything is of one moment.

    Args:
        store: an open station.
        file: to write; replaced when it is whole.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(file, durable=True) as part:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w+b") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
            writer = _Writer(tar)
            with store.read() as c:
                revision = MigrationContext.configure(c).get_current_revision()
                writer.text(ABOUT, json.dumps({"format": FORMAT, "revision": revision}))
                writer.add(KEY, io.BytesIO(store.key))
                rows = sum(_write_rows(c, table, writer) for table in _tables())
                films = sum(writer.folder(store, film) for film in _film_ids(c))
                chain = audit.verify(c)
            writer.text(CHECKSUMS, json.dumps(writer.digests, sort_keys=True))
    return Saved(rows, films, chain)


def restore(file: Path, folder: Path, url: str | None = None) -> Saved:
    """Make a station of a backup.

    Args:
        file: of ``backup``, of this version or an older one.
        folder: of the new station: nothing, or an empty folder.
        url: of an empty PostgreSQL database; SQLite in the folder by default.

    Raises:
        UsageError: the folder or database is not empty, or the file is damaged or of a newer
            version; nothing is left of what was begun.
        OSError: the file cannot be read or the folder not be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"restore: expected an empty folder at {folder}; name a new one")
    try:
        with tarfile.open(file) as tar, replacing_folder(folder) as part:
            reader = _Reader(tar)
            about = json.loads(reader.first(ABOUT))
            if about["format"] != FORMAT:
                raise UsageError(
                    f"restore: expected a backup of format {FORMAT}, got {about['format']}; "
                    "install the infmap that made it"
                )
            write_key(part, reader.first(KEY))
            store = Store.connect(part, url)
            try:
                with store.begin() as c:
                    return _restore(c, reader, part, str(about["revision"]))
            finally:
                store.close()
    except _DAMAGED as error:
        raise UsageError(
            f"restore: expected a whole backup, got a damaged file ({type(error).__name__}); "
            "use another copy"
        ) from error


def _restore(c: Connection, reader: _Reader, folder: Path, revision: str) -> Saved:
    if inspect(c).get_table_names():
        raise UsageError("restore: expected an empty database; name a new one")
    # Rows go into the tables as they were when the backup was made; only then these change.
    LAYOUT.migrate(c, revision)
    tables = MetaData()
    tables.reflect(c)
    for table in reversed(tables.sorted_tables):
        if table.name in schema.metadata.tables:
            c.execute(table.delete())  # the row that the log begins with
    rows = films = 0
    for name, stream in reader.members():
        found = _ROWS.fullmatch(name)
        if found and found[1] in tables.tables and found[1] != "alembic_version":
            rows += _read_rows(c, tables.tables[found[1]], stream)
        elif _FILM.fullmatch(name):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                while block := stream.read(1 << 20):
                    out.write(block)
            films += 1
        else:
            raise ValueError(name)
    LAYOUT.migrate(c)
    return Saved(rows, films, audit.verify(c))


def _tables() -> list[Table]:
    """In an order in which every row comes after those that it names."""
    return [t for t in schema.metadata.sorted_tables if t.name not in _LEFT_OUT]


def _write_rows(c: Connection, table: Table, writer: _Writer) -> int:
    count = 0
    # Databases sort text by their language unless told otherwise.
    collation = "C" if c.dialect.name == "postgresql" else "BINARY"
    keys = [
        column.collate(collation) if isinstance(column.type, String) else column
        for column in table.primary_key
    ]
    query = select(table).order_by(*keys).execution_options(yield_per=1000)
    with TemporaryFile() as file:
        with c.execute(query) as result:
            for row in result.mappings():
                line = {name: _to_json(value) for name, value in row.items()}
                file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
                count += 1
        file.seek(0)
        writer.add(f"rows/{table.name}.jsonl", file)
    return count


def _read_rows(c: Connection, table: Table, stream: IO[bytes]) -> int:
    count = 0
    while lines := list(islice(stream, _BATCH)):
        rows = [{k: _of_json(v) for k, v in json.loads(line).items()} for line in lines]
        c.execute(table.insert(), rows)
        count += len(rows)
    return count


def _to_json(value: object) -> Value | dict[str, str]:
    if isinstance(value, (bytes, memoryview)):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a column of {type(value).__name__} has no form in a backup")


def _of_json(value: Value | Mapping[str, str]) -> Value | bytes:
    return base64.b64decode(value["base64"]) if isinstance(value, Mapping) else value


def _film_ids(c: Connection) -> list[str]:
    return sorted(c.execute(select(schema.films.c.id)).scalars())


class _Hashing(io.RawIOBase):
    """A stream that is read through, and its digest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.hash.update(data)
        return len(data)


class _Writer:
    """Members of an archive without times, owners and other things that differ by chance."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.digests: dict[str, str] = {}

    def add(self, name: str, stream: IO[bytes]) -> None:
        info = tarfile.TarInfo(name)
        info.size = stream.seek(0, os.SEEK_END)
        info.mode = 0o600
        stream.seek(0)
        hashing = _Hashing(stream)
        self._tar.addfile(info, io.BufferedReader(hashing))
        self.digests[name] = hashing.hash.hexdigest()

    def text(self, name: str, text: str) -> None:
        self.add(name, io.BytesIO(text.encode()))

    def folder(self, store: Store, film: str) -> int:
        names = [path.name for path in store.film_folder(film).glob("*")]
        count = 0
        for name in sorted(names):
            if _FILM.fullmatch(member := f"{FILMS}/{film}/{name}"):
                with (store.film_folder(film) / name).open("rb") as stream:
                    self.add(member, stream)
                count += 1
        return count


class _Reader:
    """Members of an archive in order, each held against its checksum when all are read."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._digests: dict[str, str] = {}

    def first(self, name: str) -> bytes:
        """The whole of the next member, which has this name."""
        info = self._tar.next()
        if info is None or info.name != name:
            raise ValueError(f"no {name}")
        data = self._open(info).read()
        self._digests[name] = hashlib.sha256(data).hexdigest()
        return data

    def members(self) -> Iterator[tuple[str, IO[bytes]]]:
        """The rest; each stream is read to its end before the next one comes."""
        while (info := self._tar.next()) is not None:
            stream = self._open(info)
            if info.name == CHECKSUMS:
                if json.loads(stream.read()) != self._digests:
                    raise ValueError("checksums")
                return
            hashing = _Hashing(stream)
            yield info.name, io.BufferedReader(hashing)
            self._digests[info.name] = hashing.hash.hexdigest()
        raise EOFError("the end is missing")

    def _open(self, info: tarfile.TarInfo) -> IO[bytes]:
        stream = self._tar.extractfile(info) if info.isfile() else None
        if stream is None:
            raise ValueError(info.name)
        return stream
