"""A small source that the catalog's tests share."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.dedup.thumbnails import thumbnail
from infmap.phantom import render

sys.path.insert(0, str(Path(__file__).parent))
from mask_writing import Write  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "dedup"))
from disguises import small_films  # noqa: E402


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


@pytest.fixture(scope="module")
def planes() -> list[np.ndarray]:
    """Small films, each of its own texture."""
    return small_films()


@pytest.fixture(scope="module")
def thumbs(planes: list[np.ndarray]) -> np.ndarray:
    """Their thumbnails."""
    return np.stack([thumbnail(plane) for plane in planes])
