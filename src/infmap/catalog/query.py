"""SQL over the tables of a catalog or a snapshot: one SELECT, read only, nothing else in reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from infmap.catalog.schema import COLUMNS, VERSION, make_frame, read_frame
from infmap.catalog.snapshot import read_about
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError, needs_extra

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLES = tuple(COLUMNS)
# Rows fetched at once; a result of any length then needs no more memory.
BATCH = 2048
_ONE_SELECT = "expected one SELECT; the tables are read only"
# The former name of the column duplicate_group: a query that has it in it still runs.
_FORMER = "cluster_id"


@dataclass(frozen=True)
class Result:
    """What a query gives.

    Attributes:
        columns: their names, each once.
        rows: read from the query as they are asked for, in its order; only inside ``query``.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]

    def objects(self) -> Iterator[dict[str, object]]:
        """Rows as column to value, fit for JSON."""
        for row in self.rows:
            yield dict(zip(self.columns, map(plain, row), strict=True))


@contextmanager
def query(folder: Path, sql: str) -> Iterator[Result]:
    """Run SQL over the tables films, duplicates, scores, boxes and failures.

    Args:
        folder: a catalog or a snapshot; a snapshot has films, scores and boxes.
        sql: one SELECT, in the dialect of DuckDB. It reaches no file and cannot change a table.

    Yields:
        The columns, and the rows as a stream.

    Raises:
        UsageError: the SQL is wrong, or is more or other than one SELECT.
        SnapshotError: the folder is no catalog, or a table is damaged.
        MissingExtra: duckdb is not installed.
    """
    duckdb = _duckdb()
    connection = _connect(duckdb, folder, former=_FORMER in sql)
    try:
        with _explained(duckdb, folder):
            statements = duckdb.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError(f"{_ONE_SELECT}. Got: {_one_line(sql) or 'nothing'}")
            cursor = connection.execute(statements[0])
        names = [column[0] for column in cursor.description]
        yield Result(_unique(names), _rows(duckdb, cursor, folder))
    finally:
        connection.close()


def matching(folder: Path, where: str) -> set[str]:
    """``film_id`` of the films that a condition selects.

    Args:
        folder: a catalog or a snapshot.
        where: what may follow WHERE in a SELECT from films, such as "covid19 AND view = 'PA'".

    Raises:
        UsageError: the condition is wrong.
        SnapshotError: the folder is no catalog, or a table is damaged.
    """
    # On lines of its own: a comment at the end of the condition must not swallow the bracket.
    with query(folder, f"SELECT film_id FROM films WHERE (\n{where}\n)") as result:
        return {str(row[0]) for row in result.rows}


def plain(value: object) -> object:
    """A value of a row as JSON knows it: dates as ISO text, bytes as hexadecimal, NaN as null."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return plain(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return str(value)


def table_files(folder: Path) -> dict[str, Path | None]:
    """Table to its Parquet file; None where it was never written.

    Raises:
        SnapshotError: the folder is neither a catalog nor a snapshot.
    """
    if (folder / "snapshot.json").is_file():
        files = {table: folder / f"{table}.parquet" for table in TABLES}
        return {table: path if path.is_file() else None for table, path in files.items()}
    if not (folder / "catalog.json").is_file():
        raise SnapshotError(
            f"{folder}: expected a catalog or a snapshot; make one with infmap catalog ingest"
        )
    catalog = Catalog(folder)
    return {table: catalog.path(table) for table in TABLES}


def _connect(duckdb: ModuleType, folder: Path, former: bool) -> DuckDBPyConnection:
    """A connection that sees the tables and can reach nothing else.

    Args:
        duckdb: the module.
        folder: a catalog or a snapshot.
        former: whether the films also have their duplicate_group as ``cluster_id``.

    The files are handed over as Arrow data sets: DuckDB scans them as it needs, and so may lose all
    access to files, which a view over ``read_parquet`` would need to keep.
    """
    from pyarrow import ArrowException
    from pyarrow.dataset import dataset

    files, version = table_files(folder), _version(folder)
    connection = duckdb.connect(":memory:")
    for table, path in files.items():
        try:
            source = dataset(path, format="parquet") if path else make_frame(table, []).to_arrow()
        except (OSError, ArrowException) as error:
            raise SnapshotError(f"{path}: damaged or missing; write it again") from error
        if path and (version < VERSION or set(COLUMNS[table]) - set(source.schema.names)):
            source = read_frame(table, path, version).to_arrow()
        if table == "films" and former:
            connection.register("films_", source)
            sql = f"CREATE VIEW films AS SELECT *, duplicate_group AS {_FORMER} FROM films_"
            connection.execute(sql)
        else:
            connection.register(table, source)
    for setting in (
        # Without these a query could read Python's variables, any file of the user, or download
        # code; the last one keeps the query from taking them back.
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _version(folder: Path) -> int:
    """Version of the tables; a catalog is rewritten when it is opened."""
    is_snapshot = (folder / "snapshot.json").is_file()
    return int(read_about(folder)["version"]) if is_snapshot else VERSION


def _rows(
    duckdb: ModuleType, cursor: DuckDBPyConnection, folder: Path
) -> Iterator[tuple[object, ...]]:
    while True:
        with _explained(duckdb, folder):
            batch = cursor.fetchmany(BATCH)
        if not batch:
            return
        yield from batch


@contextmanager
def _explained(duckdb: ModuleType, folder: Path) -> Iterator[None]:
    """Turn DuckDB's errors into one line that says what to do."""
    try:
        yield
    except duckdb.PermissionException as error:
        raise UsageError(
            f"SQL reaches the tables {', '.join(TABLES)} and no file. Got: {_one_line(str(error))}"
        ) from error
    except (duckdb.IOException, duckdb.FatalException) as error:
        raise SnapshotError(
            f"{folder}: a table could not be read ({_one_line(str(error))}); "
            "run the query again, and infmap catalog verify if it fails again"
        ) from error
    except duckdb.Error as error:
        raise UsageError(
            f"SQL: {_one_line(str(error))}; tables: {', '.join(TABLES)}; "
            'columns: "DESCRIBE films" lists them'
        ) from error


def _one_line(text: str) -> str:
    """An error without DuckDB's drawing of where it is, which needs several lines."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    # 500 characters: DuckDB repeats the query in its errors.
    return " ".join(kept)[:500]


def _unique(names: list[str]) -> tuple[str, ...]:
    """Names with a number behind those that stood before, so that an object keeps every column."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        number = 1
        while names[index] in seen:
            names[index] = f"{name}_{number}"
            number += 1
        seen.add(names[index])
    return tuple(names)


def _duckdb() -> ModuleType:
    with needs_extra("SQL over a catalog", "catalog"):
        import duckdb
        import pyarrow  # noqa: F401
    module: ModuleType = duckdb
    return module
