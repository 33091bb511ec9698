"""Tests of `infmap.export.labels`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import pixels, region, run  # noqa: E402


def test_without_any_lung_mask_the_label_is_infection_alone(
    catalog: Catalog, tmp_path: Path
) -> None:
    run(catalog, "nnunet", tmp_path / "out", where="lung_mask IS NULL")
    root = tmp_path / "out" / "Dataset900_Infmap"
    assert json.loads((root / "dataset.json").read_text())["labels"] == {
        "background": 0,
        "infection": 1,
    }
    np.testing.assert_array_equal(
        pixels(root / "labelsTr" / "cohen_photo.png"), region(4, 4) // 255
    )
