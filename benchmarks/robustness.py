"""How much the answer follows what says nothing of the patient.

    python benchmarks/robustness.py ../shared/data

Each film is read as it is and again with plain margins, tilted, compressed and reduced. The table
gives the change of the opacity share (absolute, share of the lung area) in the mean over films with
its bootstrap interval, the largest, how many films changed their grade, and how many were rejected
or warned of their position.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gate_pictures import real_films, rotated, sample
from numpy.typing import NDArray
from PIL import Image

import infmap
from infmap.core.errors import RejectedFilm
from infmap.core.types import Float32Image, Prediction
from infmap.dicom import read_radiograph
from infmap.metrics.intervals import Bootstrap, film_mean

Change = Callable[[Float32Image], Float32Image]
TONES = {"black": 0.0, "dark grey": 0.2, "grey": 0.5, "light grey": 0.8, "white": 1.0}
SIDES = {"one side": "l", "left and right": "lr", "top and bottom": "tb", "all round": "lrtb"}
WIDTHS = (0.05, 0.25, 0.5)
"""Of a margin, as a share of the film's side."""
TILTS = (-45, -30, -20, -15, -10, -5, 5, 10, 15, 20, 30, 45)
SOURCES = (
    "cohen",
    "general-blockchain",
    "nih",
    "covid-qu-ex",
    "radiography",
    "kermany",
    "covid-cxnet",
)


def framed(tone: float, sides: str, width: float) -> Change:
    """A plain margin."""

    def change(plane: Float32Image) -> Float32Image:
        rows = tuple(int(width * plane.shape[0]) * (s in sides) for s in "tb")
        columns = tuple(int(width * plane.shape[1]) * (s in sides) for s in "lr")
        return np.pad(plane, (rows, columns), constant_values=tone)

    return change


def with_noise(change: Change, sigma: float) -> Change:
    """The same with noise everywhere."""

    def noisy(plane: Float32Image) -> Float32Image:
        out = change(plane)
        noise = np.random.default_rng(0).normal(0, sigma, out.shape)
        return np.clip(out + noise, 0, 1).astype(np.float32)

    return noisy


def jpeg(quality: int) -> Change:
    """Compressed once."""

    def change(plane: Float32Image) -> Float32Image:
        stream = io.BytesIO()
        Image.fromarray(np.round(plane * 255).astype(np.uint8)).save(
            stream, "JPEG", quality=quality
        )
        return np.asarray(Image.open(stream), np.float32) / 255

    return change


def reduced(side: int) -> Change:
    """Brought to a long side, where that is smaller."""

    def change(plane: Float32Image) -> Float32Image:
        scale = min(1.0, side / max(plane.shape))
        size = round(plane.shape[1] * scale), round(plane.shape[0] * scale)
        image = Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR)
        return np.clip(np.asarray(image, np.float32), 0, 1)

    return change


def tilted(degrees: float) -> Change:
    """Tilted counter-clockwise."""
    return lambda plane: rotated(plane, degrees)


def changes() -> dict[str, list[Change]]:
    """Line of the table to the changes that it covers."""
    out: dict[str, list[Change]] = {}
    for name, tone in TONES.items():
        out[f"margin, {name}"] = [framed(tone, s, w) for s in SIDES.values() for w in WIDTHS]
    out["margin, grey, with noise of 3 levels"] = [
        with_noise(framed(0.5, s, 0.25), 0.012) for s in SIDES.values()
    ]
    for degrees in TILTS:
        out[f"tilted by {degrees} degrees"] = [tilted(degrees)]
    for quality in (90, 75, 40):
        out[f"JPEG, quality {quality}"] = [jpeg(quality)]
    for side in (512, 224):
        out[f"reduced to {side} pixels"] = [reduced(side)]
    return out


def predicted(model: infmap.Model, plane: Float32Image) -> Prediction | None:
    """What the model says; None where the gate rejects."""
    try:
        return model.predict(plane)
    except RejectedFilm:
        return None


def line(name: str, model: infmap.Model, films: list[Float32Image], turns: list[Change]) -> str:
    """One line of the table."""
    change: list[float] = []
    film: list[int] = []
    rejected = warned = silent = grades = 0
    for index, plane in enumerate(films):
        plain = predicted(model, plane)
        if plain is None:
            continue
        for turn in turns:
            found = predicted(model, np.ascontiguousarray(turn(plane)))
            if found is None:
                rejected += 1
                continue
            change.append(abs(found.opacity_fraction - plain.opacity_fraction))
            film.append(index)
            grades += found.severity.grade != plain.severity.grade
            told = any("tilted" in w or "unlike" in w for w in found.warnings)
            warned += told
            silent += change[-1] > 0.05 and not told
    if not change:
        return f"| {name} | 0 | all {rejected} rejected | | | | |"
    values: NDArray[np.float64] = np.array(change)
    mean = film_mean(values, Bootstrap(np.array(film)))
    return (
        f"| {name} | {len(change)} | {mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}) | "
        f"{values.max():.2f} | {grades} | {rejected} rejected, {warned} warned | {silent} |"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=50)
    parser.add_argument("--only", default="", help="lines of the table that begin so")
    arguments = parser.parse_args()
    model = infmap.load()
    by_source = {s: [f for n, f in real_films(arguments.data) if n == s] for s in SOURCES}
    files = [f for s in SOURCES for f in sample(by_source[s], -(-arguments.films // len(SOURCES)))]
    films = [read_radiograph(f).pixels for f in files[: arguments.films]]
    print(
        "| change | readings | change of opacity share (95 %) | largest | grade changed | gate | "
        "changed by more than 0.05 without a word |\n|---|---|---|---|---|---|---|"
    )
    for name, turns in changes().items():
        if name.startswith(arguments.only):
            print(line(name, model, films, turns), flush=True)


if __name__ == "__main__":
    main()
