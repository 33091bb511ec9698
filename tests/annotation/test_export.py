from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.annotation import films
from infmap.annotation.backup import backup, restore
from infmap.annotation.export import approved_films, checksum, export_project
from infmap.annotation.importing import FULL, import_films
from infmap.annotation.store import Store
from infmap.core.errors import UsageError
from infmap.dicom import read_radiograph
from infmap.dicom.write import write_dx
from infmap.sources.annotation import SOURCE
from infmap.web.film_encoding import encode_film
from infmap.web.masks import plane

sys.path.insert(0, str(Path(__file__).parent))
from small_station import HEIGHT, LABELS, WIDTH, Station, box  # noqa: E402

LEFT, WIDER = box(5, 5, 20, 15), box(5, 5, 20, 20)


def approve(station: Station, name: str = "a", mask: np.ndarray = LEFT) -> str:
    film = station.film(name, patient="77" * 32)
    levels = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    folder = station.store.film_folder(film)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FULL).write_bytes(encode_film(levels, 12))
    station.plan()
    station.read(station.ann, mask)
    return film


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "films.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_approved_films_become_pictures_and_rows_that_the_catalog_reads(
    station: Station, tmp_path: Path
) -> None:
    approve(station)
    out = export_project(station.store, station.project, tmp_path / "out")
    assert out.films == 1 and SOURCE.check(out.folder) == []
    (row,) = rows(out.folder)
    (record,) = SOURCE.read(out.folder)
    assert record.infection_mask == row["infection_mask"] and record.lung_mask is None
    assert record.patient_id == "annotation:" + "77" * 10
    with Image.open(out.folder / row["infection_mask"]) as mask:
        np.testing.assert_array_equal(np.asarray(mask) == 255, plane(LEFT, "infection"))
    with Image.open(out.folder / row["path"]) as picture:
        levels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
        np.testing.assert_array_equal(np.asarray(picture), np.rint(levels * (65_535 / 4095)))
    assert read_radiograph(out.folder / row["path"]).shape == (HEIGHT, WIDTH)
    assert json.loads((out.folder / "export.json").read_text())["labels"] == list(LABELS)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_coco_holds_the_same_pixels(station: Station, tmp_path: Path) -> None:
    from pycocotools import mask as rle

    approve(station)
    out = export_project(station.store, station.project, tmp_path / "out", formats=["coco"])
    table = json.loads((out.folder / "coco" / "annotations.json").read_text())
    (image,), (region,) = table["images"], table["annotations"]
    assert (image["width"], image["height"]) == (WIDTH, HEIGHT)
    assert (region["image_id"], region["category_id"], region["area"]) == (1, 1, 150)
    np.testing.assert_array_equal(
        rle.decode(region["segmentation"]).astype(bool), plane(LEFT, "infection")
    )
    assert out.regions == 1 and table["categories"][0]["name"] == "infection"


def test_the_same_decisions_give_the_same_bytes_and_a_later_export_replaces_the_earlier(
    station: Station, tmp_path: Path
) -> None:
    approve(station)
    folder = tmp_path / "out"
    export_project(station.store, station.project, folder)
    first = checksum(folder)
    export_project(station.store, station.project, folder)
    assert checksum(folder) == first
    approve(station, "b", WIDER)
    assert export_project(station.store, station.project, folder).films == 2
    assert checksum(folder) != first
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_several_readers_masks_become_one(station: Station, tmp_path: Path) -> None:
    station.rules(readers_per_film=2)
    approve(station)
    station.read(station.ben, WIDER)
    for method in ("staple", "majority"):
        (film,) = approved_films(station.store, station.project, method)
        assert film.origin == f"{method} of 2 readers" and film.by_hand
        assert plane(film.mask, "infection")[5:20, 5:15].all()
    assert plane(film.mask, "infection").sum() == 150  # of two readers, a majority is both
    out = export_project(station.store, station.project, tmp_path / "out", method="majority")
    (row,) = rows(out.folder)
    assert (row["origin"], row["readers"]) == ("majority of 2 readers", "2")


def test_films_that_came_as_dicom_get_a_segmentation(station: Station, tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    path = tmp_path / "film.dcm"
    levels = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    write_dx(path, levels, spacing_mm=(0.7, 0.7), patient_id="PHANTOM")
    import_films(station.store, station.project, [path])
    station.plan()
    station.read(station.ann, LEFT)
    out = export_project(station.store, station.project, tmp_path / "out", formats=["seg"])
    assert (out.segmentations, out.without) == (1, ())
    (file,) = (out.folder / "seg").iterdir()
    seg = pydicom.dcmread(file)
    np.testing.assert_array_equal(seg.pixel_array[0] == 1, plane(LEFT, "infection"))
    first = checksum(out.folder)
    export_project(station.store, station.project, out.folder, formats=["seg"])
    assert checksum(out.folder) == first
    path.unlink()
    again = export_project(station.store, station.project, out.folder, formats=["seg"])
    assert again.segmentations == 0 and "no longer where" in again.without[0][1]


def test_nothing_but_an_earlier_export_is_replaced(station: Station, tmp_path: Path) -> None:
    approve(station)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="expected a new folder or an earlier export"):
        export_project(station.store, station.project, folder)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_an_export_needs_approved_films_and_known_formats(station: Station, tmp_path: Path) -> None:
    film = station.film()
    with pytest.raises(UsageError, match="expected approved films"):
        export_project(station.store, station.project, tmp_path / "out")
    assert not (tmp_path / "out").exists() and station.state(film) == "open"
    with pytest.raises(UsageError, match="formats of png, coco, seg"):
        export_project(station.store, station.project, tmp_path / "out", formats=["bmp"])
    with pytest.raises(UsageError, match="method of staple, majority"):
        export_project(station.store, station.project, tmp_path / "out", method="mean")
    with station.store.read() as c:
        assert films.get(c, film).state == "open"


def test_a_restored_station_exports_the_same_bytes(station: Station, tmp_path: Path) -> None:
    approve(station)
    approve(station, "b", WIDER)
    backup(station.store, tmp_path / "all.tar")
    restore(tmp_path / "all.tar", tmp_path / "copy")
    copy = Store.open(tmp_path / "copy")
    written = []
    for store, place in ((station.store, "one"), (copy, "two")):
        out = export_project(store, station.project, tmp_path / place).folder
        files = sorted(p for p in out.rglob("*") if p.is_file())
        written.append({p.relative_to(out): p.read_bytes() for p in files})
    copy.close()
    assert written[0] == written[1] and len(written[0]) > 4
