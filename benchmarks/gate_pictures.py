"""Pictures for measuring the quality gate: what is no frontal chest film, and films mistreated.

Pictures come from data that ships inside Python packages (``pip install scikit-image nilearn``;
scikit-learn, pydicom and matplotlib are there already), from drawings of other radiographs, and
from real films. Every picture belongs to one half, development or held out, by a checksum of what
it was made from, so that two tiles of a photograph or two shapes of a film never part.
"""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.errors import FilmError
from infmap.core.types import Float32Image
from infmap.dicom import read_radiograph

Plane = NDArray[np.float64]
TILES = 3
"""Tiles a side of a photograph of 384 pixels or more, besides the whole."""
SEEDS = 24
"""Drawings of each kind."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture.

    Attributes:
        kind: what it shows.
        origin: what it was made from, such as a file's name.
        pixels: float32 (H, W), [0, 1].
    """

    kind: str
    origin: str
    pixels: Float32Image

    @property
    def held_out(self) -> bool:
        """Whether it is in the held-out half."""
        return zlib.crc32(self.origin.encode()) % 2 == 1


def other_pictures() -> Iterator[Picture]:
    """Everything that is no frontal chest film."""
    yield from _photographs()
    yield from _head_mr()
    yield from _dicom()
    for kind, draw in DRAWINGS.items():
        for seed in range(SEEDS):
            yield Picture(
                kind, f"{kind} {seed}", _radiograph(draw, zlib.crc32(f"{kind} {seed}".encode()))
            )


def _photographs() -> Iterator[Picture]:
    import matplotlib
    import skimage.data
    import sklearn.datasets

    folders = {
        "photograph": Path(skimage.data.__file__).parent,
        "photograph ": Path(sklearn.datasets.__file__).parent / "images",
        "plot": Path(matplotlib.__file__).parent / "mpl-data" / "sample_data",
    }
    seen: set[str] = set()
    for kind, folder in folders.items():
        for file in sorted(folder.glob("*.*")):
            if file.suffix.lower() not in (".png", ".jpg", ".jpeg") or file.stem in seen:
                continue
            seen.add(file.stem)
            plane = np.asarray(Image.open(file).convert("L"), np.float32) / 255
            for tile in _tiles(plane):
                yield Picture(
                    kind.strip(), file.stem.replace("_left", "").replace("_right", ""), tile
                )
    faces = np.load(folders["photograph"] / "lfw_subset.npy")[:100]
    for index, face in enumerate(faces):
        face = (face - face.min()) / max(float(np.ptp(face)), 1e-6)
        image = Image.fromarray(face.astype(np.float32)).resize(
            (200, 200), Image.Resampling.BICUBIC
        )
        yield Picture("face", f"face {index}", np.clip(np.asarray(image, np.float32), 0, 1))


