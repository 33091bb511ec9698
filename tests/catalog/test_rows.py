"""Typed rows name the columns of the tables, with the types that polars gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest

from infmap.catalog import rows
from infmap.catalog.schema import COLUMNS, make_frame

RECORDS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "films": (rows.Film, rows.film_rows),
    "duplicates": (rows.DuplicatePair, rows.pair_rows),
    "scores": (rows.Score, rows.score_rows),
    "boxes": (rows.Box, rows.box_rows),
    "failures": (rows.Failure, rows.failure_rows),
}
KINDS = {
    "String": str,
    "Int32": int,
    "Int64": int,
    "Float32": float,
    "Float64": float,
    "Boolean": bool,
}


def test_every_table_has_a_record() -> None:
    assert RECORDS.keys() == COLUMNS.keys()


@pytest.mark.parametrize("table", RECORDS)
def test_the_fields_are_the_columns_of_the_table(table: str) -> None:
    hints = get_type_hints(RECORDS[table][0])
    kinds = {name: (get_args(hint) or (hint,))[0] for name, hint in hints.items()}
    assert kinds == {name: KINDS[kind] for name, kind in COLUMNS[table].items()}


@pytest.mark.parametrize("table", RECORDS)
def test_rows_of_a_frame_hold_the_types_of_the_record(table: str) -> None:
    written = {name: KINDS[kind](1) for name, kind in COLUMNS[table].items()}
    (row,) = RECORDS[table][1](make_frame(table, [written]))
    assert row == written
    assert {name: type(value) for name, value in row.items()} == {
        name: KINDS[kind] for name, kind in COLUMNS[table].items()
    }
