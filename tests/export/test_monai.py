"""Tests of `infmap.export.monai`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import SHAPE, pixels, run  # noqa: E402


def test_monai_lists_load_with_monai(catalog: Catalog, tmp_path: Path) -> None:
    monai = pytest.importorskip("monai.data")
    out = tmp_path / "out"
    run(catalog, "monai", out)
    lists = {
        key: monai.load_decathlon_datalist(out / "dataset.json", True, key)
        for key in ("training", "validation", "test")
    }
    assert [len(items) for items in lists.values()] == [1, 1, 1]
    item = lists["training"][0]
    assert (item["fold"], item["class"]) == (1, "covid19")
    assert np.unique(pixels(Path(item["label"]))).tolist() == [0, 1, 2]
    assert pixels(Path(item["image"])).shape == SHAPE
