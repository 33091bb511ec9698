"""Tests of `infmap.catalog.schema`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from infmap.catalog.schema import (
    COLUMNS,
    MASKS,
    PIXELS,
    conform,
    lacking,
    make_columns,
    make_frame,
    read_frame,
    write_frame,
)
from infmap.core.errors import SnapshotError


@pytest.mark.parametrize("table", COLUMNS)
def test_what_a_row_lacks_is_null_and_types_are_the_tables(table: str) -> None:
    first = next(iter(COLUMNS[table]))
    frame = make_frame(table, [{first: "x"}])
    assert frame.columns == list(COLUMNS[table])
    assert [str(kind) for kind in frame.dtypes] == list(COLUMNS[table].values())
    assert frame.null_count().row(0) == (0, *[1] * (len(frame.columns) - 1))


def test_every_mask_has_a_column_that_counts_it() -> None:
    assert len(MASKS) == len(PIXELS)
    assert {*MASKS, *PIXELS} <= set(COLUMNS["films"])


def test_columns_are_put_in_order_and_missing_ones_added() -> None:
    frame = pl.DataFrame({"score": [1], "film_b": ["b"], "film_a": ["a"], "odd": [0]})
    found = conform("duplicates", frame)
    assert found.columns == list(COLUMNS["duplicates"])
    assert found.row(0) == ("a", "b", None, 1.0, None)


def test_some_columns_alone_keep_their_types() -> None:
    frame = make_columns("films", {"width": [1, None], "film_id": ["a", "b"]})
    assert frame.schema == {"width": pl.Int32, "film_id": pl.String}


def test_a_file_reads_back_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    frame = make_frame("scores", [{"film_id": "a", "value": 2.0}])
    write_frame(frame, tmp_path / "deep" / "scores.parquet")
    assert read_frame("scores", tmp_path / "deep" / "scores.parquet").equals(frame)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["scores.parquet"]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(SnapshotError, match="damaged or missing"):
        read_frame("scores", tmp_path / "bad.parquet")


def test_a_column_that_was_added_later_may_lack_and_no_other(tmp_path: Path) -> None:
    films = make_frame("films", [{"film_id": "a"}])
    old = films.drop(*PIXELS, "mask_note")
    assert lacking("films", old.columns) == []
    assert lacking("films", old.drop("fold").columns) == ["fold"]
    write_frame(old.drop("fold"), tmp_path / "films.parquet")
    with pytest.raises(SnapshotError, match="'fold'"):
        read_frame("films", tmp_path / "films.parquet")


def test_version_1_called_the_perceptual_hash_otherwise(tmp_path: Path) -> None:
    pl.DataFrame({"film_id": ["a"], "pixel_hash": ["ff"]}).write_parquet(tmp_path / "f.parquet")
    found = read_frame("films", tmp_path / "f.parquet", version=1).row(0, named=True)
    assert (found["perceptual_hash"], found["pixel_hash"]) == ("ff", None)
