"""Tests of `infmap.export.films`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infmap.catalog.snapshot import read_snapshot, write_snapshot
from infmap.catalog.store import Catalog
from infmap.export import export
from infmap.export.films import names

sys.path.insert(0, str(Path(__file__).parent))
from exporting import SHAPE, listed, pixels, reasons, run  # noqa: E402


def test_the_publishers_split_can_hold_instead(catalog: Catalog, tmp_path: Path) -> None:
    manifest = run(catalog, "folders", tmp_path / "out", split="official_split")
    assert manifest["splits"] == {"test": 6}


def test_a_split_of_another_name_keeps_it_or_is_left_out(catalog: Catalog, tmp_path: Path) -> None:
    films = catalog.films()
    films[0]["split"], films[1]["split"] = "../hold out", "val"
    catalog.write("films", films)
    manifest = run(catalog, "folders", tmp_path / "out")
    assert (tmp_path / "out" / "hold_out").is_dir() and manifest["splits"]["hold_out"] == 1
    (reason,) = (r for r in reasons(run(catalog, "monai", tmp_path / "m")) if "hold_out" in r)
    assert "train, val, test" in reason


def test_names_are_unique_and_fit_any_file_system() -> None:
    given = ["s/A b.png", "s/a_B.jpg", "s/é/x.png", "s/..", f"s/{'long' * 90}.png", "s/c.1.png"]
    found = names(given)
    assert found["s/c.1.png"] == "s_c.1"
    assert len({name.lower() for name in found.values()}) == len(given)
    for name in found.values():
        assert name.isascii() and len(name) <= 120 and not set(name) & set('/\\:*?"<>| ')


def test_a_snapshot_exports_like_its_catalog(catalog: Catalog, tmp_path: Path) -> None:
    frontal = [row for row in catalog.films() if row["split"]]
    for row in frontal:
        row["fold"] = row["fold"] or 0
    catalog.write("films", frontal)
    write_snapshot(catalog, tmp_path / "snapshot")
    assert len(read_snapshot(tmp_path / "snapshot")[0]) == 5
    manifest = export(tmp_path / "snapshot", "coco", tmp_path / "out", where="covid19")
    assert (manifest["films"], len(manifest["snapshot"])) == (3, 64)


@pytest.mark.parametrize("kind", ["folders", "coco", "monai", "nnunet"])
def test_a_copy_of_a_film_in_a_stronger_part_is_left_out(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    films = catalog.films()
    by_name = {film["path"]: film for film in films}
    by_name["a b.png"]["duplicate_group"] = by_name["A_B.png"]["duplicate_group"]
    by_name["deep.png"]["patient_id"] = by_name["colour.png"]["patient_id"] = "p"
    catalog.write("films", films)
    manifest = run(catalog, kind, tmp_path / "out")
    torn = "it shares a patient or a near-duplicate with a film of a stronger part"
    assert reasons(manifest)[torn] == 2
    assert {"a b.png", "colour.png"}.isdisjoint(listed(tmp_path / "out"))


def test_known_to_be_empty_is_an_empty_mask_and_somewhere_is_none(
    catalog: Catalog, tmp_path: Path
) -> None:
    films = catalog.films()
    for film in films:
        film |= dict.fromkeys(("infection_mask", "infection_truth", "opacity_truth"))
    by_name = {film["film_id"].removeprefix("cohen/"): film for film in films}
    by_name["a b.png"]["infection_truth"] = "empty"
    by_name["photo.jpg"]["infection_truth"] = "somewhere"
    by_name["colour.png"]["opacity_truth"] = "somewhere"
    catalog.write("films", films)
    run(catalog, "folders", tmp_path / "out")
    masks = {path for path in (tmp_path / "out").rglob("*.png") if "masks" in path.parent.name}
    found = {
        kind: {path.stem for path in masks if path.parent.name == f"{kind} masks"}
        for kind in ("infection", "opacity")
    }
    written = {name: row["name"] for name, row in listed(tmp_path / "out").items()}
    assert found == {
        "infection": {written["a b.png"], written["A_B.png"], written["colour.png"]},
        "opacity": {written["a b.png"], written["A_B.png"]},
    }
    for path in masks:
        if path.parent.name != "lung masks":
            assert pixels(path).shape == SHAPE and not pixels(path).any()
    run(catalog, "coco", tmp_path / "coco")
    table = json.loads((tmp_path / "coco" / "annotations" / "instances_train.json").read_text())
    known = {image["film_id"]: image["known_category_ids"] for image in table["images"]}
    assert known["cohen/photo.jpg"] == [] and known["cohen/colour.png"] == [1, 3]
