"""Render a small source of phantom films: python tools/render_source.py FOLDER [--films 24]."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

from infmap.phantom import render

HEADER = ("path", "patient_id", "label", "view", "sex", "age", "infection_mask", "lung_mask",
          "licence")  # fmt: skip


def main() -> None:
    """Write films.csv, films/ and masks/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--size", type=int, default=192, help="rows of a film")
    given = parser.parse_args()
    for name in ("films", "masks"):
        (given.folder / name).mkdir(parents=True, exist_ok=True)
    rows = [_film(given.folder, n, given.size) for n in range(given.films)]
    with (given.folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)


def _film(folder: Path, n: int, size: int) -> list[str]:
    """Write one film and its masks; its row."""
    sick = n % 2 == 1
    film = render(5_000 + n, size=size, opacities=3 if sick else 0)
    name = f"{n:03}.png"
    _save(folder / "films" / name, np.clip(film.pixels + _texture(n, film.pixels.shape), 0, 1))
    _save(folder / "masks" / f"lungs-{name}", film.lungs)
    if sick:
        _save(folder / "masks" / f"infection-{name}", film.infection)
    return [
        f"films/{name}",
        f"p{n // 2:03}",
        "covid19" if sick else "normal",
        "PA",
        "FM"[n % 4 // 2],
        str(30 + n),
        f"masks/infection-{name}" if sick else "",
        f"masks/lungs-{name}",
        "CC0",
    ]


def _texture(n: int, shape: tuple[int, ...]) -> np.ndarray:
    """Soft tissue of a film's own, for phantoms of one anatomy would pass for copies; +-0.08."""
    grain = np.random.default_rng(n).uniform(-0.08, 0.08, (20, 20)).astype(np.float32)
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC))


def _save(path: Path, plane: np.ndarray) -> None:
    Image.fromarray(np.round(plane.astype(np.float32) * 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
