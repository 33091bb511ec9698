"""What the tests of the formats share: a small catalog, and how an export is looked at."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.catalog.schema import make_frame
from infmap.catalog.store import Catalog

sys.path.insert(0, str(Path(__file__).parent))
from exporting import COVID, NORMAL, PNEUMONIA, SHAPE, plane, region, save  # noqa: E402


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    root = tmp_path / "source"
    lungs = save(root, "lungs/all.png", region(2, 3) | region(12, 20))
    infection = save(root, "infection/some.png", region(4, 4))
    empty = save(root, "infection/none.png", np.zeros(SHAPE, np.uint8))
    small = save(root, "infection/half.png", region(4, 4)[::2, ::2])
    colour = np.stack([plane(3)] * 3, axis=-1)
    films = [
        ("a b.png", plane(0), COVID, infection, lungs, "train", 1),
        ("A_B.png", plane(1), NORMAL, empty, lungs, "val", 0),
        ("deep.png", plane(2).astype(np.uint16) * 257, COVID, small, lungs, "test", None),
        ("colour.png", colour, PNEUMONIA, None, lungs, "train", 1),
        ("photo.jpg", plane(4), COVID, infection, None, "train", 2),
        ("side.png", plane(5), (None, None, None), None, None, None, None),
    ]
    rows = []
    for name, pixels, labels, mask, lung, split, fold in films:
        row = {"film_id": f"cohen/{name}", "source": "cohen", "path": save(root, name, pixels)}
        row |= dict(zip(("covid19", "pneumonia", "normal"), labels, strict=True))
        row |= {"infection_mask": mask, "lung_mask": lung, "split": split, "fold": fold}
        rows.append(row | {"duplicate_group": row["film_id"], "official_split": "test"})
    rows[3]["infection_truth"] = "unknown"  # of a pneumonia that is not COVID-19 it would be empty
    for row in rows:
        row |= {"width": SHAPE[1], "height": SHAPE[0], "licence": "CC BY 4.0"}
    box = {"film_id": "cohen/a b.png", "label": "opacity", "reader": "r", "left": 1.0, "top": 2.0}
    score = {"film_id": "cohen/a b.png", "name": "extent", "reader": "mean", "value": 3.0}
    rows.sort(key=lambda row: row["film_id"])
    catalog = Catalog(tmp_path / "catalog")
    tables = {
        "films": make_frame("films", rows),
        "boxes": make_frame("boxes", [box | {"width": 4.0, "height": 5.0}]),
        "scores": make_frame("scores", [score]),
    }
    catalog.commit(tables, roots={"cohen": str(root)})
    return catalog
