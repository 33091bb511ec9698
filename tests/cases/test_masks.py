"""The cases on masks, where they lie beside."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.mask_files import read_mask
from infmap.catalog.snapshot import write_snapshot
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.verify import verify
from infmap.training.pack import write_pack


@pytest.fixture
def cases(data: Path) -> Path:
    folder = data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases: {folder} does not exist; set INFMAP_DATA to the data beside them")
    return folder


def copied(cases: Path, to: Path) -> Path:
    """The source folder of the cases, writable."""
    shutil.copytree(cases / "masks-0-1-read-as-empty" / "m2", to, copy_function=shutil.copyfile)
    for path in (to, *to.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return to


def add(root: Path, *rows: tuple[str, str]) -> None:
    with (root / "films.csv").open("a", newline="") as file:
        csv.writer(file).writerows([[f"films/{film}", film, "covid19", m] for film, m in rows])


def test_every_mask_is_read_in_full_or_is_a_failure(cases: Path, tmp_path: Path) -> None:
    root = copied(cases, tmp_path / "m2")
    add(root, ("npy.png", "masks/npy.npy"), ("nii.png", "masks/nii.nii.gz"))
    catalog = Catalog(tmp_path / "catalog")
    report = ingest(catalog, {"folder": root})
    failures = {row["path"] for row in catalog.rows("failures")}
    assert failures == {"masks/class_1_2.png", "masks/npy.npy", "masks/nii.nii.gz"}
    assert report.failures == 3
    for row in catalog.films():
        if row["infection_mask"] is not None:
            share = row["infection_pixels"] / (row["width"] * row["height"])
            assert share == pytest.approx(0.022, abs=0.0015), row["film_id"]
    unknown = [row for row in catalog.films() if row["infection_mask"] is None]
    assert len(unknown) == 3 and all(row["infection_pixels"] is None for row in unknown)
    deep = verify(catalog, deep=True)
    assert all(any(path in finding for finding in deep) for path in failures)
    deduplicate(catalog)
    split(catalog, 2)
    write_snapshot(catalog, tmp_path / "snapshot")
    assert write_pack(tmp_path / "snapshot", 128, workers=1).is_dir()


def box(mask: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return [rows[0] / height, rows[-1] / height, columns[0] / width, columns[-1] / width]


def test_masks_in_the_stored_grid_of_a_turned_film_are_turned(cases: Path, tmp_path: Path) -> None:
    root = copied(cases, tmp_path / "m2")
    for suffix, folder in (("jpg", "films"), ("png", "masks")):
        case = cases / "exif-film-mask-in-stored-grid" / f"f02.{suffix}"
        shutil.copyfile(case, root / folder / case.name)
    add(root, ("f02.jpg", "masks/f02.png"))
    catalog = Catalog(tmp_path / "catalog")
    ingest(catalog, {"folder": root})
    films = {row["path"]: row for row in catalog.films()}
    for name in ("exif_nonsq_mask_stored.jpg", "exif_nonsq_mask_upright.jpg", "f02.jpg"):
        row = films[f"films/{name}"]
        mask = read_mask(catalog.resolve(row, row["infection_mask"])).foreground
        assert mask.shape == (row["height"], row["width"])
        assert box(mask) == pytest.approx([0.33, 0.50, 0.20, 0.33], abs=0.02), name


def test_a_snapshot_of_radiologist_crops_is_as_before(data: Path, tmp_path: Path) -> None:
    """Crops are coloured on opaque black: every pixel that is not black belongs to them."""
    root, catalog = data / "radiologist", Catalog(tmp_path / "catalog")
    report = ingest(catalog, {"general-blockchain": root})
    assert report.failures == 0
    from infmap.sources import SOURCES, SourceRecord

    row = next(row for row in catalog.films() if row["opacity_pixels"])
    record = next(
        r
        for r in SOURCES["general-blockchain"].read(root)
        if isinstance(r, SourceRecord) and r.path == row["path"]
    )
    expected = np.zeros((row["height"], row["width"]), np.bool_)
    for crop in record.crops:
        if crop.kind == "opacity":
            times = row["width"] // crop.canvas[0]
            with Image.open(root / crop.path) as image:
                region = np.asarray(image.convert("RGB")).any(-1).repeat(times, 0).repeat(times, 1)
            top, left = crop.top * times, crop.left * times
            expected[top : top + region.shape[0], left : left + region.shape[1]] |= region
    assert row["opacity_pixels"] == expected.sum()
