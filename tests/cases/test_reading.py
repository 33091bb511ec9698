"""Inputs that were once read wrongly, where they lie beside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import infmap
from infmap.core.errors import FilmError, RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("INFMAP_DATA") or ROOT.parent / "shared" / "data").parent / "cases"
REFERENCE = "reference.png"
GAMMA = "voi-lut-after-negative-intercept/f10_gamma_SS_explicit.dcm"
SAME_FILM = (
    "jpeg2000-jpegls-high-bits",
    "missing-image-tags",
    "one-odd-number-fails-the-film",
    "tiff-sample-formats",
    "voi-lut-8-bit-output",
    "voi-lut-after-negative-intercept",
    "window-that-does-not-fit",
    "japanese-character-set",
)
WARNED = ("missing-image-tags", "one-odd-number-fails-the-film", "window-that-does-not-fit")


def films(*folders: str) -> list[str]:
    """The films of these folders, relative; one that is not there, so that it is skipped."""
    found = [p for f in folders for p in sorted((SHARED / f).glob("*")) if p.name != "README"]
    return [str(path.relative_to(SHARED)) for path in found] or ["absent"]


def path_of(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no cases: {SHARED} does not exist; set INFMAP_DATA")
    return path


@cache
def model() -> infmap.Model:
    return infmap.load()


@cache
def opacity(name: str) -> float:
    return model().predict(path_of(name)).opacity_fraction


@pytest.mark.parametrize("name", films(*SAME_FILM))
def test_the_same_film_gives_the_same_answer(name: str) -> None:
    expected = opacity(GAMMA if "gamma" in name else REFERENCE)
    assert opacity(name) == pytest.approx(expected, abs=0.005)
    if name.startswith(WARNED):
        assert read_radiograph(path_of(name)).warnings


def test_a_gamma_of_the_voi_lut_is_applied() -> None:
    film, shown = read_radiograph(path_of(REFERENCE)), read_radiograph(path_of(GAMMA))
    low, high = film.pixels.min(), film.pixels.max()
    expected = ((film.pixels - low) / (high - low)) ** 2.2
    assert abs(shown.pixels - expected).max() < 0.02


@pytest.mark.parametrize("name", films("abort", "damaged-jpeg-is-judged"))
def test_damaged_pixels_are_said(name: str) -> None:
    with pytest.raises(UnreadableFilm, match="damaged"):
        read_radiograph(path_of(name))


@pytest.mark.parametrize("name", films("for-processing"))
def test_raw_detector_values_are_said(name: str) -> None:
    with pytest.raises(RejectedFilm, match="FOR PROCESSING"):
        read_radiograph(path_of(name))


@pytest.mark.parametrize("name", films("jpeg-extended-12-bit"))
def test_12_bit_jpeg_is_read_or_has_a_true_reason(name: str) -> None:
    path = path_of(name)
    if path.name.startswith("f32"):
        with pytest.raises(UnreadableFilm, match="compression that is read here"):
            read_radiograph(path)
    elif path.name.startswith("c20"):
        assert opacity(name) == pytest.approx(opacity(REFERENCE), abs=0.005)
    else:
        assert read_radiograph(path).shape == (1760, 1760)


def test_one_damaged_film_ends_no_run(tmp_path: Path) -> None:
    good = path_of(REFERENCE)
    command = [sys.executable, "-m", "infmap.cli.main", "predict", str(good.parent / "abort")]
    done = subprocess.run(
        [*command, str(good), "-o", str(tmp_path), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert sum('"status": "ok"' in line for line in lines) == 1


def test_no_case_raises_anything_but_a_film_error() -> None:
    folder = path_of(REFERENCE).parent
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            read_radiograph(path)
        except FilmError as error:
            assert "\n" not in error.reason
