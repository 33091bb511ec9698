"""The chain from source folders to a snapshot, on tiny synthetic copies of each layout."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.snapshot import read_scores, read_snapshot, write_snapshot
from infmap.catalog.splits import assign_folds, split
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError
from infmap.sources import SOURCES


def film(path: Path, seed: int, size: tuple[int, int] = (96, 96)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)


def table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def mask(path: Path, empty: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((96, 96), np.uint8)
    pixels[20:70, 20:40] = 0 if empty else 255
    Image.fromarray(pixels).save(path)


def meta(name: str, patient: str, finding: str) -> dict[str, str]:
    return {
        "patientid": patient, "offset": "3", "finding": finding, "view": "PA",
        "folder": "images", "filename": name, "license": "",
    }  # fmt: skip


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    qu = tmp_path / "qu" / "Data"
    for n, kind in enumerate(("COVID-19", "Non-COVID", "Normal")):
        for m, part in enumerate(("Train", "Val")):
            name = f"{kind}_{part}.png"
            film(qu / part / kind / "images" / name, 10 * n + m)
            for folder in ("infection masks", "lung masks"):
                mask(qu / part / kind / folder / name, empty=n > 0 and folder != "lung masks")
    cohen = tmp_path / "cohen"
    film(cohen / "images" / "a.png", 100)
    film(cohen / "images" / "b.png", 101)
    found = [meta("a.png", "1", "COVID-19, ARDS"), meta("b.png", "2", "todo")]
    table(cohen / "metadata.csv", [*found, meta("gone.png", "3", "SARS")])
    score = {"filename": "a.png", "geographic_mean": "2.7", "opacity_mean": "2"}
    table(cohen / "severity-scores.csv", [score])
    table(cohen / "brixia-scores.csv", [{"filename": "a.png", "S-A": "3", "J-Global": "7"}])
    drawn = tmp_path / "radiologist"
    film(drawn / "images" / "a.png", 100)
    film(drawn / "images" / "s.png", 102, (80, 60))
    table(drawn / "metadata.csv", [meta("a.png", "1", "COVID-19"), meta("s.png", "9", "SARS")])
    crop = np.zeros((10, 20, 4), np.uint8)
    crop[..., 3] = 255
    crop[2:, :, 1] = 7
    (drawn / "masks").mkdir()
    Image.fromarray(crop).save(drawn / "masks" / "m.png")
    base = {"Mask": "masks/m.png", "Top": "5", "Left": "30"}
    opacity = {"Class": "COVID-19 Ground Glass Opacities", "Resolution": "80x60"}
    lung = {"Class": "COVID-19 Left Lung", "Resolution": "96x96"}
    regions = [base | opacity | {"Filename": "s.png"}, base | lung | {"Filename": "a.png"}]
    table(drawn / "structure.csv", regions)
    nih = tmp_path / "nih"
    film(nih / "No_findings" / "00000001_000.png", 200)
    film(nih / "Pneumonia" / "00000001_001.png", 201)
    (nih / "Pneumonia" / "00000002_000.png").write_bytes(b"not a film")
    return {
        "covid-qu-ex": tmp_path / "qu",
        "cohen": cohen,
        "general-blockchain": drawn,
        "chestxray14": nih,
    }


@pytest.fixture
def catalog(roots: dict[str, Path], tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "catalog")
    ingest(catalog, roots)
    return catalog


def films(catalog: Catalog) -> dict[str, dict]:
    return {row["film_id"]: row for row in catalog.films()}


def classes(row: dict) -> tuple:
    return row["covid19"], row["pneumonia"], row["normal"]


def test_labels_are_those_of_the_source_and_unknown_stays_unknown(catalog: Catalog) -> None:
    rows = films(catalog)
    assert classes(rows["covid-qu-ex/Non-COVID_Val.png"]) == (False, True, False)
    assert rows["covid-qu-ex/Non-COVID_Val.png"]["opacity_mask"] is None
    assert rows["covid-qu-ex/Non-COVID_Val.png"]["official_split"] == "val"
    assert classes(rows["cohen/a.png"]) == (True, False, False)
    assert classes(rows["cohen/b.png"]) == (None, None, None)
    assert classes(rows["chestxray14/00000001_001.png"]) == (False, True, False)
    assert "cohen/gone.png" not in rows


def test_a_film_that_cannot_be_read_is_a_failure(catalog: Catalog) -> None:
    (failure,) = catalog.rows("failures")
    assert (failure["source"], failure["path"]) == ("chestxray14", "Pneumonia/00000002_000.png")
    assert failure["reason"]


def test_crops_are_pasted_at_their_place_and_never_stretched(catalog: Catalog) -> None:
    row = films(catalog)["general-blockchain/s.png"]
    path = catalog.folder / row["opacity_mask"].removeprefix("@catalog/")
    with Image.open(path) as image:
        mask = np.asarray(image)
    expected = np.zeros((60, 80), np.uint8)
    expected[7:15, 30:50] = 255
    np.testing.assert_array_equal(mask, expected)
    assert row["infection_mask"] is None


def test_a_film_without_opacities_has_an_empty_known_mask(catalog: Catalog) -> None:
    row = films(catalog)["general-blockchain/a.png"]
    with Image.open(catalog.folder / row["opacity_mask"].removeprefix("@catalog/")) as image:
        assert not np.asarray(image).any()
    assert row["infection_mask"] == row["opacity_mask"]


def test_ingest_twice_changes_nothing(catalog: Catalog, roots: dict[str, Path]) -> None:
    before = {name: catalog.rows(name) for name in ("films", "scores", "failures")}
    ingest(catalog, roots)
    assert before == {name: catalog.rows(name) for name in before}


def test_one_film_in_two_sources_is_one_cluster_and_others_are_alone(catalog: Catalog) -> None:
    (pair,) = deduplicate(catalog)
    assert {pair["film_a"], pair["film_b"]} == {"cohen/a.png", "general-blockchain/a.png"}
    clusters = [row["duplicate_group"] for row in catalog.films()]
    assert len(set(clusters)) == len(clusters) - 1


def test_snapshot_needs_clusters_and_folds_and_then_reads_back(
    catalog: Catalog, tmp_path: Path
) -> None:
    out = tmp_path / "snapshot"
    with pytest.raises(SnapshotError, match="dedup"):
        write_snapshot(catalog, out)
    deduplicate(catalog)
    with pytest.raises(SnapshotError, match="split"):
        write_snapshot(catalog, out)
    split(catalog, 2, 0)
    write_snapshot(catalog, out)
    frame, roots = read_snapshot(out)
    assert frame.height == 12
    assert roots["@catalog"] == str(catalog.folder)
    readings = {(s["name"], s["reader"]): s["value"] for s in read_scores(out)}
    assert readings[("geographic_extent", "mean")] == 2.7
    assert readings[("brixia_global", "junior")] == 7
    (out / "films.parquet").write_bytes(b"changed")
    with pytest.raises(SnapshotError, match="not as it was written"):
        read_snapshot(out)


def test_patients_and_clusters_stay_in_one_fold_and_the_seed_decides() -> None:
    rows = [
        {"film_id": f"{n:03}", "source": "s", "covid19": n % 2 == 0, "patient_id": f"p{n // 3}",
         "duplicate_group": f"c{n // 2}" if n < 10 else f"{n:03}"}
        for n in range(120)
    ]  # fmt: skip
    folds = assign_folds(rows, 5, 0)
    for column in ("patient_id", "duplicate_group"):
        homes = {(row[column], fold) for row, fold in zip(rows, folds, strict=True)}
        assert len(homes) == len({row[column] for row in rows})
    assert set(np.bincount(folds)) <= set(range(20, 29))
    assert folds == assign_folds(rows, 5, 0)
    assert folds != assign_folds(rows, 5, 1)


@pytest.mark.parametrize("source", SOURCES)
def test_an_empty_folder_is_a_clear_error(source: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        list(SOURCES[source].read(tmp_path))


def test_real_collections_have_the_counts_that_are_documented(data: Path) -> None:
    found = {
        source: list(SOURCES[source].read(data / folder))
        for source, folder in (("cohen", "cohen"), ("general-blockchain", "radiologist"))
    }
    assert [len(found["cohen"]), len(found["general-blockchain"])] == [157, 57]
    assert all(record.opacity_drawn for record in found["general-blockchain"])
