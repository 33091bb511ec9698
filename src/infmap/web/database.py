"""A server's folder and its database: opening, migrating, transactions.

A folder holds the database (unless the rows are in PostgreSQL), ``key`` (32 random bytes that only
its owner reads) and whatever files the server keeps. Reading and writing transactions are distinct:
SQLite takes its write lock at the start of a writing one, since a lock taken half-way cannot be
waited for; PostgreSQL gives a reading one a snapshot.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from sqlite3 import DatabaseError, connect
from typing import ClassVar, Self, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from infmap.core.errors import UsageError

KEY = "key"
# Milliseconds that a writer waits for another process's transaction. The longest one, planning
# 3,000 films, takes some seconds.
BUSY_MS = 15_000
# Connections: more than the 40 threads that an asynchronous server answers from.
POOL = 48
# Values of one query: SQLite takes 32,766, PostgreSQL's driver 65,535.
_AT_ONCE = 10_000
_Value = TypeVar("_Value", str, int)
_WAL = "PRAGMA journal_mode = WAL"
# Any number: the advisory lock of who migrates.
_MIGRATING = 0x1F3A


@dataclass(frozen=True)
class Layout:
    """What the databases of one kind of server have in common.

    Attributes:
        what: the word for such a folder in messages, such as "station".
        file: name of the SQLite database in it.
        migrations: the folder of alembic's scripts.
    """

    what: str
    file: str
    migrations: Path

    def head(self) -> str:
        """The newest migration of this version of infmap."""
        revision = self._script().get_current_head()
        if revision is None:
            raise RuntimeError("the package has no migrations")
        return revision

    def migrate(self, c: Connection, target: str | None = None) -> None:
        """Bring the tables to a version, or make them; all or nothing.

        Args:
            c: a writing transaction.
            target: number of the version; the newest by default.

        Raises:
            UsageError: a newer version of infmap made them.
        """
        if c.dialect.name == "postgresql":  # SQLite's writer is alone anyway
            c.execute(text("SET LOCAL lock_timeout = 0"))  # however long the other one migrates
            c.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
        target = target or self.head()
        current = MigrationContext.configure(c).get_current_revision()
        if current == target:
            return
        known = {script.revision for script in self._script().walk_revisions()}
        for version in (current, target):
            if version is not None and version not in known:
                raise UsageError(
                    f"{self.what}: its tables are of version {version}, which this infmap does "
                    "not know; install the newer infmap that made it"
                )
        config = Config()
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        config.attributes["connection"] = c
        command.upgrade(config, target)

    def url(self, folder: Path, url: str | None) -> URL:
        """The database's address: the one given, or the SQLite file in the folder.

        Raises:
            UsageError: no address of a PostgreSQL database.
        """
        if url is None:
            return URL.create("sqlite", database=str(folder / self.file))
        try:
            parsed = make_url(url)
        except ArgumentError as error:  # the text may hold a password: it is not repeated
            raise UsageError(
                "database: expected postgresql://USER:PASSWORD@HOST:PORT/NAME"
            ) from error
        if parsed.get_backend_name() not in ("postgresql", "postgres"):
            raise UsageError(
                f"database: expected postgresql://..., got {parsed.drivername}://...; "
                f"leave it out for SQLite in the {self.what}'s folder"
            )
        return parsed.set(drivername="postgresql+psycopg")

    def _script(self) -> ScriptDirectory:
        return ScriptDirectory(str(self.migrations))


class Database:
    """An open folder with its database; each kind of server derives its own from it.

    Attributes:
        layout: what the kind has in common.
        folder: the server's folder.
        engine: of the database.
        key: 32 random bytes; keyed hashes of patients and tokens are made with it.
    """

    layout: ClassVar[Layout]

    def __init__(self, folder: Path, engine: Engine, key: bytes) -> None:
        self.folder = folder
        self.engine = engine
        self.key = key
        self._writer = engine.execution_options(write=True)
        self._reader = engine
        self._one = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._file = self._identity()
        if engine.dialect.name == "postgresql":
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Self:
        """Open a folder, made where there is none; the tables become those of this version.

        Args:
            folder: of the server.
            url: ``postgresql://USER:PASSWORD@HOST:PORT/NAME``; SQLite in the folder by default.

        Raises:
            UsageError: the database cannot be reached, or a newer version made it.
            OSError: the folder cannot be written.
        """
        store = cls.connect(folder, url)
        try:
            with said(cls.layout.what), store.begin() as c:
                cls.layout.migrate(c)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def connect(cls, folder: Path, url: str | None = None) -> Self:
        """As ``open``, with the tables as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        if url is None:
            _make_sqlite(folder, cls.layout.file)
        engine = _engine(cls.layout.url(folder, url))
        try:
            with engine.connect():
                return cls(folder, engine, _key(folder, cls.layout.what))
        except OperationalError as error:
            engine.dispose()
            raise UsageError(
                f"{cls.layout.what}: cannot open the database ({type(error.orig).__name__}); "
                "check its address and that it runs"
            ) from error
        except BaseException:
            engine.dispose()
            raise

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction: committed and on the disk when the body ends, else undone."""
        # Within a process a lock is handed on at once; SQLite's own waiting sleeps up to 100 ms.
        with self._alone(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction: everything in it is of one moment."""
        with self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be this process's only writer, on the file that was opened."""
        if self._one is None:
            yield
            return
        # As long as SQLite waits: behind one who waits for another process all would wait in turn.
        if not self._one.acquire(timeout=BUSY_MS / 1000):
            raise _away("locked")
        try:
            # An open file goes on for ever after it was deleted, and what is in it goes with it.
            if self._identity() != self._file:
                raise _away("gone")
            yield
        finally:
            self._one.release()

    def _identity(self) -> tuple[int, int] | None:
        """Device and number of SQLite's file; None where there is none."""
        if self.engine.dialect.name != "sqlite":
            return None
        try:
            found = (self.folder / self.layout.file).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


