"""Tests of `infmap.export.films`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.catalog.snapshot import read_snapshot, write_snapshot
from infmap.catalog.store import Catalog
from infmap.export import export
from infmap.export.films import names

sys.path.insert(0, str(Path(__file__).parent))
from exporting import listed, reasons, run  # noqa: E402


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
    by_name["a b.png"]["cluster_id"] = by_name["A_B.png"]["cluster_id"]
    by_name["deep.png"]["patient_id"] = by_name["colour.png"]["patient_id"] = "p"
    catalog.write("films", films)
    manifest = run(catalog, kind, tmp_path / "out")
    torn = "it shares a patient or a near-duplicate with a film of a stronger part"
    assert reasons(manifest)[torn] == 2
    assert {"a b.png", "colour.png"}.isdisjoint(listed(tmp_path / "out"))
