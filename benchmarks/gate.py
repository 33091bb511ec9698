"""How often the quality gate accepts what is no film, and rejects what is one.

    python benchmarks/gate.py ../shared/data --sheet rejected.png

Other pictures and mistreated films are those of the held-out half (``gate_pictures.py``), which
``tools/fit_gate.py`` never saw; real films are all of them, by half. Rates have Wilson's 95 %
interval; films of one patient count as independent.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from gate_pictures import (
    PARTS,
    SEVERAL,
    TURNS,
    Picture,
    mistreated,
    other_pictures,
    real_films,
    sample,
)
from PIL import Image, ImageDraw

import infmap
from infmap.core.errors import RejectedFilm
from infmap.core.types import Radiograph
from infmap.dicom import read_radiograph
from infmap.inference.quality import assess
from infmap.metrics.intervals import wilson_interval

CELL = 200
"""Side of a film on the contact sheet, pixels."""
Row = tuple[Picture, str | None, tuple[str, ...], dict[str, float]]
"""A picture, why it was rejected or None, its warnings, and the gate's figures."""


def judged(model: infmap.Model, pictures: Iterable[Picture]) -> Iterator[Row]:
    """What the gate says of each picture."""
    for picture in pictures:
        try:
            found = model.predict(picture.pixels)
            yield picture, None, found.warnings, dict(found.quality)
        except RejectedFilm as error:
            yield picture, error.reason, error.warnings, dict(error.quality or {})


def table(title: str, rows: Sequence[Row], bad: str) -> None:
    """Print by kind how many were accepted (or rejected), and of those how many warned."""
    kinds = list(dict.fromkeys(row[0].kind for row in rows))
    print(f"\n{title}\n\n| kind | pictures | {bad} | 95 % interval |\n|---|---|---|---|")
    for kind in (*kinds, "all"):
        of_kind = [row for row in rows if kind in ("all", row[0].kind)]
        wrong = sum((row[1] is None) == (bad == "accepted") for row in of_kind)
        low, high = wilson_interval(wrong, len(of_kind))
        rate = f"{wrong} ({wrong / len(of_kind):.1%})"
        print(f"| {kind} | {len(of_kind)} | {rate} | {low:.1%} to {high:.1%} |")


def sheet(rows: Sequence[Row], file: Path) -> None:
    """A contact sheet of pictures with their reasons."""
    columns = 6
    lines = -(-len(rows) // columns)
    page = Image.new("RGB", (columns * CELL, max(1, lines) * (CELL + 40)), "navy")
    draw = ImageDraw.Draw(page)
    for index, (picture, reason, _, _) in enumerate(rows):
        image = Image.fromarray(np.round(picture.pixels * 255).astype(np.uint8))
        image.thumbnail((CELL - 4, CELL - 4))
        x, y = index % columns * CELL, index // columns * (CELL + 40)
        page.paste(image, (x, y))
        draw.text((x, y + CELL), f"{picture.kind} {picture.origin}"[:34], fill="yellow")
        draw.text((x, y + CELL + 12), str(reason)[:34], fill="white")
        draw.text((x, y + CELL + 24), str(reason)[34:70], fill="white")
    page.save(file)


def film_level_ms(films: Sequence[np.ndarray]) -> float:
    """Milliseconds of the part before the network, a film of 256 pixels, median."""
    times = []
    for pixels in films:
        start = time.perf_counter()
        assess(Radiograph(pixels))
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=200, help="films that are mistreated")
    parser.add_argument("--real", type=int, default=10**6, help="most real films")
    parser.add_argument("--sheet", type=Path, help="contact sheet of real films that are rejected")
    arguments = parser.parse_args()
    model = infmap.load()
    others = [p for p in other_pictures() if p.held_out]
    table("Other pictures, held-out half", list(judged(model, others)), "accepted")
    files = real_films(arguments.data)
    chosen = sample([f for s, f in files if s != "dicom"], arguments.films, seed=7)
    films = [(f.name, read_radiograph(f).pixels) for f in chosen]
    for title, turns in (
        ("More than one film in a picture", SEVERAL),
        ("Halves of films", PARTS),
        ("Turned, tilted and negative films", TURNS),
    ):
        pictures = (p for p in mistreated(films, turns) if p.held_out)
        table(f"{title}, held-out half", list(judged(model, pictures)), "accepted")

    def real() -> Iterator[Picture]:
        for source, file in sample(files, arguments.real):
            yield Picture(source, file.name, read_radiograph(file).pixels)

    rejected: list[Row] = []
    rows: list[Row] = []
    figures: dict[str, list[float]] = {}
    for picture, reason, warned, found in judged(model, real()):
        half = "held out" if picture.held_out else "development"
        bare = Picture(f"{picture.kind}, {half}", picture.origin, np.zeros((1, 1), np.float32))
        rows.append((bare, reason, warned, found))
        for name, value in found.items():
            figures.setdefault(name, []).append(np.nan if value is None else value)
        if reason is not None:
            rejected.append((picture, reason, warned, found))
    table("Real frontal films", rows, "rejected")
    for picture, reason, _, _ in rejected:
        print(f"rejected: {picture.kind} {picture.origin}: {reason}")
    tops = Counter(w.split("(")[0][:40] for row in rows for w in row[2])
    print("\nwarnings:", dict(tops.most_common(12)))
    print("\n| figure | least | 0.1 % | median | 99.9 % | largest |\n|---|---|---|---|---|---|")
    for name, values in figures.items():
        spread = np.nanquantile(values, [0, 0.001, 0.5, 0.999, 1])
        print(f"| {name} | " + " | ".join(f"{v:.3g}" for v in spread) + " |")
    if arguments.sheet:
        sheet(rejected, arguments.sheet)
    small = [p for _, p in films if p.shape == (256, 256)]
    print(f"\nfilm-level part: {film_level_ms(small):.2f} ms a film of 256 pixels")


if __name__ == "__main__":
    main()
