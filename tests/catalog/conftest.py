"""A small source that the catalog's tests share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_film(path: Path, seed: int, size: tuple[int, int] = (96, 96)) -> None:
    """A smooth random plane: two seeds are unlike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def make_cohen(tmp_path: Path) -> Callable[..., Path]:
    """Writes a source in the layout of the COVID-19 Image Data Collection."""

    def make(films: int, name: str = "cohen", first: int = 0, view: str = "PA") -> Path:
        root = tmp_path / name
        table = root / "metadata.csv"
        table.parent.mkdir(exist_ok=True)
        rows = [["patientid", "offset", "finding", "view", "modality", "folder", "filename",
                 "license"]]  # fmt: skip
        for n in range(first, first + films):
            write_film(root / "images" / f"f{n:03}.png", n)
            finding = ("COVID-19", "No Finding", "SARS")[n % 3]
            rows.append([f"p{n // 2}", "1", finding, view, "X-ray", "images", f"f{n:03}.png", ""])
        with table.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return root

    return make
