"""How much burned-in text is located, how many boxes are false, and how long a film takes.

python benchmarks/deidentify.py DATA [--films 500] [--seed 0] [--side 3000] [--json FILE]

Real films of DATA are scaled to SIDE x SIDE pixels with the noise of a detector, and five strings
are drawn on each at random places: 18 pixels and more, several typefaces, bright, dark and grey,
one in ten turned by 90 degrees. A string counts as located if 95 % of its ink lies in boxes. A
box is false if it touches none of the strings, though some films carry text or letters of their
own. The time is that of everything that is done with a film: read, located, lungs, painted,
written, looked at again.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infmap.deidentify.boxes import Box
from infmap.deidentify.film import blank_film, clean_film
from infmap.deidentify.key import Key
from infmap.deidentify.look import look_at
from infmap.deidentify.lungs import shipped_lungs
from infmap.deidentify.options import Options
from infmap.dicom import write_dx

FOLDERS = ("cohen/images", "radiologist/images", "nih", "kermany", "covid-cxnet", "actualmed")
TEXTS = (
    "MUSTERMANN ERIKA", "Doe, John", "12.04.1961", "1961-04-12 F", "HOSP-778812", "Nguyen Thi Lan",
    "PAT ID: 4711-22", "Müller, Anna", "KLINIKUM NORD", "14:35:22", "ACC 990017", "SMITH^JANE",
    "M 058Y", "Dr. Sauerbruch", "ROOM 3 PORTABLE",
)  # fmt: skip
SMALLEST, LARGEST = 18, 96
STRINGS = 5
LOCATED = 0.95
# Grey levels of 255: a string is drawn so that people see it on the mean of what is beneath.
SEEN = 64


@dataclass(frozen=True)
class Planted:
    """One string: its place, and how it was drawn."""

    box: Box
    ink: NDArray[np.bool_]
    text: str
    size: int
    level: int


def main() -> None:
    """Measure, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--missed", type=Path, help="folder for pictures of what was missed")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    films = paths(given.data)
    chosen = rng.permutation(len(films))[: given.films]
    lungs, key = shipped_lungs(), Key(bytes(32))
    lungs(np.zeros((64, 64), np.uint8))  # the model is loaded once a run, not once a film
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        for number, index in enumerate(chosen):
            plane, planted = draw(scaled(films[index], given.side, rng), rng)
            path.write_bytes(dicom(plane, number))
            before, cpu = time.perf_counter(), time.process_time()
            look = look_at(1, path, key, lungs)
            source = look.open(key)
            blank_film(source, look.boxes)
            clean_film(source, Options(pixels=True), key)
            seconds = (time.perf_counter() - before, time.process_time() - cpu)
            row, missed = judge(look.boxes, planted, plane.shape)
            rows.append(
                {"film": films[index].name, **row, "seconds": seconds[0], "cpu": seconds[1]}
            )
            for one in missed if given.missed else ():
                save(given.missed, f"{number}-{one.box.x}", plane, look.boxes, one)
    report = summary(rows)
    print(json.dumps(report, indent=2))
    if given.json:
        given.json.write_text(json.dumps({"summary": report, "films": rows}, indent=1) + "\n")


def paths(data: Path) -> list[Path]:
    """Pictures of the folders, in order; masks and tables are left out."""
    kinds = {".png", ".jpg", ".jpeg"}
    found = [p for name in FOLDERS for p in sorted((data / name).rglob("*"))]
    films = [p for p in found if p.suffix.lower() in kinds and "masks" not in p.parts]
    if not films:
        raise SystemExit(f"{data}: no films in {', '.join(FOLDERS)}")
    return films


