"""Counts of a tiny catalog, checked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infmap.catalog.schema import make_frame
from infmap.catalog.stats import statistics
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError

COVID = {"covid19": True, "pneumonia": False, "normal": False}
OTHER = {"covid19": False, "pneumonia": False, "normal": False}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    films = [
        {"film_id": "x/a", "patient_id": "p1", "view": "PA", "width": 10, "height": 5} | COVID,
        {"film_id": "x/b", "patient_id": "p1", "width": 30, "height": 7} | OTHER,
        {"film_id": "x/c", "covid19": False, "licence": "CC BY 4.0"},
        {"film_id": "y/d", "patient_id": "p2", "infection_mask": "m.png"} | COVID,
        {"film_id": "y/e", "pneumonia": True, "lung_mask": "l.png"},
    ]
    for film, split, cluster in zip(
        films, ["train", "val", None, "val", "val"], "ssuvw", strict=True
    ):
        film |= {
            "source": film["film_id"][0],
            "path": "p",
            "split": split,
            "duplicate_group": cluster,
        }
    pair = {"film_a": "x/a", "film_b": "x/b", "kind": "bytes", "score": 1.0}
    box = {"label": "opacity", "reader": None, "left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0}
    catalog = Catalog(tmp_path / "catalog")
    catalog.commit(
        {
            "films": make_frame("films", films),
            "duplicates": make_frame("duplicates", [pair, pair | {"verdict": "confirmed"}]),
            "failures": make_frame(
                "failures",
                [
                    {"source": "x", "path": "bad", "reason": "cut"},
                    {"source": "x", "path": "m.png", "reason": "got 0, 1, 2", "film_id": "x/1"},
                ],
            ),
            "boxes": make_frame("boxes", [box | {"film_id": i} for i in ("x/a", "x/a", "y/d")]),
        }
    )
    return catalog


def test_films_are_counted_by_source_class_and_split(catalog: Catalog) -> None:
    found = statistics(catalog)
    assert [tuple(row.values()) for row in found.by_class] == [
        ("x", "covid19", "train", 1),
        ("x", "other", "val", 1),
        ("x", "unknown", "none", 1),
        ("y", "covid19", "val", 1),
        ("y", "pneumonia", "val", 1),
    ]
    assert sum(row["films"] for row in found.by_class) == found.films == 5


def test_patients_duplicates_and_failures_are_counted(catalog: Catalog) -> None:
    found = statistics(catalog)
    assert (found.patients, found.without_patient) == (2, 2)
    assert (found.clusters, found.clustered, found.failures) == (1, 2, 1)
    assert [tuple(row.values()) for row in found.by_patient] == [("x", 1, 2, 1), ("y", 1, 1, 1)]
    assert [tuple(row.values()) for row in found.duplicates] == [
        ("bytes", "confirmed", 1),
        ("bytes", "none", 1),
    ]
    assert found.unreadable == [{"source": "x", "failures": 1}]
    assert found.unreadable_masks == [{"source": "x", "failures": 1}]
    assert found.boxes == [{"label": "opacity", "reader": "unknown", "films": 2, "boxes": 3}]


def test_masks_views_sizes_and_licences_tell_unknown_from_none(catalog: Catalog) -> None:
    found = statistics(catalog)
    assert [tuple(row.values()) for row in found.masks] == [("x", 3, 0, 0, 0), ("y", 2, 1, 0, 1)]
    assert [tuple(row.values()) for row in found.views] == [
        ("x", "PA", "unknown", 1),
        ("x", "unknown", "unknown", 2),
        ("y", "unknown", "unknown", 2),
    ]
    assert tuple(found.sizes[0].values()) == ("x", 10, 20, 30, 5, 6, 7, 3)
    assert tuple(found.licences[0].values()) == ("x", "CC BY 4.0", 1)


def test_it_is_json_and_tables_without_rows_are_not_shown(catalog: Catalog) -> None:
    found = statistics(catalog)
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert "Scores" not in found.tables and "Boxes" in found.tables


def test_an_empty_catalog_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="ingest"):
        statistics(Catalog(tmp_path))
