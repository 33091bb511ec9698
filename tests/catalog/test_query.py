"""SQL over a tiny catalog: what it sees, what it must not reach, and what its errors say."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infmap.catalog import query as module
from infmap.catalog.query import matching, plain, query, table_files
from infmap.catalog.schema import COLUMNS, make_frame
from infmap.catalog.snapshot import write_snapshot
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError

PAGE = Path(__file__).parents[2] / "docs" / "query.md"


def row(name: str, covid19: bool | None, **more: object) -> dict:
    film_id = f"cohen/{name}"
    known = {"film_id": film_id, "source": "cohen", "path": f"images/{name}"}
    return (
        known | {"covid19": covid19, "duplicate_group": film_id, "split": "train", "fold": 0} | more
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [row("a.png", True, width=10), row("b.png", False), row("c.png", None, age=math.nan)]
    score = {"film_id": "cohen/a.png", "name": "extent", "reader": "mean", "value": 2.5}
    folder = tmp_path / "catalog's"
    tables = {"films": make_frame("films", rows), "scores": make_frame("scores", [score])}
    Catalog(folder).commit(tables, roots={"cohen": str(tmp_path)})
    return folder


def objects(folder: Path, sql: str) -> list[dict]:
    with query(folder, sql) as result:
        return list(result.objects())


def test_all_tables_and_all_columns_are_seen_also_those_never_written(folder: Path) -> None:
    for table in module.TABLES:
        with query(folder, f"SELECT * FROM {table}") as result:
            assert set(result.columns) == set(COLUMNS[table])
            count = len(list(result.rows))
        assert count == {"films": 3, "scores": 1}.get(table, 0)
    types = {one["column_name"]: one["column_type"] for one in objects(folder, "DESCRIBE boxes")}
    assert (types["film_id"], types["left"]) == ("VARCHAR", "DOUBLE")


def test_tables_join_and_unknown_stays_null(folder: Path) -> None:
    sql = "SELECT film_id, covid19, value FROM films LEFT JOIN scores USING (film_id) ORDER BY 1;"
    assert objects(folder, sql) == [
        {"film_id": "cohen/a.png", "covid19": True, "value": 2.5},
        {"film_id": "cohen/b.png", "covid19": False, "value": None},
        {"film_id": "cohen/c.png", "covid19": None, "value": None},
    ]


def test_columns_of_one_name_are_both_kept(folder: Path) -> None:
    with query(folder, "SELECT 1 AS a, 2 AS a, 3 AS a_1") as result:
        assert len(set(result.columns)) == 3
        assert list(next(result.objects()).values()) == [1, 2, 3]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO films SELECT * FROM films",
        "DELETE FROM films",
        "DROP VIEW films",
        "CREATE TABLE t AS SELECT 1",
        "COPY films TO '{out}'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}' AS other",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "INSTALL httpfs",
        "PRAGMA version",
        "EXPLAIN ANALYZE COPY films TO '{out}'",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
    ],
)
def test_anything_but_one_select_is_refused(folder: Path, tmp_path: Path, sql: str) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="expected one SELECT"):
        objects(folder, sql.format(out=out))
    assert not out.exists()
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "source",
    [
        "read_text('{secret}')",
        "read_csv('{secret}')",
        "read_parquet('{parquet}')",
        "'{secret}'",
        "glob('{folder}/*')",
        "reachable",
    ],
)
def test_no_file_and_no_python_variable_is_in_reach(
    folder: Path, tmp_path: Path, source: str
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    reachable = make_frame("scores", [])
    assert reachable.is_empty()
    names = {"secret": secret, "parquet": Catalog(folder).path("films"), "folder": tmp_path}
    quoted = {name: str(path).replace("'", "''") for name, path in names.items()}
    with pytest.raises(UsageError):
        objects(folder, f"SELECT * FROM {source.format(**quoted)}")


def test_wrong_sql_is_one_line_that_helps(folder: Path) -> None:
    for sql, hint in (
        ("SELECT nosuch FROM films", "nosuch"),
        ("SELECT * FROM nosuch", "nosuch"),
        ("SELEC 1", "syntax error"),
        ("SELECT error('at run time')", "at run time"),
        ("SELECT CAST(path AS INTEGER) FROM films", "Conversion"),
    ):
        with pytest.raises(UsageError, match=hint) as caught:
            objects(folder, sql)
        assert "\n" not in str(caught.value)
        assert "DESCRIBE films" in str(caught.value)


def test_values_are_fit_for_json() -> None:
    given = {
        "nan": math.nan,
        "inf": -math.inf,
        "bytes": b"\x00\xff",
        "day": date(2020, 3, 1),
        "time": datetime(2020, 3, 1, 4, 5),
        "wait": timedelta(minutes=1),
        "whole": Decimal("12"),
        "part": Decimal("0.5"),
        "nested": [{"a": math.nan}, (1, None)],
    }
    assert json.loads(json.dumps(plain(given), allow_nan=False)) == {
        "nan": None,
        "inf": None,
        "bytes": "00ff",
        "day": "2020-03-01",
        "time": "2020-03-01T04:05:00",
        "wait": 60.0,
        "whole": 12,
        "part": 0.5,
        "nested": [{"a": None}, [1, None]],
    }


def test_values_of_every_kind_come_out_of_sql(folder: Path) -> None:
    sql = (
        "SELECT age, 'x'::BLOB AS b, DATE '2020-03-01' AS d, {'k': [1, NULL]} AS s, "
        "MAP {1: 'one'} AS m, sum(1) OVER () AS n, uuid() AS u, 1.25::DECIMAL(4, 2) AS c "
        "FROM films WHERE film_id = 'cohen/c.png'"
    )
    (one,) = objects(folder, sql)
    json.dumps(one, allow_nan=False)
    assert (one["age"], one["b"], one["d"], one["s"]) == (
        None,
        "78",
        "2020-03-01",
        {"k": [1, None]},
    )
    assert (one["m"], one["n"], one["c"]) == ({"1": "one"}, 1, 1.25)


def test_a_large_result_is_a_stream(folder: Path) -> None:
    with query(folder, "SELECT a.range FROM range(1000000) a, range(1000000) b") as result:
        assert next(result.rows) == (0,)


def test_a_folder_whose_name_is_a_pattern_is_read_as_it_is(folder: Path) -> None:
    other = folder.rename(folder.with_name("cat[1]*"))
    assert objects(other, "SELECT count(*) AS n FROM films") == [{"n": 3}]


def test_a_condition_selects_films(folder: Path) -> None:
    assert matching(folder, "covid19") == {"cohen/a.png"}
    assert matching(folder, "film_id IN (SELECT film_id FROM scores) -- read by a reader") == {
        "cohen/a.png"
    }
    assert matching(folder, "covid19 IS NULL") == {"cohen/c.png"}


def test_a_snapshot_answers_too(folder: Path, tmp_path: Path) -> None:
    write_snapshot(Catalog(folder), tmp_path / "snapshot")
    assert objects(tmp_path / "snapshot", "SELECT count(*) AS n FROM films") == [{"n": 3}]
    assert objects(tmp_path / "snapshot", "SELECT value FROM scores") == [{"value": 2.5}]
    assert objects(tmp_path / "snapshot", "SELECT * FROM failures") == []


def test_a_folder_that_is_no_catalog_or_is_damaged_is_a_clear_error(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(SnapshotError, match="infmap catalog ingest"):
        objects(tmp_path / "nowhere", "SELECT 1")
    assert not (tmp_path / "nowhere").exists()
    path = table_files(folder)["films"]
    assert path is not None
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SnapshotError, match="damaged"):
        objects(folder, "SELECT * FROM films")
    path.unlink()
    with pytest.raises(SnapshotError, match="damaged or missing"):
        objects(folder, "SELECT * FROM films")


@pytest.mark.parametrize("sql", re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
def test_the_examples_of_the_page_run(folder: Path, sql: str) -> None:
    objects(folder, sql)
