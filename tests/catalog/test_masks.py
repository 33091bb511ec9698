"""Masks: which pixels are foreground, in which grid they lie, and what ingest says of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.mask_files import read_mask
from infmap.catalog.snapshot import write_snapshot
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.verify import verify
from infmap.dicom.exif import as_seen
from infmap.training.pack import write_pack

sys.path.insert(0, str(Path(__file__).parent))
from mask_writing import infected, plane  # noqa: E402


def test_ingest_counts_pixels_and_a_mask_that_cannot_be_read_is_unknown_and_a_failure(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    classes = np.zeros((96, 96), np.uint8)
    classes[20:40, 30:50], classes[22:24, 32:40] = 1, 2
    rows = [
        ("one.png", "covid19", infected(1)),
        ("wide.png", "covid19", infected(1, np.uint16)),
        ("array.npy", "covid19", lambda p: np.save(p, classes)),
        ("classes.png", "covid19", plane(classes)),
        ("named.png", "covid19", plane(classes)),
        ("gone.png", "covid19", None),
        ("", "normal", None),
    ]
    root, catalog = own(rows, named="2"), Catalog(tmp_path / "catalog")
    report = ingest(catalog, {"folder": root})
    films = {row["path"]: row for row in catalog.films()}
    assert (report.films, report.failures) == (7, 3)
    assert [films[f"{n}.png"]["infection_pixels"] for n in range(7)] == [
        400, 400, None, None, 16, None, None,
    ]  # fmt: skip
    assert [films[f"{n}.png"]["infection_mask"] for n in (0, 2, 3, 4, 5)] == [
        "masks/one.png", None, None, "@catalog/masks/folder/4.png.infection.png", None,
    ]  # fmt: skip
    failures = {row["path"]: row for row in catalog.rows("failures")}
    assert set(failures) == {"masks/array.npy", "masks/classes.png", "masks/gone.png"}
    assert "got 0, 1, 2" in failures["masks/classes.png"]["reason"]
    assert failures["masks/classes.png"]["film_id"] == "folder/3.png"
    assert verify(catalog) == []
    found = verify(catalog, deep=True)
    assert len(found) == 3 and all(any(path in line for line in found) for path in failures)
    # Done again, nothing changes, and what was mended is taken.
    assert ingest(catalog, {"folder": root}).failures == 3
    infected(255)(root / "masks" / "classes.png")
    assert ingest(catalog, {"folder": root}).failures == 2
    assert catalog.films()[3]["infection_pixels"] == 400
    deduplicate(catalog)
    split(catalog, 2)
    write_snapshot(catalog, tmp_path / "snapshot")
    pack = write_pack(tmp_path / "snapshot", 64, workers=1)
    assert json.loads((pack / "pack.json").read_text())["films"] == 7


def test_a_changed_mask_is_counted_again_and_verify_sees_one_that_changed_since(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    root = own([("a.png", "covid19", infected(255)), ("", "normal", None)])
    catalog = Catalog(tmp_path / "catalog")
    ingest(catalog, {"folder": root})
    bright = np.full((96, 96), 255, np.uint8)
    bright[30:60, 30:60] = 0
    Image.fromarray(bright).save(root / "masks" / "a.png")
    assert "expected 400 pixels of foreground, got 8316" in verify(catalog, deep=True)[0]
    report = ingest(catalog, {"folder": root})
    assert catalog.films()[0]["infection_pixels"] == 8316
    assert any("are they inverted?" in note for note in report.notes["folder"])
    assert verify(catalog, deep=True) == []


def test_a_turned_mask_becomes_one_of_the_catalog_in_film_pixels(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    root = own([("a.png", "covid19", infected(1))])
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(root / "0.png") as film:
        film.save(root / "0.png", exif=exif)
    catalog = Catalog(tmp_path / "catalog")
    report = ingest(catalog, {"folder": root})
    (row,) = catalog.films()
    assert row["infection_mask"].startswith("@catalog/")
    with Image.open(root / "masks" / "a.png") as stored:
        expected = as_seen(np.asarray(stored) > 0, 6)
    mask = read_mask(catalog.resolve(row, row["infection_mask"])).foreground
    np.testing.assert_array_equal(mask, expected)
    assert any("turned as its film" in note for note in report.notes["folder"])


def test_a_table_with_masks_written_before_they_were_counted_is_read(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    root, catalog = own([("a.png", "covid19", infected(1))]), Catalog(tmp_path / "catalog")
    ingest(catalog, {"folder": root})
    for table, columns in (("films", ["infection_pixels", "mask_note"]), ("failures", ["film_id"])):
        path = catalog.path(table)
        assert path is not None
        frame = catalog.frame(table).drop(columns)
        frame.write_parquet(path)
    assert catalog.films()[0]["infection_pixels"] is None
    from infmap.catalog.query import query

    with query(catalog.folder, "SELECT infection_pixels FROM films") as result:
        assert list(result.rows) == [(None,)]
