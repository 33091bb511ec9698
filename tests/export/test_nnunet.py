"""Tests of `infmap.export.nnunet`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import SHAPE, listed, pixels, reasons, region, run  # noqa: E402


def test_nnunet_has_labels_folds_and_grey_png(catalog: Catalog, tmp_path: Path) -> None:
    manifest = run(catalog, "nnunet", tmp_path / "out")
    root = tmp_path / "out" / "Dataset900_Infmap"
    about = json.loads((root / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "lung": 1, "infection": 2}
    assert about["overwrite_image_reader_writer"] == "NaturalImage2DIO"
    cases = {path.name.removesuffix("_0000.png") for path in (root / "imagesTr").iterdir()}
    assert cases == {path.stem for path in (root / "labelsTr").iterdir()}
    assert about["numTraining"] == len(cases) == 2
    assert [path.name for path in (root / "labelsTs").iterdir()] == ["cohen_deep.png"]
    expected = np.zeros(SHAPE, np.uint8)
    expected[(region(2, 3) | region(12, 20)) > 0] = 1
    expected[region(4, 4) > 0] = 2
    films = listed(tmp_path / "out")
    name, normal = films["a b.png"]["name"], films["A_B.png"]["name"]
    np.testing.assert_array_equal(pixels(root / "labelsTr" / f"{name}.png"), expected)
    assert json.loads((root / "splits_final.json").read_text()) == [
        {"train": [name], "val": [normal]},
    ]
    for path in root.rglob("*.png"):
        assert pixels(path).dtype == np.uint8 and pixels(path).shape == SHAPE
    assert reasons(manifest) == {
        "no known infection mask": 1,
        "no known lungs mask": 1,
        "it has no split": 1,
    }


def test_nnunet_folds_are_the_catalogs_where_these_divide_the_films_to_train_on(
    catalog: Catalog, tmp_path: Path
) -> None:
    def splits(out: Path, **options: object) -> list[dict[str, list[str]]]:
        run(catalog, "nnunet", out, where="lung_mask IS NOT NULL", **options)
        return json.loads((out / "Dataset900_Infmap" / "splits_final.json").read_text())

    films = catalog.films()
    for fold, film in enumerate(films):
        film["fold"], film["infection_mask"] = fold, "infection/some.png"
        film["infection_truth"] = None
        film["split"] = "val" if fold == 0 else "train"
        film["official_split"] = "val" if fold == 1 else "train"
    catalog.write("films", films)
    found = splits(tmp_path / "drawn")
    assert [len(fold["val"]) for fold in found] == [1, 1, 1, 1]
    assert {name for fold in found for name in fold["val"]} == set(
        found[0]["train"] + found[0]["val"]
    )
    assert all(not set(fold["train"]) & set(fold["val"]) for fold in found)
    (one,) = splits(tmp_path / "official", split="official_split")
    assert (len(one["train"]), len(one["val"])) == (3, 1)
