"""Small films and their edits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from infmap.catalog.store import Catalog, make_frame

FILMS = 24
RNG = np.random.default_rng(0)


def rotated(plane, degrees):
    height, width = plane.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(plane, turn, (width, height))


EDITS = {
    "gamma": lambda p: np.round(255 * (p / 255.0) ** 1.7).astype(np.uint8),
    "noise": lambda p: np.clip(p + RNG.normal(0, 3, p.shape), 0, 255).astype(np.uint8),
    "equalised": cv2.equalizeHist,
    "resized": lambda p: np.asarray(Image.fromarray(p).resize((128, 128))),
    "cropped": lambda p: p[18:, 10:-8],
    "rotated": lambda p: rotated(p, 5),
    "rotated back": lambda p: rotated(p, -5),
    "inverted": lambda p: 255 - p,
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "inverted and mirrored": lambda p: np.ascontiguousarray(255 - p[:, ::-1]),
}


def small_films() -> list[np.ndarray]:
    """Two dark lungs, which all films share, under a texture of each film's own."""
    rows, columns = np.mgrid[-1:1:192j, -1:1:192j]
    lungs = sum(np.exp(-(((columns - x) / 0.35) ** 2) - (rows / 0.7) ** 2) for x in (-0.45, 0.5))
    films = []
    for seed in range(FILMS):
        grain = np.random.default_rng(seed).integers(0, 120, (14, 14)).astype(np.float32)
        texture = cv2.resize(grain, (192, 192), interpolation=cv2.INTER_CUBIC)
        films.append(np.clip(150 - 100 * lungs + texture, 0, 255).astype(np.uint8))
    return films


def make_catalog(folder: Path, thumbs: np.ndarray, **columns) -> Catalog:
    """A catalog of these thumbnails, with columns of films that the caller names."""
    names = [f"s/f{n:03}" for n in range(len(thumbs))]
    rows = [
        {"film_id": name, "source": "s", "path": f"{name[2:]}.png", "bytes_hash": name,
         "pixel_hash": name} | {key: values[n] for key, values in columns.items()}
        for n, name in enumerate(names)
    ]  # fmt: skip
    catalog = Catalog(folder)
    tables = {"films": make_frame("films", rows), "duplicates": make_frame("duplicates", [])}
    catalog.commit(tables, pictures=thumbs, roots={"s": str(folder.parent / "nowhere")})
    return catalog