def _tiles(plane: Float32Image) -> Iterator[Float32Image]:
    yield plane
    height, width = plane.shape
    if min(height, width) >= 384:
        for row in range(TILES):
            for column in range(TILES):
                top, left = row * height // TILES, column * width // TILES
                yield plane[top : top + height // TILES, left : left + width // TILES]


def _head_mr() -> Iterator[Picture]:
    from nilearn.datasets import load_mni152_template

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = np.asarray(load_mni152_template(resolution=1).get_fdata(), np.float32)
    volume = np.clip(volume / volume.max(), 0, 1)
    for axis, name in enumerate(("sagittal", "coronal", "axial")):
        length = volume.shape[axis]
        for index in range(length // 6, length - length // 6, 7):
            plane = np.ascontiguousarray(np.rot90(volume.take(index, axis)))
            yield Picture("head MR", f"{name} {index // 35}", plane)


def _dicom() -> Iterator[Picture]:
    import pydicom.data

    folder = Path(pydicom.data.__file__).parent / "test_files"
    seen: set[bytes] = set()
    for file in sorted(folder.glob("*.dcm")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                plane = read_radiograph(file).pixels
        except (FilmError, OSError, ValueError):
            continue
        if plane.tobytes() in seen:
            continue
        seen.add(plane.tobytes())
        if min(plane.shape) < 128:
            size = (plane.shape[1] * 3, plane.shape[0] * 3)
            plane = np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
        yield Picture("CT, MR, US (pydicom)", file.stem.split("_")[0], np.clip(plane, 0, 1))


# Drawings: water-equivalent thickness of solids along the beam, on [-1, 1] x [-1, 1], y down.


class Scene:
    """Thickness on a square grid, in half sides of the picture."""

    def __init__(self, size: int, angle: float) -> None:
        axis = np.linspace(-1, 1, size)
        x, y = np.meshgrid(axis, axis)
        self.x = x * math.cos(angle) - y * math.sin(angle)
        self.y = x * math.sin(angle) + y * math.cos(angle)
        self.sum: Plane = np.zeros((size, size))

    def ball(self, x: float, y: float, a: float, b: float, weight: float = 1.0) -> None:
        """Add an ellipsoid with half axes a (x) and b (y); a negative weight is gas."""
        inside = 1 - ((self.x - x) / a) ** 2 - ((self.y - y) / b) ** 2
        self.sum += weight * 2 * min(a, b) * np.sqrt(np.maximum(inside, 0))

    def rod(self, start: Sequence[float], end: Sequence[float], r: float, weight: float) -> None:
        """Add a round rod between two points (x, y)."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        along = ((self.x - start[0]) * dx + (self.y - start[1]) * dy) / (dx * dx + dy * dy)
        along = np.clip(along, 0, 1)
        square = (self.x - start[0] - along * dx) ** 2 + (self.y - start[1] - along * dy) ** 2
        self.sum += weight * 2 * np.sqrt(np.maximum(r * r - square, 0))


def _hand(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, 0.35, 0.33, 0.4, 0.5)
    s.rod((0, 0.5), (0, 1.2), 0.2, 0.6)
    for x in (-0.07, 0.08):
        s.rod((x, 0.75), (x * 1.2, 1.2), 0.07, 2.5)
    for k in range(8):
        s.ball(-0.15 + 0.1 * (k % 4), 0.58 + 0.1 * (k // 4), 0.06, 0.05, 2.5)
    for finger in range(5):
        lean = (finger - 2) * u(0.12, 0.28) + (-0.6 if finger == 0 else 0)
        base, length = (-0.26 + 0.12 * finger, 0.5), u(0.26, 0.36) * (0.7 if finger == 0 else 1)
        for part in range(4):
            scale = (1.0, 0.8, 0.55, 0.4)[part]
            end = (
                base[0] + math.sin(lean) * length * scale,
                base[1] - math.cos(lean) * length * scale,
            )
            s.rod(base, end, 0.075 - 0.008 * part, 0.5)
            s.rod(base, end, 0.032 - 0.004 * part, 2.5)
            base = (end[0] + 0.02 * math.sin(lean), end[1] - 0.02 * math.cos(lean))


def _skull(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, -0.15, u(0.55, 0.7), u(0.65, 0.75), 1.2)
    s.ball(0, -0.15, 0.52, 0.6, -0.5)
    s.ball(0, 0.55, 0.35, 0.3, 0.9)
    for x in (-0.22, 0.22):
        s.ball(x, 0.02, 0.14, 0.12, -1.2)
    s.ball(0, 0.22, 0.09, 0.15, -1.5)
    for k in range(10):
        s.ball(-0.22 + 0.05 * k, 0.5, 0.022, 0.06, 6)
    s.rod((0, 0.6), (0, 1.1), 0.14, 2)


def _pelvis(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, 0, 1.0, 1.3, 0.7)
    for x in (-1, 1):
        s.ball(x * 0.5, -0.25, 0.32, u(0.35, 0.45), 0.8)
        s.ball(x * 0.32, 0.42, 0.13, 0.11, -1.0)
        s.ball(x * 0.62, 0.28, 0.14, 0.14, 2.5)
        s.rod((x * 0.66, 0.35), (x * 0.7, 1.2), 0.12, 2.2)
    for k in range(6):
        s.ball(0, -0.95 + 0.17 * k, 0.13, 0.075, 4)
    for _ in range(8):
        s.ball(u(-0.4, 0.4), u(-0.8, -0.1), u(0.05, 0.13), u(0.05, 0.1), -1.5)


def _knee(s: Scene, u: Callable[[float, float], float]) -> None:
    for x in (0.0,) if u(0, 1) < 0.5 else (-0.5, 0.5):
        s.rod((x, -1.3), (x, 1.3), u(0.28, 0.38), 0.6)
        s.rod((x, -1.3), (x, -0.15), 0.13, 2.0)
        s.ball(x, -0.12, 0.25, 0.17, 1.6)
        s.ball(x, 0.2, 0.24, 0.13, 1.6)
        s.rod((x - 0.03, 0.25), (x - 0.03, 1.3), 0.12, 2.0)
        s.rod((x + 0.17, 0.3), (x + 0.17, 1.3), 0.05, 2.0)


def _abdomen(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, 0, u(0.8, 1.0), 1.5, 0.8)
    for k in range(11):
        s.ball(0, -1 + 0.2 * k, 0.14, 0.085, 3)
        s.rod((-0.25, -1 + 0.2 * k), (0.25, -1 + 0.2 * k), 0.03, 3)
    for _ in range(18):
        s.ball(u(-0.6, 0.6), u(-0.7, 0.8), u(0.06, 0.2), u(0.05, 0.15), -1.2)


def _chest_ct(s: Scene, u: Callable[[float, float], float]) -> None:
    inside = ((s.x / 0.9) ** 2 + (s.y / u(0.6, 0.7)) ** 2) < 1
    s.sum += 1.1 * inside
    for x in (-1, 1):
        lung = ((s.x - x * 0.45) / u(0.27, 0.33)) ** 2 + ((s.y + 0.02) / 0.45) ** 2 < 1
        s.sum -= 0.95 * lung * (s.sum > 0.5)
    s.sum += 0.9 * ((s.x**2 + (s.y - 0.4) ** 2) < 0.012)
    s.ball(0.12, -0.1, 0.25, 0.22, 0.6)
    s.sum += 0.4 * (np.abs(s.y - 0.75 - 0.1 * s.x**2) < 0.015)


def _lateral(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, 0, u(0.65, 0.8), 1.4, 1.0)
    lean = u(-0.1, 0.1)
    s.ball(0.05 + lean, -0.1, u(0.42, 0.55), u(0.7, 0.85), -0.95)
    for k in range(12):
        s.ball(0.48 + 0.05 * math.sin(k / 4), -1 + 0.18 * k, 0.1, 0.08, 2)
    s.ball(-0.2, 0.3, u(0.25, 0.35), 0.3, 0.9)
    s.ball(-0.1, 0.95, 0.8, 0.35, 0.9)


def _long_spine(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(0, 0, 0.9, 1.6, 0.5)
    lean = u(-0.15, 0.15)
    for k in range(14):
        s.ball(lean * math.sin(k / 4), -1.0 + 0.15 * k, 0.1, 0.062, 3.5)


def _solids(s: Scene, u: Callable[[float, float], float]) -> None:
    s.ball(u(-0.2, 0.2), u(-0.2, 0.2), u(0.5, 1.1), u(0.5, 1.1), u(0.5, 1.2))
    for _ in range(int(u(2, 10))):
        x, a, b, weight = u(-0.7, 0.7), u(0.05, 0.45), u(0.05, 0.6), u(-1.0, 1.5)
        y = u(-0.7, 0.7)
        for mirrored in (x, -x) if u(0, 1) < 0.6 else (x,):
            s.ball(mirrored, y, a, b, weight)
    for _ in range(int(u(0, 4))):
        s.rod((u(-1, 1), u(-1, 1)), (u(-1, 1), u(-1, 1)), u(0.02, 0.15), u(0.5, 3))


Draw = Callable[[Scene, Callable[[float, float], float]], None]
DRAWINGS: dict[str, Draw] = {
    "hand (drawn)": _hand,
    "skull (drawn)": _skull,
    "pelvis (drawn)": _pelvis,
    "knee (drawn)": _knee,
    "abdomen (drawn)": _abdomen,
    "chest CT (drawn)": _chest_ct,
    "lateral chest (drawn)": _lateral,
    "spine (drawn)": _long_spine,
    "solids (drawn)": _solids,
    "other solids (drawn)": _solids,
    "more solids (drawn)": _solids,
}


def _radiograph(draw: Draw, seed: int) -> Float32Image:
    """A film of a scene: Beer and Lambert's law, blur of the detector, noise, a window."""
    random = np.random.default_rng(seed)
    scene = Scene(384, random.normal(0, 0.12))
    draw(scene, random.uniform)
    film = 1 - np.exp(-random.uniform(0.9, 1.8) * np.maximum(scene.sum, 0))
    film += random.normal(0, random.uniform(0.005, 0.02), film.shape)
    low, high = np.percentile(film, [1, 99.7])
    film = np.clip((film - low) / (high - low), 0, 1) ** random.uniform(0.7, 1.3)
    side = random.uniform(0.75, 1.0, 2) * 384
    return np.ascontiguousarray(film[: int(side[0]), : int(side[1])], np.float32)


# Real films, mistreated. Each takes a film and another film, and gives a picture.


def _fit(plane: Float32Image, shape: tuple[int, int]) -> Float32Image:
    image = Image.fromarray(plane).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(image, np.float32), 0, 1)


def rotated(plane: Float32Image, degrees: float, fill: float = 0.0) -> Float32Image:
    """A film tilted counter-clockwise, in the rectangle that holds it."""
    image = Image.fromarray(plane)
    turned = image.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=fill)
    return np.clip(np.asarray(turned, np.float32), 0, 1)


def _grid(planes: Sequence[Float32Image], rows: int, gap: int = 0) -> Float32Image:
    shape = planes[0].shape
    padded = [np.pad(_fit(p, shape), gap) for p in planes]
    columns = len(padded) // rows
    lines = [np.hstack(padded[r * columns : (r + 1) * columns]) for r in range(rows)]
    return np.ascontiguousarray(np.vstack(lines))


Turn = Callable[[Float32Image, Float32Image], Float32Image]
SEVERAL: dict[str, Turn] = {
    "two films side by side": lambda a, b: _grid([a, b], 1),
    "the same film twice": lambda a, b: _grid([a, a], 1),
    "side by side with a gap": lambda a, b: _grid([a, b], 1, 8),
    "a film beside its mirror image": lambda a, b: _grid([a, a[:, ::-1]], 1),
    "two films stacked": lambda a, b: _grid([a, b], 2),
    "stacked with a gap": lambda a, b: _grid([a, b], 2, 8),
    "two by two": lambda a, b: _grid([a, b, b[:, ::-1], a[:, ::-1]], 2),
    "three in a row": lambda a, b: _grid([a, b, a], 1),
}
PARTS: dict[str, Turn] = {
    "upper half": lambda a, b: a[: len(a) // 2],
    "lower half": lambda a, b: a[len(a) // 2 :],
    "left half": lambda a, b: a[:, : a.shape[1] // 2],
    "right half": lambda a, b: a[:, a.shape[1] // 2 :],
}
TURNS: dict[str, Turn] = {
    "turned by 90 degrees": lambda a, b: np.ascontiguousarray(np.rot90(a)),
    "turned by 180 degrees": lambda a, b: np.ascontiguousarray(np.rot90(a, 2)),
    "turned by 270 degrees": lambda a, b: np.ascontiguousarray(np.rot90(a, 3)),
    "tilted by 45 degrees": lambda a, b: rotated(a, 45),
    "tilted by -45 degrees": lambda a, b: rotated(a, -45),
    "tilted by 30 degrees": lambda a, b: rotated(a, 30),
    "negative": lambda a, b: 1 - a,
}


def mistreated(
    films: Sequence[tuple[str, Float32Image]], turns: dict[str, Turn]
) -> Iterator[Picture]:
    """Every film with every turn; the other film is the next one of the same half."""
    for half in (False, True):
        own = [(n, p) for n, p in films if Picture("", n, p).held_out == half]
        for index, (name, plane) in enumerate(own):
            other = own[(index + 1) % len(own)][1]
            for kind, turn in turns.items():
                yield Picture(kind, name, np.ascontiguousarray(turn(plane, other)))


def real_films(data: Path) -> list[tuple[str, Path]]:
    """Source and file of every real frontal film of the shared data."""
    patterns = {
        "covid-qu-ex": "covid-qu-ex/*/*/*/*/images/*.png",
        "cohen": "cohen/images/*",
        "general-blockchain": "radiologist/images/*",
        "nih": "nih/*/*",
        "actualmed": "actualmed/images/*",
        "radiography": "radiography/*/images/*",
        "kermany": "kermany/PNEUMONIA/*",
        "covid-cxnet": "covid-cxnet/*",
        "dicom": "dicom/*",
    }
    suffixes = (".png", ".jpg", ".jpeg", ".dcm", ".tif", ".bmp", "")
    return [
        (source, file)
        for source, pattern in patterns.items()
        for file in sorted(data.glob(pattern))
        if file.is_file() and file.suffix.lower() in suffixes
    ]


def sample(items: Sequence[Any], count: int, seed: int = 0) -> list[Any]:
    """So many of the items, drawn without replacement, in order."""
    chosen = np.random.default_rng(seed).choice(len(items), min(count, len(items)), replace=False)
    return [items[i] for i in sorted(chosen)]
