"""Tests of `infmap.export.huggingface`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import pixels, region, run  # noqa: E402


def test_huggingface_keeps_unknown_masks_null_and_types_alike(
    catalog: Catalog, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(catalog, "huggingface", out)
    tables = {s: pl.read_parquet(out / s / "metadata.parquet") for s in ("train", "validation")}
    assert tables["train"].schema == tables["validation"].schema
    rows = {row["film_id"].removeprefix("cohen/"): row for row in tables["train"].to_dicts()}
    assert rows["colour.png"]["infection_mask_file_name"] is None
    assert rows["photo.jpg"]["lung_mask_file_name"] is None
    row = rows["a b.png"]
    assert (row["covid19"], row["class"], row["opacity_mask_file_name"]) == (True, "covid19", None)
    assert pixels(out / "train" / row["infection_mask_file_name"]).max() == 255
    assert row["boxes"][0]["label"] == "opacity" and row["scores"][0]["value"] == 3.0
    assert "| train | covid19 | 2 |" in (out / "README.md").read_text()


@pytest.mark.filterwarnings("ignore")
def test_huggingface_loads_with_datasets(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    run(catalog, "huggingface", out)
    films = datasets.load_dataset(
        "imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache")
    )
    assert {name: len(part) for name, part in films.items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }
    (row,) = (row for row in films["train"] if row["film_id"] == "cohen/photo.jpg")
    assert row["lung_mask"] is None
    np.testing.assert_array_equal(np.asarray(row["infection_mask"]), region(4, 4))