@contextmanager
def said(what: str) -> Iterator[None]:
    """While the body runs, a database that is full, locked or away is an error of one line.

    Args:
        what: the word for the folder, such as "station".

    Raises:
        UsageError: so it is.
    """
    try:
        yield
    except OperationalError as error:
        why = "its disk is full" if is_full(error) else "it is locked, read-only or away"
        raise UsageError(
            f"{what}: the database cannot be written now, {why}; make room or wait, and try again"
        ) from error


def is_full(error: OperationalError) -> bool:
    """Whether a database failed for want of room on its disk."""
    # SQLite's name of the failure, PostgreSQL's SQLSTATE (disk_full).
    names = (getattr(error.orig, "sqlite_errorname", None), getattr(error.orig, "sqlstate", None))
    return "SQLITE_FULL" in names or "53100" in names


def _away(why: str) -> OperationalError:
    return OperationalError("BEGIN", None, OSError(why))


def now() -> int:
    """This moment, UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Random text of 22 letters, digits, "-" and "_": 128 bits, which nobody guesses."""
    return secrets.token_urlsafe(16)


def inserting(c: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may say what becomes of rows that are there (``on_conflict_...``)."""
    return sqlite.insert(table) if c.dialect.name == "sqlite" else postgresql.insert(table)


def portions(values: Iterable[_Value]) -> Iterator[list[_Value]]:
    """Values in lists that one query takes, each value once."""
    wanted = list(set(values))
    for start in range(0, len(wanted), _AT_ONCE):
        yield wanted[start : start + _AT_ONCE]


def write_key(folder: Path, key: bytes) -> None:
    """Write a folder's key where there is none; only its owner may read it."""
    with _made_whole(folder, KEY) as part:
        # The mode is set as the file is made: it is not readable by others for a moment either.
        made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())


def _key(folder: Path, what: str) -> bytes:
    """The folder's key, made at the first opening."""
    path = folder / KEY
    if not path.exists():
        write_key(folder, secrets.token_bytes(32))
    key = path.read_bytes()
    if len(key) != 32:
        raise UsageError(f"{what}: expected a key of 32 bytes in {path}, got {len(key)}")
    return key


@contextmanager
def _made_whole(folder: Path, name: str) -> Iterator[Path]:
    """A file that appears when the body has written it, unless another came first."""
    part = folder / f".{name}.{new_id()}"
    try:
        yield part
        os.link(part, folder / name)  # unlike a rename it never replaces what was made meanwhile
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)


def _make_sqlite(folder: Path, name: str) -> None:
    """Make an empty database where there is none.

    It has its journal mode when it appears: SQLite does not wait for others who change it too.
    """
    if (folder / name).exists():
        return
    with _made_whole(folder, name) as part:
        part.touch(exist_ok=False)  # no permission is an OSError that names the file
        try:
            with closing(connect(part)) as connection:
                connection.execute(_WAL)
        except DatabaseError as error:
            raise OSError(f"{folder / name}: cannot make the database ({error})") from error


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # A dropped connection, after the database restarted, is replaced rather than an error.
        # Who waits for a table that somebody holds waits as long as in SQLite, not for ever.
        stated = {} if "options" in url.query else {"options": f"-c lock_timeout={BUSY_MS}"}
        return create_engine(url, pool_size=POOL, pool_pre_ping=True, connect_args=stated)
    # The connection used last goes out first: each keeps pages of its own, and were all of them
    # used in turn, a busy server would hold the same pages as often as it has connections.
    engine = create_engine(
        url, pool_size=POOL, pool_use_lifo=True, connect_args={"timeout": BUSY_MS / 1000}
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: SQLiteConnection, _: ConnectionPoolEntry) -> None:
    # Python's driver begins transactions by itself, at the first change; here ``begin`` does.
    connection.isolation_level = None
    for pragma in (_WAL, "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"):
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
