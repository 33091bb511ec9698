"""Catalogs, snapshots, packs and configurations with the names that version 2 used."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infmap.catalog.ingest import ingest
from infmap.catalog.pairs import read_decisions
from infmap.catalog.query import query
from infmap.catalog.renamed import current_film_id, current_source
from infmap.catalog.schema import COLUMNS, make_frame
from infmap.catalog.snapshot import read_scores, read_snapshot
from infmap.catalog.store import Catalog
from infmap.core.errors import UsageError
from infmap.training.config import HoldOut, Stage

NAMES = ("cohen/a", "kermany/b", "radiologist/c")
TODAY = ["cohen/a", "general-blockchain/c", "kermany/b"]


def version_2() -> dict[str, pl.DataFrame]:
    """Tables as version 2 wrote them: one duplicate group of two films, and a film alone."""
    films = make_frame("films", [
        {"film_id": name, "source": name.split("/")[0], "path": name[-1], "split": "train",
         "duplicate_group": "kermany/b" if name != "cohen/a" else name, "fold": n}
        for n, name in enumerate(NAMES)
    ])  # fmt: skip
    pair = {"film_a": NAMES[1], "film_b": NAMES[2], "kind": "copy", "score": 0.9}
    return {
        "films": films.rename({"duplicate_group": "cluster_id"}),
        "duplicates": make_frame("duplicates", [pair | {"verdict": "confirmed"}]),
        "scores": make_frame("scores", [{"film_id": NAMES[2], "name": "brixia_global",
                                         "reader": "a", "value": 7.0}]),
        "boxes": make_frame("boxes", []),
        "failures": make_frame("failures", [{"source": "radiologist", "path": "x", "reason": "y"}]),
    }  # fmt: skip


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    folder = tmp_path / "old"
    (folder / "tables").mkdir(parents=True)
    entries = {}
    for table, frame in version_2().items():
        frame.write_parquet(folder / "tables" / f"{table}-000001.parquet")
        entries[table] = {"file": f"{table}-000001.parquet", "rows": len(frame), "sha256": ""}
    pictures = np.repeat(np.arange(3, dtype=np.uint8), 64 * 64).reshape(3, 64, 64)
    np.save(folder / "tables" / "pictures-000001.npy", pictures)
    entries["pictures"] = {"file": "pictures-000001.npy", "rows": 3, "sha256": ""}
    about = {
        "version": 2, "generation": 1, "tables": entries, "settings": {"split": {"seed": 3}},
        "roots": {"cohen": "/c", "kermany": "/k", "radiologist": "/r"},
        "sources": {"radiologist": ["a note"]},
    }  # fmt: skip
    (folder / "catalog.json").write_text(json.dumps(about))
    return Catalog(folder)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder, files = tmp_path / "snapshot", {}
    folder.mkdir()
    tables = version_2()
    for table in ("films", "scores", "boxes"):
        path = folder / f"{table}.parquet"
        tables[table].write_parquet(path)
        files[path.name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    roots = {"cohen": "/c", "kermany": "/k", "radiologist": "/r"}
    about = {"version": 2, "sha256": "", "catalog": "/x", "roots": roots, "files": files}
    (folder / "snapshot.json").write_text(json.dumps(about))
    return folder


def test_a_former_name_becomes_todays_and_others_stay() -> None:
    assert current_source("radiologist") == "general-blockchain"
    assert current_source("cohen") == "cohen"
    assert current_film_id("radiologist/radiologist/a") == "general-blockchain/radiologist/a"
    assert current_film_id("cohen/radiologist/a.png") == "cohen/radiologist/a.png"


def test_an_older_catalog_is_rewritten_with_todays_names(catalog: Catalog) -> None:
    films = catalog.film_frame()
    assert films.columns == list(COLUMNS["films"])
    assert films["film_id"].to_list() == TODAY
    assert films["source"].to_list() == ["cohen", "general-blockchain", "kermany"]
    assert films["duplicate_group"].to_list() == ["cohen/a", "kermany/b", "kermany/b"]
    assert films["fold"].to_list() == [0, 2, 1]
    assert catalog.pictures()[:, 0, 0].tolist() == [0, 2, 1], "pictures go with their films"
    (pair,) = catalog.rows("duplicates")
    assert (pair["film_a"], pair["film_b"]) == ("general-blockchain/c", "kermany/b")
    assert catalog.rows("scores")[0]["film_id"] == "general-blockchain/c"
    assert catalog.rows("failures")[0]["source"] == "general-blockchain"
    assert catalog.roots == {"cohen": "/c", "general-blockchain": "/r", "kermany": "/k"}
    assert catalog.sources == {"general-blockchain": ["a note"]}
    assert catalog.settings == {"split": {"seed": 3}}
    assert Catalog(catalog.folder).manifest["generation"] == 2, "rewritten once"


def test_an_older_snapshot_is_read_with_todays_names(snapshot: Path) -> None:
    films, roots = read_snapshot(snapshot)
    assert films["film_id"].to_list() == [NAMES[0], NAMES[1], "general-blockchain/c"]
    assert films["duplicate_group"].to_list() == ["cohen/a", "kermany/b", "kermany/b"]
    assert roots["general-blockchain"] == "/r" and "radiologist" not in roots
    assert read_scores(snapshot)[0]["film_id"] == "general-blockchain/c"


@pytest.mark.parametrize("column", ["duplicate_group", "cluster_id"])
def test_sql_knows_the_former_column_too(snapshot: Path, catalog: Catalog, column: str) -> None:
    sql = f"SELECT film_id FROM films JOIN scores USING (film_id) WHERE {column} = 'kermany/b'"
    for folder in (snapshot, catalog.folder):
        with query(folder, sql) as result:
            assert [row[0] for row in result.rows] == ["general-blockchain/c"]


def test_sql_shows_the_former_column_only_where_it_is_asked_for(snapshot: Path) -> None:
    with query(snapshot, "SELECT * FROM films") as result:
        assert result.columns == tuple(COLUMNS["films"])


def test_decisions_under_former_names_count(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("film_a,film_b,verdict\nkermany/b,radiologist/c,rejected\n")
    assert read_decisions(catalog, path) == 1
    assert len(set(catalog.film_frame()["duplicate_group"])) == 3


def test_a_source_under_two_names_is_refused(tmp_path: Path) -> None:
    roots = {"radiologist": tmp_path, "general-blockchain": tmp_path}
    with pytest.raises(UsageError, match="each source once"):
        ingest(Catalog(tmp_path / "c"), roots)


def test_a_configuration_takes_the_former_name() -> None:
    stage = Stage.model_validate({"epochs": 1, "sources": {"cohen": 1, "radiologist": 6}})
    assert stage.sources == {"cohen": 1, "general-blockchain": 6}
    kept = HoldOut.model_validate({"near_duplicates_of": ["radiologist"]})
    assert kept.near_duplicates_of == ("general-blockchain",)
