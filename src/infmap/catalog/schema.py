"""The tables of a catalog: their columns, and how older catalogs become today's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infmap.catalog.renamed import RENAMED
from infmap.catalog.truth import NEEDED, TRUTHS, film_truth
from infmap.core.errors import SnapshotError, needs_extra
from infmap.core.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    import polars as pl

# Raised when a column changes its meaning; one that is only added is null in older files.
VERSION = 3

COLUMNS: dict[str, dict[str, str]] = {
    "films": {
        "film_id": "String",
        "source": "String",
        "path": "String",
        "patient_id": "String",
        "offset_days": "Int32",
        "study_date": "String",
        "view": "String",
        "view_guess": "String",
        "sex": "String",
        "age": "Float32",
        "width": "Int32",
        "height": "Int32",
        "bits": "Int32",
        "photometric": "String",
        "bytes_hash": "String",
        "pixel_hash": "String",
        "perceptual_hash": "String",
        "size": "Int64",
        "modified": "Int64",
        "brightness": "Float32",
        "contrast": "Float32",
        "sharpness": "Float32",
        "clipped": "Float32",
        "covid19": "Boolean",
        "pneumonia": "Boolean",
        "normal": "Boolean",
        "infection_mask": "String",
        "opacity_mask": "String",
        "lung_mask": "String",
        "infection_pixels": "Int64",
        "opacity_pixels": "Int64",
        "lung_pixels": "Int64",
        "infection_truth": "String",
        "opacity_truth": "String",
        "lung_truth": "String",
        "mask_note": "String",
        "drawn": "String",
        "licence": "String",
        "official_split": "String",
        "duplicate_group": "String",
        "split": "String",
        "fold": "Int32",
    },
    "duplicates": {
        "film_a": "String",
        "film_b": "String",
        "kind": "String",
        "score": "Float64",
        "verdict": "String",
    },
    "scores": {"film_id": "String", "name": "String", "reader": "String", "value": "Float64"},
    "boxes": {
        "film_id": "String",
        "label": "String",
        "reader": "String",
        "left": "Float64",
        "top": "Float64",
        "width": "Float64",
        "height": "Float64",
    },
    "failures": {
        "source": "String",
        "path": "String",
        "reason": "String",
        "film_id": "String",
    },
}
"""Table to its columns and their polars types."""
MASKS = ("infection_mask", "opacity_mask", "lung_mask")
"""Columns of the films that name a mask."""
PIXELS = ("infection_pixels", "opacity_pixels", "lung_pixels")
"""Columns of the films that count a mask's foreground, film pixels, in the order of ``MASKS``."""

_ADDED = {"films": (*PIXELS, *TRUTHS, "mask_note"), "failures": ("film_id",)}
"""Columns that tables of version 2 and 3 may lack: they are null, or follow from others."""
_RENAMED = {1: {"pixel_hash": "perceptual_hash"}, 2: {"cluster_id": "duplicate_group"}}
"""Version to columns of the films that the next one renamed: former name to today's. Version 1
called the perceptual hash ``pixel_hash``, and had no checksum of pixels."""
_SOURCES = ("film_id", "source", "film_a", "film_b", "duplicate_group")
"""Columns that name a source, alone or in front of a film's name."""


def polars() -> ModuleType:
    """The module polars.

    Raises:
        MissingExtra: it is not installed.
    """
    with needs_extra("the catalog", "catalog"):
        import polars as pl
    return pl


def make_frame(table: str, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows as a polars frame with the table's types; what a row lacks is null."""
    frame: pl.DataFrame = polars().DataFrame(rows, schema=_types(table))
    return frame


def make_columns(table: str, columns: Mapping[str, Sequence[object]]) -> pl.DataFrame:
    """Some columns of a table as a polars frame, quicker than from rows."""
    types = _types(table)
    frame: pl.DataFrame = polars().DataFrame(
        columns, schema={name: types[name] for name in columns}
    )
    return frame


def conform(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table's columns in order and type; those that the frame lacks are null.

    Of films, what is known of infection, opacities and lungs is filled in where it is null.
    """
    module = polars()
    whole = frame.select(
        (module.col(name) if name in frame.columns else module.lit(None)).cast(kind).alias(name)
        for name, kind in _types(table).items()
    )
    if table != "films" or not sum(whole[name].null_count() for name in TRUTHS):
        return whole
    states = [film_truth(row) for row in whole.select(NEEDED).iter_rows(named=True)]
    columns = zip(TRUTHS, zip(*states, strict=True), strict=True)
    return whole.with_columns(module.Series(name, found) for name, found in columns)


def read_frame(table: str, path: Path, version: int = VERSION) -> pl.DataFrame:
    """Read a Parquet file and check its columns.

    Args:
        table: name of the table.
        path: the file.
        version: of the schema that it was written with.

    Raises:
        SnapshotError: the file is damaged or lacks a column.
    """
    module = polars()
    try:
        # Not mapped: the file may be replaced by the next commit. No glob: a folder's name may hold
        # "[".
        frame: pl.DataFrame = module.read_parquet(path, memory_map=False, glob=False)
    except (OSError, module.exceptions.PolarsError) as error:
        raise SnapshotError(f"{path}: damaged or missing; write it again") from error
    for written in range(version, VERSION):
        old = {a: b for a, b in _RENAMED[written].items() if b not in frame.columns}
        frame = frame.rename(old, strict=False)
    if version > 1 and (missing := lacking(table, frame.columns)):
        raise SnapshotError(f"{path}: expected the column {missing[0]!r}; write it again")
    if version < VERSION:
        named = [name for name in _SOURCES if name in frame.columns]
        for former, today in RENAMED.items():
            texts = module.col(named).cast(module.String)
            frame = frame.with_columns(texts.str.replace(f"^{former}(/|$)", f"{today}$1"))
    return conform(table, frame)


def lacking(table: str, names: Sequence[str]) -> list[str]:
    """Columns of a table that every file since version 2 has, and these names have not."""
    old = set(COLUMNS[table]) - set(_ADDED.get(table, ()))
    return [name for name in COLUMNS[table] if name in old and name not in names]


def write_frame(
    frame: pl.DataFrame, path: Path, compression: Literal["zstd", "uncompressed"] = "zstd"
) -> None:
    """Write a Parquet file beside its place, then move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        frame.write_parquet(part, compression=compression)


def _types(table: str) -> dict[str, type[pl.DataType]]:
    module = polars()
    return {name: getattr(module, kind) for name, kind in COLUMNS[table].items()}
