"""Tests of `infmap.sources.jsrt`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.sources import jsrt

sys.path.insert(0, str(Path(__file__).parent))
from layouts import film  # noqa: E402
from layouts_b import LAYOUTS  # noqa: E402
from reading import classes, found  # noqa: E402


def test_jsrt_reads_age_and_sex_of_both_tables(tmp_path: Path) -> None:
    LAYOUTS["jsrt"](tmp_path)
    films = found(jsrt.SOURCE, tmp_path)
    people = {name: (record.sex, record.age) for name, record in films.items()}
    assert people == {
        "JPCLN001.png": ("M", 53),
        "JPCNN001.png": ("F", 50),
        "JPCNN002.png": ("M", None),
    }
    assert classes(films["JPCLN001.png"]) == (False, None, False)


def test_jsrt_masks_of_another_size_leave_the_lungs_unknown(tmp_path: Path) -> None:
    LAYOUTS["jsrt"](tmp_path)
    film(tmp_path / "All247images" / "JPCNN001.png", (48, 48))
    assert found(jsrt.SOURCE, tmp_path)["JPCNN001.png"].crops == ()
    assert jsrt.SOURCE.check(tmp_path) == [
        "1 of 3 films are not of their masks' size: their lungs are unknown, the first is JPCNN001"
    ]


def test_jsrt_raw_films_are_named_with_a_command_that_converts_them(tmp_path: Path) -> None:
    raw = np.full((2048, 2048), 4095, ">u2")
    raw[:1024] = 0
    raw[1024, :2] = 0
    path = tmp_path / "Nodule154images" / "JPCLN001.IMG"
    path.parent.mkdir()
    raw.tofile(path)
    with pytest.raises(UsageError, match="convert the .IMG files first: python -c"):
        list(jsrt.SOURCE.read(tmp_path))
    assert any(
        finding.startswith("1 of 1 films are .IMG only") and jsrt.CONVERT in finding
        for finding in jsrt.SOURCE.check(tmp_path)
    )
    assert jsrt.convert(tmp_path) == 1
    assert jsrt.convert(tmp_path) == 0
    with Image.open(path.with_suffix(".png")) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (1024, 1024)
    assert (pixels[0, 0], pixels[-1, -1]) == (65535, 0)
    assert abs(int(pixels[512, 0]) - 32768) <= 1  # the mean of two black and two white words
    assert list(found(jsrt.SOURCE, tmp_path)) == ["JPCLN001.png"]
    path.with_name("JPCLN002.IMG").write_bytes(b"short")
    with pytest.raises(UsageError, match="expected 8388608 bytes, got 5"):
        jsrt.convert(tmp_path)
