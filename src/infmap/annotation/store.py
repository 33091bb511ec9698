"""The station's folder and its database: opening, migrating, transactions.

A station is a folder: ``station.db`` (unless the rows are in PostgreSQL), ``key`` (32 random bytes
that only its owner reads) and ``films/``. Reading and writing transactions are distinct: SQLite
takes its write lock at the start of a writing one, since a lock taken half-way cannot be waited
for; PostgreSQL gives a reading one a snapshot.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from infmap.annotation import schema
from infmap.core.errors import UsageError

DATABASE, KEY, FILMS = "station.db", "key", "films"
# Milliseconds that a writer waits for another process's transaction. The longest one, planning
# 3,000 films, takes some seconds.
BUSY_MS = 15_000
# Connections: more than the 40 threads that an asynchronous server answers from.
POOL = 48
# Any number: the advisory lock of who migrates.
_MIGRATING = 0x1F3A
_MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """An open station.

    Attributes:
        folder: the station's folder.
        engine: of the database.
        key: 32 random bytes; keyed hashes of patients and tokens are made with it.
    """

    def __init__(self, folder: Path, engine: Engine, key: bytes) -> None:
        self.folder = folder
        self.engine = engine
        self.key = key
        self._writer = engine.execution_options(write=True)
        self._reader = engine
        self._one = threading.Lock() if engine.dialect.name == "sqlite" else None
        if engine.dialect.name == "postgresql":
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Store:
        """Open a station, made where there is none; the tables become those of this version.

        Args:
            folder: of the station.
            url: ``postgresql://USER:PASSWORD@HOST:PORT/NAME``; SQLite in the folder by default.

        Raises:
            UsageError: the database cannot be reached, or a newer version made it.
            OSError: the folder cannot be written.
        """
        store = cls.connect(folder, url)
        try:
            with store.begin() as c:
                migrate(c)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def connect(cls, folder: Path, url: str | None = None) -> Store:
        """As ``open``, with the tables as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        engine = _engine(_url(folder, url))
        try:
            with engine.connect():
                return cls(folder, engine, _key(folder))
        except OperationalError as error:
            engine.dispose()
            raise UsageError(
                f"station: cannot open the database ({type(error.orig).__name__}); "
                "check its address and that it runs"
            ) from error
        except BaseException:
            engine.dispose()
            raise

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction: committed and on the disk when the body ends, else undone."""
        # Within a process a lock is handed on at once; SQLite's own waiting sleeps up to 100 ms.
        with self._one or nullcontext(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction: everything in it is of one moment."""
        with self._reader.begin() as connection:
            yield connection

    def film_folder(self, film: str) -> Path:
        """Where the files of a film lie."""
        return self.folder / FILMS / film

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def now() -> int:
    """This moment, UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Random text of 22 letters, digits, "-" and "_": 128 bits, which nobody guesses."""
    return secrets.token_urlsafe(16)


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


def head() -> str:
    """The newest migration of this version of infmap."""
    revision = _script().get_current_head()
    if revision is None:
        raise RuntimeError("the package has no migrations")
    return revision


def migrate(c: Connection, target: str | None = None) -> None:
    """Bring the tables to a version, or make them; all or nothing.

    Args:
        c: a writing transaction.
        target: number of the version; the newest by default.

    Raises:
        UsageError: a newer version of infmap made them.
    """
    if c.dialect.name == "postgresql":  # SQLite's writer is alone anyway
        c.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
    target = target or head()
    current = MigrationContext.configure(c).get_current_revision()
    if current == target:
        return
    known = {script.revision for script in _script().walk_revisions()}
    for version in (current, target):
        if version is not None and version not in known:
            raise UsageError(
                f"station: its tables are of version {version}, which this infmap does not know; "
                "install the newer infmap that made it"
            )
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = c
    command.upgrade(config, target)


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _url(folder: Path, url: str | None) -> URL:
    if url is None:
        return URL.create("sqlite", database=str(folder / DATABASE))
    try:
        parsed = make_url(url)
    except ArgumentError as error:  # the text may hold a password: it is not repeated
        raise UsageError("database: expected postgresql://USER:PASSWORD@HOST:PORT/NAME") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise UsageError(
            f"database: expected postgresql://..., got {parsed.drivername}://...; "
            "leave it out for SQLite in the station's folder"
        )
    return parsed.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # A dropped connection, after the database restarted, is replaced rather than an error.
        return create_engine(url, pool_size=POOL, pool_pre_ping=True)
    engine = create_engine(url, pool_size=POOL, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: SQLiteConnection, _: ConnectionPoolEntry) -> None:
    # Python's driver begins transactions by itself, at the first change; here ``begin`` does.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _key(folder: Path) -> bytes:
    """The station's key, made at the first opening."""
    path = folder / KEY
    if not path.exists():
        write_key(folder, secrets.token_bytes(32))
    key = path.read_bytes()
    if len(key) != 32:
        raise UsageError(f"station: expected a key of 32 bytes in {path}, got {len(key)}")
    return key


def write_key(folder: Path, key: bytes) -> None:
    """Write the station's key where there is none; only its owner may read it."""
    part = folder / f".{KEY}.{new_id()}"
    # The mode is set as the file is made: it is not readable by others for a moment either.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, folder / KEY)  # unlike a rename it never replaces a key made meanwhile
    except FileExistsError:
        pass
    finally:
        part.unlink()
