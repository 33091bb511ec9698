"""The verbs stats, query and export of infmap catalog, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from infmap.catalog.schema import make_frame
from infmap.catalog.store import Catalog
from infmap.cli import catalog_read
from infmap.core.errors import SnapshotError, UsageError
from infmap.export import EXPORTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    root.mkdir()
    rows = []
    for name, value in (("a", 200), ("b", 90)):
        Image.fromarray(np.full((8, 9), value, np.uint8)).save(root / f"{name}.png")
        row = {"film_id": f"cohen/{name}.png", "source": "cohen", "path": f"{name}.png"}
        rows.append(row | {"covid19": name == "a", "split": "train", "age": 1 / 3, "width": 9})
    catalog = Catalog(tmp_path / "catalog")
    catalog.commit({"films": make_frame("films", rows)}, roots={"cohen": str(root)})
    return catalog.folder


def run(*arguments: object) -> int:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    catalog_read.register(app)
    return int(app([str(one) for one in arguments], standalone_mode=False) or 0)


def test_query_prints_a_list_of_objects(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", folder, "SELECT film_id, covid19 FROM films ORDER BY 1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"film_id": "cohen/a.png", "covid19": True},
        {"film_id": "cohen/b.png", "covid19": False},
    ]
    run("query", folder, "SELECT * FROM boxes", "--json")
    assert json.loads(capsys.readouterr().out) == []


def test_query_prints_csv_and_plain_columns(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "SELECT film_id, covid19, fold, 'a,\tb' AS t FROM films ORDER BY 1 LIMIT 1"
    run("query", folder, sql, "--csv")
    assert capsys.readouterr().out == 'film_id,covid19,fold,t\ncohen/a.png,true,,"a,\tb"\n'
    run("query", folder, sql)
    assert capsys.readouterr().out == "film_id\tcovid19\tfold\tt\ncohen/a.png\ttrue\t\ta, b\n"
    run("query", folder, "SELECT 1.0::DOUBLE / 3 AS x", "--csv")
    assert float(capsys.readouterr().out.split()[1]) == 1 / 3


def test_query_shows_a_table_on_a_terminal_and_says_what_it_holds_back(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    run("query", folder, "SELECT range AS n, '[b]' AS t, NULL AS u FROM range(1003)")
    out = capsys.readouterr().out
    assert "[b]" in out and "999" in out and "1001" not in out
    assert "3 more rows; --csv prints all" in out


def test_wrong_use_is_an_error_of_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of them"):
        run("query", folder, "SELECT 1", "--csv", "--json")
    with pytest.raises(UsageError, match="SQL"):
        run("query", folder, "SELEC 1")
    for verb in (("stats",), ("query", "SELECT 1")):
        with pytest.raises(SnapshotError, match="ingest"):
            run(verb[0], tmp_path / "none", *verb[1:])
    assert not (tmp_path / "none").exists()


def test_stats_prints_tables_and_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 films, 0 more could not be read\n")
    assert (
        "source\tclass\tsplit\tfilms\ncohen\tcovid19\ttrain\t1\ncohen\tunknown\ttrain\t1\n" in out
    )
    run("stats", folder, "--json")
    assert json.loads(capsys.readouterr().out)["films"] == 2


def test_export_prints_what_is_in_and_what_is_not(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("export", folder, "--format", "qata", "-o", out) == 0
    assert capsys.readouterr().out.splitlines() == [
        "films: 1 (train 1)",
        "left out: 1, no known infection mask",
    ]
    options = ("--where", "covid19", "--link", "symbolic", "--split", "official", "--json")
    assert run("export", folder, "-f", "coco", "-o", tmp_path / "coco", *options) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert (manifest["films"], manifest["splits"]) == (1, {"unassigned": 1})


def test_export_ends_with_3_if_a_file_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "source" / "a.png").unlink()
    assert run("export", folder, "-f", "folders", "-o", tmp_path / "out") == 3


def test_the_verb_offers_every_format() -> None:
    assert [str(one) for one in catalog_read.Format] == list(EXPORTS)
