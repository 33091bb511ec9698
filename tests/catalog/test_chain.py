"""The verbs of the catalog from a published layout to a snapshot."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from infmap.catalog.snapshot import read_scores, read_snapshot
from infmap.catalog.store import Catalog
from infmap.cli.main import main
from infmap.core.errors import SnapshotError
from infmap.sources import SOURCES


def film(seed: int) -> NDArray[np.uint8]:
    """A smooth random plane, so that two seeds are unlike and a resized copy is like."""
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC))


def save(path: Path, plane: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(plane).save(path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def cohen(tmp_path: Path) -> Path:
    root = tmp_path / "cohen"
    findings = ["COVID-19", "COVID-19, ARDS", "No Finding", "todo", "SARS", "COVID-19"]
    patients = [1, 1, 2, 3, 4, 5]
    for i in range(6):
        save(root / f"images/f{i}.png", film(i))
    write_csv(
        root / "metadata.csv",
        [
            {
                "patientid": patients[i],
                "offset": "",
                "finding": findings[i],
                "view": "PA",
                "modality": "X-ray",
                "folder": "images",
                "filename": f"f{i}.png",
                "license": "",
            }
            for i in range(6)
        ]
        + [{"patientid": 9, "finding": "COVID-19", "modality": "X-ray", "filename": "gone.png"}],
    )
    write_csv(
        root / "severity-scores.csv",
        [{"filename": "f0.png", "geographic_mean": 6.0, "opacity_mean": 4.0}],
    )
    return root


@pytest.fixture
def blockchain(tmp_path: Path) -> Path:
    root = tmp_path / "blockchain"
    for name, seed in (("covid.png", 20), ("sars.png", 21)):
        save(root / "images" / name, film(seed))
    common = {"offset": "3", "view": "AP", "modality": "X-ray", "folder": "images", "license": ""}
    write_csv(
        root / "metadata.csv",
        [
            {"patientid": 1, "finding": "COVID-19", "filename": "covid.png", **common},
            {"patientid": 8, "finding": "SARS", "filename": "sars.png", **common},
        ],
    )
    crop = np.zeros((10, 20, 4), np.uint8)
    crop[..., 3] = 255
    crop[:, :5, 2] = 200
    save(root / "masks/a.png", crop)
    structures = []
    for name in ("covid.png", "sars.png"):
        for kind, left in (("Left Lung", 60), ("Right Lung", 10)):
            structures.append(structure(name, kind, left, 40))
    structures.append(structure("covid.png", "Ground Glass Opacities", 70, 30))
    write_csv(root / "structure.csv", structures)
    return root


def structure(film_name: str, kind: str, left: int, top: int) -> dict[str, Any]:
    return {
        "Class": f"COVID-19 {kind}",
        "Filename": film_name,
        "Mask": "masks/a.png",
        "Resolution": "128x128",
        "Top": top,
        "Left": left,
        "Width": 20,
        "Height": 10,
    }


def verb(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["catalog", *map(str, arguments)])
    return int(stopped.value.code or 0)


def compiled(tmp_path: Path, *sources: str) -> Path:
    catalog, out = tmp_path / "catalog", tmp_path / "snapshot"
    given = [part for source in sources for part in ("--source", source)]
    assert verb("ingest", catalog, *given) == 0
    assert verb("dedup", catalog) == 0
    assert verb("split", catalog, "--folds", 2, "--seed", 1) == 0
    assert verb("snapshot", catalog, "-o", out) == 0
    return out


def by_name(snapshot: Path) -> dict[str, dict[str, Any]]:
    frame, _ = read_snapshot(snapshot)
    return {Path(row["path"]).name: row for row in frame.to_dicts()}


def test_labels_keep_unknown_apart_from_negative(tmp_path: Path, cohen: Path) -> None:
    rows = by_name(compiled(tmp_path, f"cohen={cohen}"))
    assert "gone.png" not in rows
    assert rows["f1.png"]["covid19"] is True
    assert rows["f2.png"]["covid19"] is False and rows["f2.png"]["normal"] is True
    assert [rows["f3.png"][c] for c in ("covid19", "pneumonia", "normal")] == [None] * 3
    assert rows["f4.png"]["pneumonia"] is True and rows["f4.png"]["covid19"] is False


def test_readings_reach_the_snapshot(tmp_path: Path, cohen: Path) -> None:
    snapshot = compiled(tmp_path, f"cohen={cohen}")
    film_id = by_name(snapshot)["f0.png"]["film_id"]
    scores = {(s["film_id"], s["name"]): s["value"] for s in read_scores(snapshot)}
    assert scores == {(film_id, "geographic_extent"): 6.0, (film_id, "opacity"): 4.0}


def test_drawn_masks_are_pasted_not_stretched(tmp_path: Path, blockchain: Path) -> None:
    snapshot = compiled(tmp_path, f"general-blockchain={blockchain}")
    rows, roots = by_name(snapshot), read_snapshot(snapshot)[1]

    def mask(path: str) -> NDArray[np.uint8]:
        with Image.open(Path(roots["@catalog"]) / path.removeprefix("@catalog/")) as image:
            return np.asarray(image)

    opacity = mask(rows["covid.png"]["opacity_mask"])
    expected = np.zeros((128, 128), np.uint8)
    expected[30:40, 70:75] = 255
    np.testing.assert_array_equal(opacity, expected)
    assert rows["covid.png"]["infection_mask"] == rows["covid.png"]["opacity_mask"]
    assert (mask(rows["covid.png"]["lung_mask"]) > 0).sum() == 100


def test_a_film_without_opacity_has_an_empty_mask_and_no_infection(
    tmp_path: Path, blockchain: Path
) -> None:
    snapshot = compiled(tmp_path, f"general-blockchain={blockchain}")
    row, roots = by_name(snapshot)["sars.png"], read_snapshot(snapshot)[1]
    assert row["infection_mask"] is None
    path = Path(roots["@catalog"]) / row["opacity_mask"].removeprefix("@catalog/")
    with Image.open(path) as image:
        assert not np.asarray(image).any()


def test_a_resized_copy_joins_the_cluster_and_no_group_straddles_folds(
    tmp_path: Path, cohen: Path, blockchain: Path
) -> None:
    copy = Image.fromarray(film(2)).resize((200, 160), Image.Resampling.BICUBIC)
    save(blockchain / "images/sars.png", np.asarray(copy))
    for row_file in ["structure.csv"]:
        text = (blockchain / row_file).read_text().splitlines()
        kept = [line for line in text if "sars.png" not in line]
        (blockchain / row_file).write_text("\n".join(kept) + "\n")
    rows = by_name(compiled(tmp_path, f"cohen={cohen}", f"general-blockchain={blockchain}"))
    assert rows["sars.png"]["duplicate_group"] == rows["f2.png"]["duplicate_group"]
    assert rows["f0.png"]["duplicate_group"] != rows["f2.png"]["duplicate_group"]
    assert rows["sars.png"]["fold"] == rows["f2.png"]["fold"]
    assert rows["covid.png"]["patient_id"] == rows["f0.png"]["patient_id"]
    assert rows["covid.png"]["fold"] == rows["f0.png"]["fold"] == rows["f1.png"]["fold"]


def test_an_undecodable_film_is_a_failure_and_the_rest_goes_on(tmp_path: Path, cohen: Path) -> None:
    (cohen / "images/f5.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    catalog = tmp_path / "catalog"
    assert verb("ingest", catalog, "--source", f"cohen={cohen}") == 3
    assert len(Catalog(catalog).rows("films")) == 5
    (failure,) = Catalog(catalog).rows("failures")
    assert failure["path"] == "images/f5.png" and failure["reason"]


def test_ingesting_again_changes_nothing(tmp_path: Path, cohen: Path) -> None:
    compiled(tmp_path, f"cohen={cohen}")
    before = Catalog(tmp_path / "catalog").rows("films")
    assert verb("ingest", tmp_path / "catalog", "--source", f"cohen={cohen}") == 0
    assert Catalog(tmp_path / "catalog").rows("films") == before


def test_a_changed_snapshot_is_refused(tmp_path: Path, cohen: Path) -> None:
    snapshot = compiled(tmp_path, f"cohen={cohen}")
    (snapshot / "films.parquet").write_bytes(b"other")
    with pytest.raises(SnapshotError) as refused:
        read_snapshot(snapshot)
    assert "\n" not in str(refused.value)


def test_a_snapshot_needs_duplicates_found_first(
    tmp_path: Path, cohen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb("ingest", tmp_path / "catalog", "--source", f"cohen={cohen}")
    assert verb("snapshot", tmp_path / "catalog", "-o", tmp_path / "s") == 2
    assert "infmap catalog dedup" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["nosuch=DIR", "cohen", "cohen=", "cohen=/nonexistent"])
def test_a_wrong_source_is_one_line(
    tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb("ingest", tmp_path / "c", "--source", given.replace("DIR", str(tmp_path))) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_real_layouts_are_read_whole(data: Path) -> None:
    folders = {"covid-qu-ex": "covid-qu-ex", "cohen": "cohen", "general-blockchain": "radiologist"}
    folders["chestxray14"] = "nih"
    records = {name: list(SOURCES[name].read(data / folder)) for name, folder in folders.items()}
    assert {name: len(found) for name, found in records.items()} == {
        "covid-qu-ex": 4660,
        "cohen": 157,
        "general-blockchain": 57,
        "chestxray14": 192,
    }
    assert sum(r.covid19 is True for r in records["covid-qu-ex"]) == 1864 + 466
    assert all(r.infection_mask and r.lung_mask for r in records["covid-qu-ex"])
    assert not any(r.covid19 for r in records["chestxray14"])
    assert sum(any(s.name == "brixia_global" for s in r.scores) for r in records["cohen"]) == 101
    patients = [{r.patient_id for r in records[name]} for name in ("cohen", "general-blockchain")]
    assert set.intersection(*patients) - {None}
