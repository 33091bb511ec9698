"""Masks: which pixels are foreground, in which grid they lie, and what ingest says of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.mask_files import film_orientation, fit_mask, read_mask
from infmap.catalog.snapshot import write_snapshot
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.verify import verify
from infmap.core.errors import UnreadableFilm
from infmap.dicom.exif import as_seen
from infmap.phantom import render
from infmap.training.pack import write_pack

FOREGROUND = np.zeros((40, 60), np.bool_)
FOREGROUND[6:20, 30:52] = True
FOREGROUND[25:31, 5:17] = True
Write = Callable[[Path], None]


def grey(value: float, kind: type = np.uint8, suffix: str = "png") -> tuple[str, Write]:
    def write(path: Path) -> None:
        Image.fromarray((FOREGROUND * value).astype(kind)).save(path)

    return suffix, write


def colour(*channels: int, kind: type = np.uint8) -> tuple[str, Write]:
    def write(path: Path) -> None:
        plane = FOREGROUND[..., None] * np.array(channels, kind)
        cv2.imwrite(str(path), plane[..., [2, 1, 0]])

    return "png", write


def alpha(background: tuple[int, ...], foreground: tuple[int, ...]) -> tuple[str, Write]:
    def write(path: Path) -> None:
        plane = np.where(FOREGROUND[..., None], foreground, background).astype(np.uint8)
        Image.fromarray(plane).save(path)

    return "png", write


def palette(*colours: int, transparent: int | None = None) -> tuple[str, Write]:
    def write(path: Path) -> None:
        image = Image.fromarray(FOREGROUND.astype(np.uint8)).convert("P")
        image.putdata(FOREGROUND.astype(np.uint8).reshape(-1).tolist())
        image.putpalette(colours)
        image.save(path, **({} if transparent is None else {"transparency": transparent}))

    return "png", write


def bits(suffix: str) -> tuple[str, Write]:
    return suffix, lambda path: Image.fromarray(FOREGROUND).save(path)


def compressed(value: int, quality: int) -> tuple[str, Write]:
    def write(path: Path) -> None:
        large = FOREGROUND.repeat(4, axis=0).repeat(4, axis=1) * np.uint8(value)
        Image.fromarray(large).save(path, quality=quality)

    return "jpg", write


READ = {
    "0/255": grey(255),
    "0/1": grey(1),
    "0/1 of 16 bits": grey(1, np.uint16),
    "0/65535": grey(65535, np.uint16),
    "0/1 of 32 bits": grey(1, np.int32, "tif"),
    "0/127": grey(127),
    "class 2": grey(2),
    "float": grey(1, np.float32, "tif"),
    "half a probability": grey(0.5, np.float32, "tif"),
    "bmp": grey(255, suffix="bmp"),
    "gif": grey(255, suffix="gif"),
    "webp": ("webp", lambda p: Image.fromarray(FOREGROUND * np.uint8(255)).save(p, lossless=True)),
    "1 bit": bits("png"),
    "1 bit TIFF": bits("tif"),
    "red": colour(255, 0, 0),
    "blue": colour(0, 0, 255),
    "faint colour of 16 bits": colour(0, 1, 0, kind=np.uint16),
    "opaque red": alpha((0, 0, 0, 255), (255, 0, 0, 255)),
    "red on nothing": alpha((255, 0, 0, 0), (255, 0, 0, 255)),
    "black on nothing": alpha((0, 0, 0, 0), (0, 0, 0, 255)),
    "half red on nothing": alpha((0, 0, 0, 0), (255, 0, 0, 120)),
    "palette": palette(0, 0, 0, 128, 0, 0),
    "palette of blacks": palette(0, 0, 0, 0, 0, 0),
    "palette with a transparent background": palette(9, 9, 9, 255, 0, 0, transparent=0),
}


@pytest.mark.parametrize("name", READ)
def test_two_values_are_background_and_foreground(tmp_path: Path, name: str) -> None:
    suffix, write = READ[name]
    write(tmp_path / f"mask.{suffix}")
    np.testing.assert_array_equal(read_mask(tmp_path / f"mask.{suffix}").foreground, FOREGROUND)


@pytest.mark.parametrize(("value", "quality"), [(255, 95), (255, 40), (128, 60)])
def test_compression_about_two_values_is_cut_at_half(
    tmp_path: Path, value: int, quality: int
) -> None:
    suffix, write = compressed(value, quality)
    write(tmp_path / f"mask.{suffix}")
    mask = read_mask(tmp_path / f"mask.{suffix}")
    expected = FOREGROUND.repeat(4, axis=0).repeat(4, axis=1)
    assert (mask.foreground != expected).mean() < 0.01
    assert mask.notes == ("soft edges, cut at half",)


def test_soft_edges_of_a_resized_mask_are_cut_at_half(tmp_path: Path) -> None:
    large = Image.fromarray(FOREGROUND * np.uint8(255)).resize((200, 133), Image.Resampling.BICUBIC)
    large.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(mask.foreground, np.asarray(large) > 127)
    assert mask.notes


def plane(values: np.ndarray) -> Write:
    return lambda path: Image.fromarray(values).save(path)


RAMP = np.linspace(0, 1, 2400, dtype=np.float32).reshape(40, 60)
CLASSES = (FOREGROUND * np.uint8(1)).copy()
CLASSES[10:15, 35:40] = 2
REFUSED: dict[str, tuple[str, Write, str]] = {
    "classes": ("png", plane(CLASSES), "got 0, 1, 2"),
    "classes, spread": ("png", plane(CLASSES * np.uint8(127)), "got 0, 127, 254"),
    "classes without background": ("png", plane(CLASSES + np.uint8(1)), "got 1, 2, 3"),
    "classes 1 and 2": ("png", plane(FOREGROUND + np.uint8(1)), "got 1, 2"),
    "classes as JPEG": ("jpg", lambda p: Image.fromarray(CLASSES).save(p, quality=100), "got 0"),
    "probabilities": ("tif", plane(RAMP), "probabilities; save it as 0 and 255"),
    "grey film": ("png", plane((RAMP * 255).astype(np.uint8)), "0 to 255, 256 values"),
    "not a number": ("tif", plane(RAMP * np.float32(np.nan)), "no numbers"),
    "below zero": ("tif", plane(-FOREGROUND.astype(np.float32)), "got -1"),
    "colours": ("png", plane(np.stack([CLASSES, CLASSES == 1, CLASSES], 2) * np.uint8(120)), "(0"),
    "invisible": ("png", plane(np.zeros((4, 4, 4), np.uint8)), "transparent everywhere"),
    "NumPy": ("npy", lambda p: np.save(p, FOREGROUND), "a NumPy array"),
    "gzip": ("nii.gz", lambda p: p.write_bytes(b"\x1f\x8b\x08\0\0\0"), "NIfTI"),
    "text": ("png", lambda p: p.write_text("mask"), "got text"),
    "empty": ("png", lambda p: p.write_bytes(b""), "an empty file"),
    "half": ("png", lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR"), "damaged"),
    "missing": ("png", lambda p: None, "No such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_not_two_values_is_refused_with_them(tmp_path: Path, name: str) -> None:
    suffix, write, message = REFUSED[name]
    write(tmp_path / f"mask.{suffix}")
    with pytest.raises(UnreadableFilm) as error:
        read_mask(tmp_path / f"mask.{suffix}")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(FOREGROUND * np.uint8(v)) for v in (1, 255)]
    frames[0].save(tmp_path / "mask.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableFilm, match="2 pictures in one file"):
        read_mask(tmp_path / "mask.tif")


def test_one_value_is_all_background_or_all_foreground_and_said(tmp_path: Path) -> None:
    for value, share, notes in ((0, 0.0, ()), (1, 1.0, ("foreground everywhere (1)",))):
        Image.fromarray(np.full((9, 9), value, np.uint8)).save(tmp_path / "mask.png")
        mask = read_mask(tmp_path / "mask.png")
        assert (mask.foreground.mean(), mask.notes) == (share, notes)


def test_named_values_are_the_foreground(tmp_path: Path) -> None:
    Image.fromarray(CLASSES).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", [2]).foreground, CLASSES == 2)
    both = read_mask(tmp_path / "mask.png", [1, 2]).foreground
    np.testing.assert_array_equal(both, FOREGROUND)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_in_the_stored_grid_is_turned_with_its_film(
    tmp_path: Path, orientation: int
) -> None:
    stored = (FOREGROUND * 200).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "film.jpg", exif=exif)
    Image.fromarray(stored).save(tmp_path / "with.png", exif=exif)
    Image.fromarray(stored).save(tmp_path / "mask.png")
    assert film_orientation((tmp_path / "film.jpg").read_bytes()) == orientation
    upright = as_seen(FOREGROUND, orientation)
    for name in ("mask.png", "with.png"):
        found, notes = fit_mask(read_mask(tmp_path / name), upright.shape, orientation)
        np.testing.assert_array_equal(found, upright)
        assert bool(notes) == (orientation != 1 and name == "mask.png")
    if orientation >= 5:  # the upright grid has another size than the stored one
        Image.fromarray(upright).save(tmp_path / "mask.png")
        found, notes = fit_mask(read_mask(tmp_path / "mask.png"), upright.shape, orientation)
        np.testing.assert_array_equal(found, upright)
        assert notes == ()


def test_a_mask_of_another_size_is_resized_and_of_another_aspect_refused(tmp_path: Path) -> None:
    Image.fromarray(FOREGROUND).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    found, notes = fit_mask(mask, (80, 120))
    np.testing.assert_array_equal(found, FOREGROUND.repeat(2, 0).repeat(2, 1))
    assert notes == ("resized to its film",)
    turned, _ = fit_mask(mask, (119, 80), orientation=6)
    assert turned.shape == (119, 80) and turned[:60].mean() < turned[60:].mean()
    for shape in ((60, 60), (60, 40), (512, 512)):
        with pytest.raises(UnreadableFilm, match="of its aspect, got 60 x 40"):
            fit_mask(mask, shape)


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of rendered films with their masks, as a user may."""

    def make(rows: list[tuple[str, str, Write | None]], head: str = "", **cells: str) -> Path:
        root = tmp_path / "own"
        (root / "masks").mkdir(parents=True, exist_ok=True)
        lines = []
        for n, (name, label, write) in enumerate(rows):
            film = render(900 + n, size=96, opacities=2)
            Image.fromarray(np.round(film.pixels * 255).astype(np.uint8)).save(root / f"{n}.png")
            if write:
                write(root / "masks" / name)
            mask = f"masks/{name}" if name else ""
            lines.append([f"{n}.png", f"p{n}", label, mask, cells.get(name.split(".")[0], "")])
        with (root / "films.csv").open("w", newline="") as file:
            columns = ["path", "patient_id", "label", "infection_mask", "infection_value"]
            csv.writer(file).writerows([columns, *lines])
        return root

    return make


def infected(value: float, kind: type = np.uint8) -> Write:
    region = np.zeros((96, 96), kind)
    region[20:40, 30:50] = value
    return plane(region)


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


def test_a_source_whose_masks_are_all_empty_is_told(
    own: Callable[..., Path], tmp_path: Path
) -> None:
    root = own([(f"{n}.png", "covid19", infected(0)) for n in range(3)])
    report = ingest(Catalog(tmp_path / "catalog"), {"folder": root})
    assert (
        "infection_mask: all 3 masks are empty; are they what you meant?"
        in (report.notes["folder"])
    )


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
