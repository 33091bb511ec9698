"""Tests of `infmap.catalog.mask_files`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from infmap.catalog.mask_files import film_orientation, fit_mask, read_mask
from infmap.core.errors import UnreadableFilm
from infmap.dicom.exif import as_seen

sys.path.insert(0, str(Path(__file__).parent))
from mask_writing import Write, plane  # noqa: E402

FOREGROUND = np.zeros((40, 60), np.bool_)
FOREGROUND[6:20, 30:52] = True
FOREGROUND[25:31, 5:17] = True


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
