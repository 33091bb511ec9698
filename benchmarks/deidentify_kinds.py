"""Which kinds of burned-in text are located, and which are not.

python benchmarks/deidentify_kinds.py DATA [--films 20] [--plain 100] [--seed 0] [--side 3000]
    [--json FILE]

Ten strings of one kind are drawn on each of FILMS real films of DATA, which are scaled to SIDE x
SIDE pixels with the noise of a detector as in ``deidentify.py``. A string counts as located if 95 %
of its ink lies in boxes. PLAIN films without any string tell how many boxes are false, though some
of them carry letters of their own. Intervals are Wilson's, of 95 %, and take strings of one film
for independent. A script whose typeface is not installed is named as absent.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deidentify import LOCATED, paths, scaled
from infmap.deidentify.boxes import Box
from infmap.deidentify.text import locate
from infmap.metrics import wilson_interval

Level = Callable[[float], float]
Strings = tuple[str, ...]
LATIN = ("MUSTERMANN ERIKA", "Doe, John", "12.04.1961", "HOSP-778812", "PAT ID: 4711-22")
CYRILLIC = ("Иванов Пётр", "Мария Петрова", "Больница № 5", "Сидорова Анна", "ПАЦИЕНТ 4711")
ARABIC = ("محمد علي", "فاطمة حسن", "مستشفى", "عبد الله", "المريض")
CHINESE = ("王小东 男", "北京协和医院", "患者编号 4711", "李小明", "胸部正位片")
JAPANESE = ("山田太郎", "やまだ たろう", "東京病院", "ヤマダ タロウ", "患者番号 4711")
STRINGS = 10


def far(ground: float) -> float:
    """White on dark ground, black on bright ground."""
    return 255.0 if ground < 128 else 0.0


def off(distance: int) -> Level:
    """Grey that is so many levels of 255 from the mean beneath."""
    return lambda ground: ground + (distance if ground < 128 else -distance)


@dataclass(frozen=True)
class Kind:
    """How strings of one kind are drawn.

    Attributes:
        name: for the table.
        texts: what is written.
        angle: degrees, counterclockwise.
        sizes: smallest and largest font, pixels.
        level: grey level of the ink by the mean of the ground.
        border: at the very edge of the film.
        face: part of the file name of the typeface.
    """

    name: str
    texts: Strings = LATIN
    angle: float = 0
    sizes: tuple[int, int] = (18, 40)
    level: Level = far
    border: bool = False
    face: str = "DejaVuSans.ttf"


KINDS = (
    Kind("full contrast"),
    *(Kind(f"rotated by {angle} degrees", angle=angle) for angle in (90, 180, 270)),
    Kind("at the border", border=True),
    *(Kind(f"slanted by {angle} degrees", angle=angle) for angle in (5, 10, 20, 45, 70)),
    Kind("10 to 17 pixels", sizes=(10, 17)),
    *(Kind(f"grey, {n} levels of 255 off the ground", level=off(n)) for n in (50, 30, 20)),
    Kind("Cyrillic", CYRILLIC),
    Kind("Arabic", ARABIC),
    Kind("Chinese", CHINESE, face="DroidSansFallback"),
    Kind("Japanese", JAPANESE, face="DroidSansFallback"),
    Kind("like handwriting", face="breip"),
)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--plain", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    films = paths(given.data)
    order = rng.permutation(len(films))[: max(given.films, given.plain)]
    faces = {kind.face: face_of(kind.face) for kind in KINDS}
    kinds = [kind for kind in KINDS if faces[kind.face]]
    located, plain = {kind.name: 0 for kind in kinds}, []
    for number, index in enumerate(order):
        film = scaled(films[index], given.side, rng)
        if number < given.plain:
            before = time.process_time()
            boxes = locate(film.astype(np.uint8))
            seconds = time.process_time() - before
            plain.append((len(boxes), 100 * held(boxes, film.shape).mean(), seconds))
        for kind in kinds if number < given.films else ():
            plane, inks = drawn(film, kind, faces[kind.face], rng)
            inside = held(locate(plane), plane.shape)
            located[kind.name] += sum(
                bool((inside[where] & ink).sum() >= LOCATED * ink.sum()) for where, ink in inks
            )
    count = given.films * STRINGS
    for name, hits in located.items() if count else ():
        low, high = wilson_interval(hits, count)
        print(f"| {name} | {hits} of {count} | {100 * low:.0f} to {100 * high:.0f} % |")
    absent = [kind.name for kind in KINDS if kind not in kinds]
    print(f"typeface absent: {', '.join(absent) or 'none'}")
    report: dict[str, object] = {"strings": count, "located": located, "absent": absent}
    if plain:
        number, area, cpu = np.array(plain).T
        report |= {
            "plain_films": len(plain),
            "boxes_a_plain_film": round(float(number.mean()), 2),
            "plain_films_without_boxes_percent": round(100 * float((number == 0).mean()), 1),
            "most_boxes": int(number.max()),
            "percent_of_a_plain_film_in_boxes": round(float(area.mean()), 2),
            "cpu_seconds_to_locate": {
                "median": round(float(np.median(cpu)), 2),
                "most": round(float(cpu.max()), 2),
            },
        }
    print(json.dumps(report, indent=2, ensure_ascii=False))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def held(boxes: list[Box], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What of a film lies in boxes."""
    inside = np.zeros(shape, bool)
    for box in boxes:
        inside[box.slices] = True
    return inside


def face_of(name: str) -> str:
    """Path of an installed typeface; "" where there is none."""
    bundled = Path(font_manager.__file__).parent.glob("mpl-data/fonts/ttf/*.ttf")
    known = [*sorted(font_manager.findSystemFonts()), *sorted(map(str, bundled))]
    return next((path for path in known if name.lower() in path.lower()), "")


def drawn(
    film: NDArray[np.float32], kind: Kind, face: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[tuple[tuple[slice, slice], NDArray[np.bool_]]]]:
    """A film with strings of one kind, each in a band of its own, and where their ink is."""
    plane, side, inks = film.copy(), film.shape[0], []
    for number in range(STRINGS):
        size = int(rng.integers(kind.sizes[0], kind.sizes[1] + 1))
        ink = letters(kind.texts[number % len(kind.texts)], size, kind.angle, face)
        height, width = ink.shape
        band = side // STRINGS
        y, x = number * band + (band - height) // 2, int(rng.integers(0, side - width))
        if height > band:  # slanted strings are higher than a band: they stand side by side
            y, x = int(rng.integers(0, side - height)), number * band
            x = min(x, side - width)
        if kind.border:
            y, x = (0 if number % 2 else side - height), min(number * band, side - width)
        where = slice(y, y + height), slice(x, x + width)
        ground = plane[where]
        level = kind.level(float(film[where].mean()))
        plane[where] = np.clip(ground + (level - ground) * ink, 0, 255)
        inks.append((where, ink > 0.5))
    return np.rint(plane).astype(np.uint8), inks


def letters(text: str, size: int, angle: float, face: str) -> NDArray[np.float32]:
    """Ink of a string, 0 to 1, without the empty margin around it."""
    font = ImageFont.truetype(face, size)
    left, top, right, bottom = font.getbbox(text)
    layer = Image.new("L", (round(right - left) + 4, round(bottom - top) + 4), 0)
    ImageDraw.Draw(layer).text((2 - left, 2 - top), text, fill=255, font=font)
    turned = layer.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    return np.asarray(turned.crop(turned.getbbox()), np.float32) / 255


if __name__ == "__main__":
    main()
