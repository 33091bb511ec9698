"""The catalog's folder: Parquet tables, derived masks, and where each source lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infmap.core.errors import MissingExtra, SnapshotError

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
Row = dict[str, Any]

COLUMNS: dict[str, dict[str, str]] = {
    "films": {
        "film_id": "String",
        "source": "String",
        "path": "String",
        "patient_id": "String",
        "offset_days": "Int32",
        "view": "String",
        "width": "Int32",
        "height": "Int32",
        "bytes_hash": "String",
        "pixel_hash": "String",
        "covid19": "Boolean",
        "pneumonia": "Boolean",
        "normal": "Boolean",
        "infection_mask": "String",
        "opacity_mask": "String",
        "lung_mask": "String",
        "licence": "String",
        "official_split": "String",
        "cluster_id": "String",
        "split": "String",
        "fold": "Int32",
    },
    "duplicates": {"film_a": "String", "film_b": "String", "kind": "String", "score": "Float64"},
    "scores": {"film_id": "String", "name": "String", "reader": "String", "value": "Float64"},
    "failures": {"source": "String", "path": "String", "reason": "String"},
    "thumbnails": {"film_id": "String", "thumbnail": "Binary"},
}
"""Table to its columns and their polars types."""


class Catalog:
    """A folder of tables.

    Args:
        folder: made when the first table is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, table: str) -> list[Row]:
        """All rows of a table; none if it was never written."""
        return self.frame(table).to_dicts()

    def frame(self, table: str) -> pl.DataFrame:
        """A table as a polars frame.

        Raises:
            SnapshotError: the file is damaged or lacks a column.
        """
        path = self.folder / f"{table}.parquet"
        if not path.exists():
            return make_frame(table, [])
        return read_frame(table, path)

    def write(self, table: str, rows: list[Row]) -> None:
        """Replace a table, all or nothing."""
        write_frame(make_frame(table, rows), self.folder / f"{table}.parquet")

    def films(self) -> list[Row]:
        """Rows of the films.

        Raises:
            SnapshotError: nothing was ingested yet.
        """
        rows = self.rows("films")
        if not rows:
            raise SnapshotError(
                f"{self.folder}: expected a catalog with films; run infmap catalog ingest first"
            )
        return rows

    @property
    def roots(self) -> dict[str, str]:
        """Source to its absolute folder."""
        path = self.folder / "catalog.json"
        if not path.exists():
            return {}
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            version, roots = data["version"], dict(data["roots"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SnapshotError(f"{path}: damaged; ingest into a new folder") from error
        if version != VERSION:
            raise SnapshotError(f"{path}: expected version {VERSION}, got {version}")
        return roots

    def write_roots(self, roots: Mapping[str, str]) -> None:
        """Record where the sources lie."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": VERSION, "roots": dict(sorted(roots.items()))}, indent=2)
        (self.folder / "catalog.json").write_text(text + "\n", encoding="utf-8")


def polars() -> Any:
    """The module polars.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtra("the catalog", "train") from error
    return pl


def make_frame(table: str, rows: list[Row]) -> pl.DataFrame:
    """Rows as a polars frame with the table's types."""
    module = polars()
    schema = {name: getattr(module, kind) for name, kind in COLUMNS[table].items()}
    frame: pl.DataFrame = module.DataFrame(rows, schema=schema)
    return frame


def read_frame(table: str, path: Path) -> pl.DataFrame:
    """Read a Parquet file and check its columns.

    Raises:
        SnapshotError: the file is damaged or lacks a column.
    """
    module = polars()
    try:
        frame: pl.DataFrame = module.read_parquet(path)
    except (OSError, module.exceptions.PolarsError) as error:
        raise SnapshotError(f"{path}: damaged or missing; write it again") from error
    missing = [name for name in COLUMNS[table] if name not in frame.columns]
    if missing:
        raise SnapshotError(f"{path}: expected the column {missing[0]!r}; write it again")
    return frame


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a Parquet file beside its place, then move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    frame.write_parquet(part)
    part.replace(path)
