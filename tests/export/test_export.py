"""Exports of a tiny catalog that has every awkward film: unknown masks, 16 bits, colour, DICOM."""

from __future__ import annotations

import csv
import errno
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from infmap.catalog.schema import COLUMNS, make_frame
from infmap.catalog.snapshot import read_snapshot, write_snapshot
from infmap.catalog.store import Catalog
from infmap.core.errors import SnapshotError, UsageError
from infmap.dicom import read_radiograph
from infmap.export import EXPORTS, export
from infmap.export.coco import regions_of
from infmap.export.films import names
from infmap.sources import SOURCES

SHAPE = (24, 32)
COVID, PNEUMONIA, NORMAL = (True, False, False), (False, True, False), (False, False, True)


def plane(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def region(top: int, left: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[top : top + 6, left : left + 5] = 255
    return mask


def save(root: Path, path: str, pixels: np.ndarray) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(root / path)
    return path


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
        rows.append(row | {"cluster_id": row["film_id"], "official_split": "test"})
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


def run(catalog: Catalog, kind: str, out: Path, **options: object) -> dict:
    return export(catalog.folder, kind, out, **options)


def listed(out: Path) -> dict[str, dict[str, str]]:
    with (out / "films.csv").open(newline="") as file:
        return {row["film_id"].removeprefix("cohen/"): row for row in csv.DictReader(file)}


def reasons(manifest: dict) -> dict[str, int]:
    return {one["reason"].split(";")[0]: one["films"] for one in manifest["left_out"]}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_film_is_exported_or_left_out_with_a_reason(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    manifest = run(catalog, kind, out)
    assert manifest == json.loads((out / "export.json").read_text())
    assert manifest["films"] + sum(reasons(manifest).values()) == 6
    assert manifest["failed"] == 0
    films = listed(out)
    assert len(films) == manifest["films"] > 0
    for row in films.values():
        assert (out / row["image"]).is_file()
    if manifest["left_out"]:
        with (out / "left_out.csv").open(newline="") as file:
            gone = {row["film_id"].removeprefix("cohen/") for row in csv.DictReader(file)}
        assert gone | set(films) == {
            row["film_id"].removeprefix("cohen/") for row in catalog.films()
        }
    licences = (out / "LICENCES.md").read_text()
    assert SOURCES["cohen"].citation in licences and "| CC BY 4.0 |" in licences
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("kind", EXPORTS)
def test_nothing_is_written_over_and_a_failed_export_leaves_nothing(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("keep")
    with pytest.raises(UsageError, match="empty folder"):
        run(catalog, kind, out)
    assert (out / "mine").read_text() == "keep"
    for film in (tmp_path / "source").glob("*.*"):
        film.write_bytes(b"not a film")
    with pytest.raises(UsageError, match="cannot be read"):
        run(catalog, kind, tmp_path / "other")
    assert not list(tmp_path.glob("*other*"))


def test_a_full_disk_is_an_error_and_not_a_film_left_out(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(UsageError, match="No space left"):
        run(catalog, "folders", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_films_whose_file_is_gone_are_counted_as_failed(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "source" / "a b.png").unlink()
    (tmp_path / "source" / "infection" / "none.png").write_bytes(b"no mask")
    manifest = run(catalog, "folders", tmp_path / "out")
    assert manifest["failed"] == 2
    assert reasons(manifest) == {"its file is missing": 1, "its infection mask cannot be read": 1}
    assert not list((tmp_path / "out").rglob("*A_B*"))


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


def test_nnunet_has_labels_folds_and_grey_png(catalog: Catalog, tmp_path: Path) -> None:
    manifest = run(catalog, "nnunet", tmp_path / "out")
    root = tmp_path / "out" / "Dataset900_Infmap"
    about = json.loads((root / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "lung": 1, "infection": 2}
    assert about["overwrite_image_reader_writer"] == "NaturalImage2DIO"
    cases = {path.name.removesuffix("_0000.png") for path in (root / "imagesTr").iterdir()}
    assert cases == {path.stem for path in (root / "labelsTr").iterdir()}
    assert about["numTraining"] == len(cases) == 2
    assert [path.name for path in (root / "labelsTs").iterdir()] == ["cohen_deep.png"]
    expected = np.zeros(SHAPE, np.uint8)
    expected[(region(2, 3) | region(12, 20)) > 0] = 1
    expected[region(4, 4) > 0] = 2
    films = listed(tmp_path / "out")
    name, normal = films["a b.png"]["name"], films["A_B.png"]["name"]
    np.testing.assert_array_equal(pixels(root / "labelsTr" / f"{name}.png"), expected)
    assert json.loads((root / "splits_final.json").read_text()) == [
        {"train": [name], "val": [normal]},
    ]
    for path in root.rglob("*.png"):
        assert pixels(path).dtype == np.uint8 and pixels(path).shape == SHAPE
    assert reasons(manifest) == {
        "no known infection mask": 1,
        "no known lungs mask": 1,
        "it has no split": 1,
    }


def test_nnunet_folds_are_the_catalogs_where_these_divide_the_films_to_train_on(
    catalog: Catalog, tmp_path: Path
) -> None:
    def splits(out: Path, **options: object) -> list[dict[str, list[str]]]:
        run(catalog, "nnunet", out, where="lung_mask IS NOT NULL", **options)
        return json.loads((out / "Dataset900_Infmap" / "splits_final.json").read_text())

    films = catalog.films()
    for fold, film in enumerate(films):
        film["fold"], film["infection_mask"] = fold, "infection/some.png"
        film["split"] = "val" if fold == 0 else "train"
        film["official_split"] = "val" if fold == 1 else "train"
    catalog.write("films", films)
    found = splits(tmp_path / "drawn")
    assert [len(fold["val"]) for fold in found] == [1, 1, 1, 1]
    assert {name for fold in found for name in fold["val"]} == set(
        found[0]["train"] + found[0]["val"]
    )
    assert all(not set(fold["train"]) & set(fold["val"]) for fold in found)
    (one,) = splits(tmp_path / "official", split="official_split")
    assert (len(one["train"]), len(one["val"])) == (3, 1)


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


def test_huggingface_keeps_unknown_masks_null_and_types_alike(
    catalog: Catalog, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(catalog, "huggingface", out)
    tables = {s: pl.read_parquet(out / s / "metadata.parquet") for s in ("train", "validation")}
    assert tables["train"].schema == tables["validation"].schema
    rows = {row["film_id"].removeprefix("cohen/"): row for row in tables["train"].to_dicts()}
    assert rows["colour.png"]["infection_mask_file_name"] is None
    assert rows["photo.jpg"]["lung_mask_file_name"] is None
    row = rows["a b.png"]
    assert (row["covid19"], row["class"], row["opacity_mask_file_name"]) == (True, "covid19", None)
    assert pixels(out / "train" / row["infection_mask_file_name"]).max() == 255
    assert row["boxes"][0]["label"] == "opacity" and row["scores"][0]["value"] == 3.0
    assert "| train | covid19 | 2 |" in (out / "README.md").read_text()


@pytest.mark.filterwarnings("ignore")
def test_huggingface_loads_with_datasets(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    run(catalog, "huggingface", out)
    films = datasets.load_dataset(
        "imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache")
    )
    assert {name: len(part) for name, part in films.items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }
    (row,) = (row for row in films["train"] if row["film_id"] == "cohen/photo.jpg")
    assert row["lung_mask"] is None
    np.testing.assert_array_equal(np.asarray(row["infection_mask"]), region(4, 4))


def test_qata_reads_back_as_its_own_source(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = run(catalog, "qata", out)
    assert reasons(manifest) == {"it has no split": 1}
    records = {record.path: record for record in SOURCES["qata-cov19"].read(out)}
    films = listed(out)
    train = records[films["a b.png"]["image"]]
    assert (train.covid19, train.official_split) == (True, "train")
    assert train.infection_mask == (
        f"QaTa-COV19/QaTa-COV19-v2/Train Set/Ground-truths/mask_{films['a b.png']['name']}.png"
    )
    assert records[films["deep.png"]["image"]].official_split == "test"
    assert records[films["A_B.png"]["image"]].normal is True
    other = records[films["colour.png"]["image"]]
    assert (other.covid19, other.normal, other.infection_mask) == (False, None, None)
    assert len(records) == 5


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_films_that_need_no_change_can_be_linked(
    catalog: Catalog, link: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(catalog, "folders", out, link=link)
    films = listed(out)
    linked, source = out / films["photo.jpg"]["image"], tmp_path / "source" / "photo.jpg"
    assert linked.samefile(source)
    assert linked.is_symlink() == (link == "symbolic")
    deep = out / films["deep.png"]["image"]
    assert not deep.samefile(tmp_path / "source" / "deep.png")
    assert pixels(tmp_path / "source" / "deep.png").max() > 255


def test_the_publishers_split_can_hold_instead(catalog: Catalog, tmp_path: Path) -> None:
    manifest = run(catalog, "folders", tmp_path / "out", split="official_split")
    assert manifest["splits"] == {"test": 6}


def test_a_split_of_another_name_keeps_it_or_is_left_out(catalog: Catalog, tmp_path: Path) -> None:
    films = catalog.films()
    films[0]["split"], films[1]["split"] = "../hold out", "val"
    catalog.write("films", films)
    manifest = run(catalog, "folders", tmp_path / "out")
    assert (tmp_path / "out" / "hold_out").is_dir() and manifest["splits"]["hold_out"] == 1
    (reason,) = (r for r in reasons(run(catalog, "monai", tmp_path / "m")) if "hold_out" in r)
    assert "train, val, test" in reason


def test_wrong_use_is_a_clear_error(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="one of coco, nnunet"):
        run(catalog, "voc", out)
    with pytest.raises(UsageError, match="selects no film"):
        run(catalog, "coco", out, where="width > 9999")
    with pytest.raises(UsageError, match="nosuch"):
        run(catalog, "coco", out, where="nosuch")
    with pytest.raises(UsageError, match=r"no known infection mask \(films: 1\)"):
        run(catalog, "monai", out, where="infection_mask IS NULL")
    with pytest.raises(SnapshotError, match="a catalog or a snapshot"):
        export(tmp_path / "nowhere", "coco", out)
    assert not out.exists()


def test_names_are_unique_and_fit_any_file_system() -> None:
    given = ["s/A b.png", "s/a_B.jpg", "s/é/x.png", "s/..", f"s/{'long' * 90}.png", "s/c.1.png"]
    found = names(given)
    assert found["s/c.1.png"] == "s_c.1"
    assert len({name.lower() for name in found.values()}) == len(given)
    for name in found.values():
        assert name.isascii() and len(name) <= 120 and not set(name) & set('/\\:*?"<>| ')


@pytest.mark.parametrize("how", ["turned", "16-bit colour", "palette", "transparent", "tiff"])
def test_what_readers_show_differently_is_never_taken_as_it_is(
    catalog: Catalog, how: str, tmp_path: Path
) -> None:
    path, grey = tmp_path / "source" / "photo.jpg", Image.fromarray(plane(4))
    if how == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        grey.save(path, "JPEG", exif=exif)
    elif how == "16-bit colour":
        path.write_bytes(colour_png_of_16_bits(plane(4)))
    elif how == "palette":
        grey.convert("P").save(path, "PNG")
    elif how == "transparent":
        grey.convert("LA").save(path, "PNG")
    else:
        grey.save(path, "TIFF")
    manifest = run(catalog, "folders", tmp_path / "out", where="film_id LIKE '%photo%'")
    assert manifest["notes"]["films re-encoded as 8-bit grey PNG"] == 1
    shown = pixels(tmp_path / "out" / listed(tmp_path / "out")["photo.jpg"]["image"])
    assert (shown.dtype, shown.shape) == (np.uint8, SHAPE[::-1] if how == "turned" else SHAPE)
    if how != "turned":
        np.testing.assert_array_equal(shown, plane(4))


def colour_png_of_16_bits(grey: np.ndarray) -> bytes:
    """A PNG that Pillow cannot write, but opens as if it had 8 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = grey.shape
    wide = (grey.astype(">u2") * 257)[..., None].repeat(3, -1)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in wide)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    )


def test_a_snapshot_exports_like_its_catalog(catalog: Catalog, tmp_path: Path) -> None:
    frontal = [row for row in catalog.films() if row["split"]]
    for row in frontal:
        row["fold"] = row["fold"] or 0
    catalog.write("films", frontal)
    write_snapshot(catalog, tmp_path / "snapshot")
    assert len(read_snapshot(tmp_path / "snapshot")[0]) == 5
    manifest = export(tmp_path / "snapshot", "coco", tmp_path / "out", where="covid19")
    assert (manifest["films"], len(manifest["snapshot"])) == (3, 64)


def test_every_mask_column_is_one_of_the_table() -> None:
    from infmap.export.films import MASKS

    assert set(MASKS.values()) == {c for c in COLUMNS["films"] if c.endswith("_mask")}


@pytest.mark.parametrize("kind", ["folders", "nnunet"])
def test_real_dicom_films_become_8_bit_png(data: Path, kind: str, tmp_path: Path) -> None:
    films = sorted((data / "dicom").glob("*.dcm"))
    if not films:
        pytest.skip(f"no DICOM films in {data}")
    rows = []
    for film in films:
        shape = read_radiograph(film).shape
        mask = np.zeros(shape, np.uint8)
        mask[10:20, 30:50] = 255
        save(tmp_path, f"catalog/masks/{film.stem}.png", mask)
        row = {"film_id": f"x/{film.name}", "source": "x", "path": film.name, "split": "train"}
        row |= {"height": shape[0], "width": shape[1], "covid19": True}
        rows.append(row | {"infection_mask": f"@catalog/masks/{film.stem}.png"})
    catalog = Catalog(tmp_path / "catalog")
    catalog.commit({"films": make_frame("films", rows)}, roots={"x": str(data / "dicom")})
    out = tmp_path / "out"
    manifest = run(catalog, kind, out)
    assert (manifest["films"], manifest["failed"]) == (len(films), 0)
    assert manifest["notes"]["films re-encoded as 8-bit grey PNG"] == len(films)
    for row, line in zip(rows, listed(out).values(), strict=True):
        with Image.open(out / line["image"]) as image:
            assert (image.format, image.mode) == ("PNG", "L")
            assert image.size == (row["width"], row["height"])
        assert pixels(out / line["image"]).std() > 10


@pytest.mark.parametrize("kind", ["folders", "coco", "monai", "nnunet"])
def test_a_copy_of_a_film_in_a_stronger_part_is_left_out(
    catalog: Catalog, kind: str, tmp_path: Path
) -> None:
    films = catalog.films()
    by_name = {film["path"]: film for film in films}
    by_name["a b.png"]["cluster_id"] = by_name["A_B.png"]["cluster_id"]
    by_name["deep.png"]["patient_id"] = by_name["colour.png"]["patient_id"] = "p"
    catalog.write("films", films)
    manifest = run(catalog, kind, tmp_path / "out")
    torn = "it shares a patient or a near-duplicate with a film of a stronger part"
    assert reasons(manifest)[torn] == 2
    assert {"a b.png", "colour.png"}.isdisjoint(listed(tmp_path / "out"))
