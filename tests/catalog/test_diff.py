"""What changed from one snapshot or catalog to the next."""

import json
import sys
from pathlib import Path

import pytest

from infmap.catalog.diff import diff
from infmap.catalog.snapshot import write_snapshot
from infmap.core.errors import SnapshotError

sys.path.insert(0, str(Path(__file__).parent))
from small_catalog import catalog, row  # noqa: E402

SCORE = {"film_id": "a/0", "name": "opacity", "reader": "mean", "value": 2.0}
BOX = {"film_id": "b/0", "label": "x", "reader": "r", "left": 1, "top": 2, "width": 3, "height": 4}


def films() -> list[dict]:
    return [row(f"a/{n}", duplicate_group="a/0" if n < 3 else f"a/{n}") for n in range(6)] + [
        row("b/0")
    ]


@pytest.fixture
def pair(tmp_path):
    """Two catalogs, the second with one change of each kind."""
    catalog(tmp_path / "a", films(), [SCORE])
    new = films()
    new[0]["covid19"], new[0]["normal"] = True, None
    new[1]["infection_mask"] = "m.png"
    new[2]["duplicate_group"] = "a/2"
    new[3]["fold"], new[3]["split"] = 1, "val"
    new[4]["pixel_hash"] = "other"
    new[5] = row("c/9")
    new[6]["modified"], new[6]["licence"] = 7, None
    catalog(tmp_path / "b", new, [SCORE | {"value": 3.0}], [BOX])
    return tmp_path / "a", tmp_path / "b"


def check(found) -> None:
    one = {kind: found.films_of(kind) for kind in found.counts()}
    assert one == {
        "added": ["c/9"],
        "removed": ["a/5"],
        "relabelled": ["a/0"],
        "mask changed": ["a/1"],
        "truth changed": ["a/0"],
        "moved": ["a/3"],
        "picture changed": ["a/4"],
        "cluster changed": ["a/2"],
        "described otherwise": ["b/0"],
        "readings changed": ["a/0"],
        "boxes changed": ["b/0"],
    }
    assert found.counts()["added"] == {"c": 1} and found.counts()["removed"] == {"a": 1}
    columns = found.changes.filter(found.changes["kind"] == "relabelled")
    assert columns["column"].to_list() == ["covid19", "normal"]
    assert columns.select("before", "after").rows() == [("false", "true"), ("true", None)]


def test_catalogs_are_compared_film_by_film(pair):
    check(diff(*pair))


def test_snapshots_are_compared_film_by_film(pair, tmp_path):
    from infmap.catalog.store import Catalog

    out = [tmp_path / f"snapshot-{folder.name}" for folder in pair]
    for folder, snapshot in zip(pair, out, strict=True):
        write_snapshot(Catalog(folder), snapshot)
    check(diff(*out))
    assert not diff(out[0], out[0])


def test_a_catalog_is_compared_with_a_snapshot_by_its_frontal_films(pair, tmp_path):
    from infmap.catalog.store import Catalog

    snapshot = tmp_path / "snapshot"
    write_snapshot(Catalog(pair[0]), snapshot)
    assert not diff(pair[0], snapshot)
    with_lateral = catalog(tmp_path / "more", [*films(), row("a/7", view="L")], [SCORE])
    assert not diff(with_lateral.folder, snapshot)
    check(diff(snapshot, pair[1]))


def test_pixels_of_a_mask_are_the_mask_and_when_it_was_touched_is_not(tmp_path):
    one, two = films(), films()
    one[0] |= {"infection_mask": "m.png", "infection_pixels": 5, "drawn": "x"}
    two[0] |= {"infection_mask": "m.png", "infection_pixels": 6, "drawn": "y"}
    catalog(tmp_path / "a", one)
    catalog(tmp_path / "b", two)
    assert diff(tmp_path / "a", tmp_path / "b").counts() == {"mask changed": {"a": 1}}


def test_the_text_names_counts_and_films_and_the_dict_is_json(pair):
    found = diff(*pair)
    text = str(found)
    assert "relabelled: 1 films (a 1)" in text
    assert "  a/0: normal true -> unknown" in text
    assert "removed: 1 films (a 1)\n  a/5" in text
    assert json.loads(json.dumps(found.to_dict()))["counts"] == found.counts()
    assert str(diff(pair[0], pair[0])).endswith("no difference")


def test_a_cluster_that_is_only_renamed_has_not_changed(tmp_path):
    catalog(tmp_path / "a", films())
    renamed = films()
    for film in renamed[:3]:
        film["duplicate_group"] = "0/new"
    catalog(tmp_path / "b", [*renamed, row("0/new")])  # a new copy comes first in the cluster
    assert diff(tmp_path / "a", tmp_path / "b").counts() == {"added": {"0": 1}}


def test_a_folder_that_is_neither_is_one_line(tmp_path):
    with pytest.raises(SnapshotError, match="found neither"):
        diff(tmp_path, tmp_path)
