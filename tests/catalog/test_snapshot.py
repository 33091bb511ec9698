"""Snapshots are fixed, hashed and whole."""

import hashlib
import json
import os
import stat
import sys
from pathlib import Path

import polars as pl
import pytest

from infmap.catalog import snapshot as module
from infmap.catalog.snapshot import (
    content_sha256,
    read_scores,
    read_snapshot,
    read_tables,
    verify_snapshot,
    write_rows,
    write_snapshot,
)
from infmap.core.errors import SnapshotError

sys.path.insert(0, str(Path(__file__).parent))
from small_catalog import catalog, row  # noqa: E402

SCORE = {"film_id": "a/1", "name": "opacity", "reader": "mean", "value": 2.5}
BOX = {"film_id": "a/1", "label": "x", "reader": None, "left": 1, "top": 2, "width": 3, "height": 4}


@pytest.fixture
def films():
    return [row(f"a/{n}") for n in range(4)] + [row("b/0", view="LATERAL", split=None, fold=None)]


def test_a_snapshot_reads_back_with_its_readings_and_boxes(tmp_path, films):
    made = catalog(tmp_path / "c", films, [SCORE, SCORE | {"film_id": "b/0"}], [BOX])
    about = write_snapshot(made, tmp_path / "s")
    frame, roots = read_snapshot(tmp_path / "s")
    assert frame["film_id"].to_list() == ["a/0", "a/1", "a/2", "a/3"]
    assert roots == {"a": str(tmp_path / "a"), "@catalog": str(tmp_path / "c")}
    assert read_scores(tmp_path / "s") == [SCORE]  # that of the lateral film is left out
    assert read_tables(tmp_path / "s")["boxes"].to_dicts() == [BOX]
    assert (about["version"], about["films"], about["left_out"]) == (3, 4, 1)
    assert about == json.loads((tmp_path / "s" / "snapshot.json").read_text())
    verify_snapshot(tmp_path / "s")


@pytest.mark.parametrize(("column", "verb"), [("duplicate_group", "dedup"), ("fold", "split")])
def test_frontal_films_without_cluster_or_fold_are_refused(tmp_path, films, column, verb):
    films[2][column] = None
    with pytest.raises(SnapshotError, match=f"1 films without {column}.*catalog {verb} first"):
        write_snapshot(catalog(tmp_path / "c", films), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_lateral_films_alone_are_no_snapshot(tmp_path):
    lateral = [row("a/0", view="L", fold=None)]
    with pytest.raises(SnapshotError, match="lateral ones only"):
        write_snapshot(catalog(tmp_path / "c", lateral), tmp_path / "s")


def test_the_same_catalog_gives_the_same_hash_whenever_its_files_were_touched(tmp_path, films):
    made = catalog(tmp_path / "c", films)
    first = write_snapshot(made, tmp_path / "s1")
    films[0]["modified"] = 123
    made = catalog(tmp_path / "c", films[::-1])
    assert write_snapshot(made, tmp_path / "s2")["sha256"] == first["sha256"]


@pytest.mark.parametrize(
    "change", [{"covid19": None}, {"path": ""}, {"age": 51.0}, {"fold": 1}, {"patient_id": None}]
)
def test_any_other_content_gives_another_hash(films, change):
    frames = [module.make_frame("films", rows) for rows in (films, [films[0] | change, *films[1:]])]
    assert content_sha256({"films": frames[0]}) != content_sha256({"films": frames[1]})


def test_text_that_moves_to_the_next_row_gives_another_hash():
    frames = [pl.DataFrame({"x": texts}) for texts in (["ab", "c"], ["a", "bc"], [None, "abc"])]
    assert len({content_sha256({"t": frame}) for frame in frames}) == 3


def test_a_snapshot_never_changes(tmp_path, films):
    made = catalog(tmp_path / "c", films)
    first = write_snapshot(made, tmp_path / "s")
    before = {p.name: p.read_bytes() for p in (tmp_path / "s").iterdir()}
    assert write_snapshot(made, tmp_path / "s") == first
    films[0]["covid19"] = True
    with pytest.raises(SnapshotError, match="choose another folder"):
        write_snapshot(catalog(tmp_path / "c", films), tmp_path / "s")
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "s").iterdir()}


def test_the_same_films_elsewhere_are_another_snapshot(tmp_path, films):
    frame = module.make_frame("films", films)
    write_rows(tmp_path / "s", frame, roots={"@catalog": "/c", "a": "/one", "b": "/two"})
    with pytest.raises(SnapshotError, match="in other folders"):
        write_rows(tmp_path / "s", frame, roots={"@catalog": "/c", "a": "/new", "b": "/two"})


def test_a_folder_with_other_files_is_left_alone(tmp_path, films):
    made = catalog(tmp_path / "c", films)
    (tmp_path / "s").mkdir()
    write_snapshot(made, tmp_path / "s")  # an empty folder is fine
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "thesis.txt").write_text("mine")
    with pytest.raises(SnapshotError, match="holds other files"):
        write_snapshot(made, tmp_path / "t")
    assert [p.name for p in (tmp_path / "t").iterdir()] == ["thesis.txt"]


def test_a_write_that_is_stopped_leaves_nothing(tmp_path, films, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_card", stop)
    made = catalog(tmp_path / "c", films)
    with pytest.raises(KeyboardInterrupt):
        write_snapshot(made, tmp_path / "s")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]


def test_files_are_read_only(tmp_path, films):
    write_snapshot(catalog(tmp_path / "c", films), tmp_path / "s")
    for path in (tmp_path / "s").iterdir():
        assert not os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH), path


@pytest.mark.parametrize("name", ["films.parquet", "scores.parquet", "card.md"])
def test_a_changed_file_is_found(tmp_path, films, name):
    write_snapshot(catalog(tmp_path / "c", films), tmp_path / "s")
    path = tmp_path / "s" / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SnapshotError, match=f"{name}: missing, or not as it was written"):
        verify_snapshot(tmp_path / "s")
    if name == "scores.parquet":
        with pytest.raises(SnapshotError):
            read_scores(tmp_path / "s")


def test_version_1_is_read_and_what_it_lacked_is_null(tmp_path):
    old = ["film_id", "source", "path", "pixel_hash", "covid19", "fold"]
    frame = module.make_frame("films", [row("a/0")]).select(old)
    frame.write_parquet(tmp_path / "films.parquet")
    digest = hashlib.sha256((tmp_path / "films.parquet").read_bytes()).hexdigest()
    about = {"version": 1, "sha256": digest, "catalog": "/c", "roots": {"a": "/a"}}
    (tmp_path / "snapshot.json").write_text(json.dumps(about))
    films, roots = read_snapshot(tmp_path)
    assert films["film_id"].to_list() == ["a/0"] and films["sex"].to_list() == [None]
    assert roots == {"a": "/a", "@catalog": "/c"}
    assert read_scores(tmp_path) == []
    (tmp_path / "films.parquet").write_bytes(b"other")
    with pytest.raises(SnapshotError, match="not as it was written"):
        read_snapshot(tmp_path)


@pytest.mark.parametrize("about", [None, "{}", "[1]", '{"version": 4}', '{"version": 2}'])
def test_no_snapshot_is_one_line(tmp_path, about):
    if about:
        (tmp_path / "snapshot.json").write_text(about)
    with pytest.raises(SnapshotError) as refused:
        read_snapshot(tmp_path)
    assert "\n" not in str(refused.value)
