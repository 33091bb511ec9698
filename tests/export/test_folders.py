"""Tests of `infmap.export.folders`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import listed, pixels, region, run  # noqa: E402


def test_folders_hold_a_mask_only_where_it_is_known(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = run(catalog, "folders", out)
    films = listed(out)
    assert set(films) == {row["film_id"].removeprefix("cohen/") for row in catalog.films()}
    assert films["side.png"]["image"] == "unassigned/unknown/images/cohen_side.png"
    assert not (out / "unassigned" / "unknown" / "infection masks").exists()
    assert not (out / "train" / "pneumonia" / "infection masks").exists()
    normal = out / "val" / "normal" / "infection masks" / f"{films['A_B.png']['name']}.png"
    assert not pixels(normal).any()
    half = pixels(out / "test" / "covid19" / "infection masks" / "cohen_deep.png")
    np.testing.assert_array_equal(half, region(4, 4)[::2, ::2].repeat(2, 0).repeat(2, 1))
    assert manifest["notes"] == {
        "films re-encoded as 8-bit grey PNG": 1,
        "masks resized to their film": 1,
    }
    with Image.open(out / films["deep.png"]["image"]) as image:
        assert image.mode == "L"
    source = tmp_path / "source" / "photo.jpg"
    assert (out / films["photo.jpg"]["image"]).read_bytes() == source.read_bytes()
