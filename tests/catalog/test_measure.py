"""Tests of `infmap.catalog.measure`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.catalog.measure import guess_views, measure_file, quality
from infmap.phantom import render

from .conftest import write_film


def test_a_checksum_of_pixels_survives_another_file_format(tmp_path: Path) -> None:
    write_film(tmp_path / "a.png", 4)
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "b.bmp")
        image.convert("RGB").save(tmp_path / "c.png")
        image.point(lambda v: 255 - v).save(tmp_path / "d.png")
    rows = [measure_file(tmp_path / name)[0] for name in ("a.png", "b.bmp", "c.png", "d.png")]
    assert len({row["pixel_hash"] for row in rows[:3]}) == 1
    assert rows[3]["pixel_hash"] != rows[0]["pixel_hash"]
    assert len({row["bytes_hash"] for row in rows}) == 4
    assert [row["photometric"] for row in rows[1:3]] == ["MONOCHROME2", "RGB"]
    assert {row["bits"] for row in rows} == {8}


def test_all_bits_of_a_deep_film_count(tmp_path: Path) -> None:
    levels = np.full((32, 40), 20_000, np.uint16)
    levels[8:24, 10:30] = 40_000
    Image.fromarray(levels).save(tmp_path / "a.png")
    Image.fromarray(levels).save(tmp_path / "same.tif")
    levels[0, 0] += 1
    Image.fromarray(levels).save(tmp_path / "b.png")
    rows = [measure_file(tmp_path / name)[0] for name in ("a.png", "same.tif", "b.png")]
    assert {row["bits"] for row in rows} == {16}
    assert rows[0]["pixel_hash"] == rows[1]["pixel_hash"] != rows[2]["pixel_hash"]


def test_quality_figures_follow_their_definitions() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    figures = quality(ramp)
    assert figures["brightness"] == pytest.approx(0.5, abs=0.01)
    assert figures["contrast"] == pytest.approx(0.9, abs=0.02)
    assert figures["clipped"] == pytest.approx(2 / 256, abs=1e-6)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    assert quality(noise)["sharpness"] > 10 * figures["sharpness"]
    flat = quality(np.full((40, 1), 9, np.uint8))
    assert (flat["sharpness"], flat["contrast"], flat["clipped"]) == (0.0, 0.0, 0.0)


def test_a_frontal_phantom_is_guessed_frontal_and_a_one_sided_plane_is_not() -> None:
    from infmap.dedup.thumbnails import thumbnail

    film = np.round(render(5, size=128).pixels * 255).astype(np.uint8)
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    assert guess_views(np.stack([thumbnail(film), ramp])) == ["frontal", None]
