"""Tests of `infmap.export.coco`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.store import Catalog
from infmap.export.coco import regions_of

sys.path.insert(0, str(Path(__file__).parent))
from exporting import region, run  # noqa: E402


def test_coco_regions_are_those_of_the_masks(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(catalog, "coco", out)
    table = json.loads((out / "annotations" / "instances_train.json").read_text())
    images = {image["film_id"]: image for image in table["images"]}
    kinds = {one["id"]: one["name"] for one in table["categories"]}
    assert list(kinds.values()) == ["infection", "opacity", "lungs", "opacity box"]
    assert images["cohen/colour.png"]["known_category_ids"] == [3]
    found = [
        (kinds[one["category_id"]], one["bbox"], one["area"])
        for one in table["annotations"]
        if one["image_id"] == images["cohen/a b.png"]["id"]
    ]
    assert found == [
        ("infection", [4, 4, 5, 6], 30),
        ("lungs", [3, 2, 5, 6], 30),
        ("lungs", [20, 12, 5, 6], 30),
        ("opacity box", [1.0, 2.0, 4.0, 5.0], 20.0),
    ]
    assert all((out / "train" / image["file_name"]).is_file() for image in table["images"])


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_coco_reads_back_with_pycocotools(catalog: Catalog, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    run(catalog, "coco", tmp_path / "out")
    table = coco.COCO(tmp_path / "out" / "annotations" / "instances_test.json")
    (number,) = table.getAnnIds(catIds=[1])
    (one,) = table.loadAnns([number])
    expected = region(4, 4)[::2, ::2].repeat(2, 0).repeat(2, 1) > 0
    np.testing.assert_array_equal(table.annToMask(one) > 0, expected)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_run_lengths_are_those_of_pycocotools() -> None:
    tool = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for size in ((1, 1), (7, 200), (90, 61)):
        mask = rng.random(size) < 0.4
        mask[0, 0] = mask[-1, -1] = True
        whole = np.zeros(size, np.uint8)
        for one in regions_of(mask):
            part = tool.decode(one["segmentation"])
            again = tool.encode(np.asfortranarray(part))
            assert again["counts"].decode() == one["segmentation"]["counts"]
            assert tool.toBbox(again).tolist() == one["bbox"]
            whole += part
        np.testing.assert_array_equal(whole, mask)
    assert regions_of(np.zeros((4, 4), np.bool_)) == []
