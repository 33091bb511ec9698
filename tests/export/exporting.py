"""What the tests of the formats share: a small catalog, and how an export is looked at."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.catalog.store import Catalog
from infmap.export import export

SHAPE = (24, 32)


COVID = True, False, False


PNEUMONIA = False, True, False


NORMAL = False, False, True


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
