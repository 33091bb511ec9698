"""Tests of `infmap.sources.coco`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infmap.core.errors import UsageError
from infmap.sources import folder
from infmap.sources.record import Box, Polygon

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from layouts_b import text  # noqa: E402


def _coco(root: Path, annotations: list[dict[str, Any]]) -> None:
    names = {1: "Consolidation", 2: "left lung", 3: "tube"}
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "width": 24, "height": 20} for n in (1, 2, 3)
        ],
        "categories": [{"id": n, "name": name} for n, name in names.items()],
        "annotations": annotations,
    }
    text(root / "annotations.json", json.dumps(content))
    film(root / "images" / "1.png", (24, 20))
    film(root / "images" / "2.png", (24, 20))


SQUARE = [2, 3, 9.5, 3, 9.5, 8]


def test_coco_outlines_become_regions_and_the_rest_boxes(tmp_path: Path) -> None:
    annotations = [
        {"image_id": 1, "category_id": 1, "segmentation": [SQUARE], "bbox": [2, 3, 7.5, 5]},
        {"image_id": 1, "category_id": 3, "segmentation": [], "bbox": [1, 1, 2, 2]},
        {"image_id": 2, "category_id": 2, "segmentation": [SQUARE], "bbox": [2, 3, 7.5, 5]},
    ]
    _coco(tmp_path, annotations)
    one, two = folder.SOURCE.read(tmp_path)
    points = ((2.0, 3.0), (9.5, 3.0), (9.5, 8.0))
    assert one.polygons == (Polygon(points, "opacity", (24, 20)),)
    assert one.boxes == (Box("tube", 1, 1, 2, 2),)
    # Lungs were drawn on the second film and no opacity: it has none.
    assert (one.opacity_drawn, two.opacity_drawn) == (True, True)
    assert folder.SOURCE.check(tmp_path) == [
        "1 of 3 films that annotations.json lists are not on disk, the first is 3.png"
    ]


def test_coco_opacities_that_are_boxes_or_not_annotated_make_no_empty_mask(tmp_path: Path) -> None:
    _coco(tmp_path, [{"image_id": 1, "category_id": 1, "bbox": [2, 3, 7, 5]}])
    one, two = folder.SOURCE.read(tmp_path)
    assert one.boxes == (Box("Consolidation", 2, 3, 7, 5),)
    assert (one.opacity_drawn, two.opacity_drawn) == (False, False)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": {"counts": [1], "size": [1, 1]}}, "got a run-length encoded mask"),
        ({"segmentation": [[1, 2, 3]]}, "in the form of COCO"),
        ({"bbox": [1, 1, 0, 0]}, "in the form of COCO"),
    ],
)
def test_coco_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, annotation: dict[str, Any], message: str
) -> None:
    _coco(tmp_path, [{"image_id": 1, "category_id": 1} | annotation])
    with pytest.raises(UsageError, match=message):
        list(folder.SOURCE.read(tmp_path))
    (finding,) = folder.SOURCE.check(tmp_path)
    assert message in finding and "\n" not in finding