def scaled(path: Path, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A film of side x side, 0 to 255, with noise: enlarged films have none of their own."""
    with Image.open(path) as image:
        grey = image.convert("L").resize((side, side), Image.Resampling.BICUBIC)
    plane = np.asarray(grey, np.float32)
    # Two grey levels of 255: about the noise of a chest film at a usual dose.
    return np.clip(plane + rng.normal(0, 2, plane.shape).astype(np.float32), 0, 255)


def draw(
    plane: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[Planted]]:
    """Strings on a film, none near another."""
    out, taken, planted = plane.copy(), np.zeros(plane.shape, bool), []
    while len(planted) < STRINGS:
        size = int(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        text = str(rng.choice(TEXTS))
        ink = letters(text, size, rng)
        height, width = ink.shape
        if width >= plane.shape[1] - 40 or height >= plane.shape[0] - 40:
            continue
        y = int(rng.integers(20, plane.shape[0] - height - 20))
        x = int(rng.integers(20, plane.shape[1] - width - 20))
        if taken[max(0, y - 60) : y + height + 60, max(0, x - 60) : x + width + 60].any():
            continue
        here = out[y : y + height, x : x + width]
        level = tone(float(here.mean()), rng)
        out[y : y + height, x : x + width] = here * (1 - ink) + level * ink
        taken[y : y + height, x : x + width] = True
        planted.append(Planted(Box(x, y, width, height), ink > 0.5, text, size, round(level)))
    return out, planted


def letters(text: str, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Ink of a string, 0 to 1, with smooth edges; one in ten is turned."""
    faces = [
        f for f in sorted(font_manager.findSystemFonts()) if "DejaVu" in f or "Liberation" in f
    ]
    bundled = sorted(Path(font_manager.__file__).parent.glob("mpl-data/fonts/ttf/DejaVuSans*.ttf"))
    font = ImageFont.truetype(str(rng.choice(faces or [str(face) for face in bundled])), size)
    left, top, right, bottom = font.getbbox(text)
    layer = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4), 0)
    ImageDraw.Draw(layer).text((2 - left, 2 - top), text, fill=255, font=font)
    ink = np.asarray(layer) / 255
    return np.rot90(ink, int(rng.choice([1, 3]))) if rng.random() < 0.1 else ink


def tone(ground: float, rng: np.random.Generator) -> float:
    """Grey level of ink: white for most, black for a fifth, grey for a fifth, always seen."""
    kind = rng.random()
    if kind < 0.6:
        return 255.0 if ground < 255 - SEEN else 0.0
    if kind < 0.8:
        return 0.0 if ground > SEEN else 255.0
    level = float(np.clip(ground + rng.choice([-1, 1]) * rng.uniform(80, 140), 0, 255))
    return level if abs(level - ground) >= SEEN else (255.0 if ground < 128 else 0.0)


def dicom(plane: NDArray[np.float32], number: int) -> bytes:
    """The film as a DICOM file of 16 bits."""
    stream = io.BytesIO()
    pixels = np.rint(plane * 257).astype(np.uint16)
    write_dx(stream, pixels, spacing_mm=(0.14, 0.14), patient_id=f"bench{number:05d}")  # type: ignore[arg-type]
    return stream.getvalue()


def judge(
    boxes: tuple[Box, ...], planted: list[Planted], shape: tuple[int, ...]
) -> tuple[dict[str, object], list[Planted]]:
    """What was located, and what was not."""
    inside = np.zeros(shape, bool)
    strings = np.zeros(shape, bool)
    for box in boxes:
        inside[box.slices] = True
    missed = []
    for one in planted:
        strings[one.box.slices] = True
        if (inside[one.box.slices] & one.ink).sum() < LOCATED * one.ink.sum():
            missed.append(one)
    false = sum(1 for box in boxes if not strings[box.slices].any())
    row = {"strings": len(planted), "missed": len(missed), "boxes": len(boxes), "false": false}
    return row | {"missed_texts": [f"{one.text} ({one.size})" for one in missed]}, missed


def summary(rows: list[dict[str, object]]) -> dict[str, object]:
    """Figures of all films."""
    strings = sum(int(str(row["strings"])) for row in rows)
    missed = sum(int(str(row["missed"])) for row in rows)
    false = np.array([int(str(row["false"])) for row in rows])
    seconds = np.array([float(str(row["seconds"])) for row in rows])
    cpu = np.array([float(str(row["cpu"])) for row in rows])
    return {
        "films": len(rows),
        "strings": strings,
        "located": strings - missed,
        "located_percent": round(100 * (strings - missed) / strings, 2),
        "false_boxes_a_film": round(float(false.mean()), 2),
        "films_without_false_boxes_percent": round(100 * float((false == 0).mean()), 1),
        "seconds_a_film": spread(seconds),
        "cpu_seconds_a_film": spread(cpu),
    }


def spread(values: NDArray[np.float64]) -> dict[str, float]:
    """The middle and the largest of some values."""
    return {"median": round(float(np.median(values)), 2), "most": round(float(values.max()), 2)}


def save(
    folder: Path, name: str, plane: NDArray[np.float32], boxes: tuple[Box, ...], one: Planted
) -> None:
    """The surroundings of a missed string, with the boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.rint(plane).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for box in boxes:
        edges = (box.x, box.y, box.x + box.width, box.y + box.height)
        pen.rectangle(edges, outline=(255, 80, 0), width=2)
    b = one.box
    picture.crop((b.x - 80, b.y - 80, b.x + b.width + 80, b.y + b.height + 80)).save(
        folder / f"{name}.png"
    )


if __name__ == "__main__":
    main()
