"""The films that the audit looks at: a sample by source, read once, kept small."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.audit.text import Text, find_text
from infmap.catalog.mask_files import film_mask
from infmap.catalog.rows import Film
from infmap.catalog.store import Catalog, locate
from infmap.core.errors import FilmError, InfmapError
from infmap.core.types import BoolImage, Float32Image
from infmap.core.views import is_lateral
from infmap.dicom import read_radiograph

# Pixels of the canvas, and grey levels of the histogram: what a probe needs to see writing, collars
# and exposure. Chosen by hand.
SIDE = 128
BINS = 64
# Films in flight: bounds how many whole ones are in memory.
_BATCH = 64
_KINDS = ((b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"II*", "TIFF"), (b"MM\x00*", "TIFF"),
          (b"BM", "BMP"))  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Films as the probes see them.

    Attributes:
        rows: N rows of the catalog.
        pixels: uint8 (N, 128, 128), the film with its aspect kept, in the middle of a canvas.
        extent: int (N, 2), height and width of the film on the canvas, in canvas pixels.
        lungs: bool (N, 128, 128), lung mask on the canvas; empty where there is none.
        masked: bool (N,), whether the film has a lung mask.
        histogram: float32 (N, 64), share of the film's pixels by grey level, dark to bright.
        kinds: N file types, by content.
        text: N findings of the detector of burned-in annotation.
        unread: film_id and reason of films that could not be read.
    """

    rows: list[Film]
    pixels: NDArray[np.uint8]
    extent: NDArray[np.int64]
    lungs: NDArray[np.bool_]
    masked: NDArray[np.bool_]
    histogram: NDArray[np.float32]
    kinds: list[str]
    text: list[Text]
    unread: list[tuple[str, str]]


@dataclass(frozen=True)
class _Film:
    pixels: NDArray[np.uint8]
    extent: tuple[int, int]
    lungs: BoolImage | None
    histogram: NDArray[np.float32]
    kind: str
    text: Text


def frontal(rows: Sequence[Film]) -> list[Film]:
    """Rows of films that are not known to be lateral."""
    return [row for row in rows if not is_lateral(row.get("view"))]


def choose(rows: Sequence[Film], limit: int, seed: int) -> list[Film]:
    """At most ``limit`` films, as evenly over sources as their sizes allow, in the given order."""
    by_source: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_source[row["source"]].append(index)
    rng = np.random.default_rng(seed)
    left, chosen = limit, []
    smallest_first = sorted(by_source, key=lambda name: (len(by_source[name]), name))
    for n, name in enumerate(smallest_first):
        members = by_source[name]
        quota = min(len(members), left // (len(smallest_first) - n))
        chosen += rng.permutation(members)[:quota].tolist()
        left -= quota
    return [rows[index] for index in sorted(chosen)]


def read_sample(
    catalog: Catalog, rows: Sequence[Film], progress: Callable[[int, int], None] | None = None
) -> Sample:
    """Read films; one that cannot be read is left out and named in ``unread``."""
    kept: list[tuple[Film, _Film]] = []
    unread: list[tuple[str, str]] = []
    for n, (row, film) in enumerate(_read_all(catalog, rows), 1):
        if isinstance(film, str):
            unread.append((str(row["film_id"]), film))
        else:
            kept.append((row, film))
        if progress:
            progress(n, len(rows))
    films = [film for _, film in kept]
    empty = np.zeros((SIDE, SIDE), np.bool_)
    return Sample(
        rows=[row for row, _ in kept],
        pixels=np.array([f.pixels for f in films], np.uint8).reshape(-1, SIDE, SIDE),
        extent=np.array([f.extent for f in films], np.int64).reshape(-1, 2),
        lungs=np.array([empty if f.lungs is None else f.lungs for f in films]).reshape(
            -1, SIDE, SIDE
        ),
        masked=np.array([f.lungs is not None for f in films], np.bool_),
        histogram=np.array([f.histogram for f in films], np.float32).reshape(-1, BINS),
        kinds=[f.kind for f in films],
        text=[f.text for f in films],
        unread=unread,
    )


def _read_all(catalog: Catalog, rows: Sequence[Film]) -> Iterator[tuple[Film, _Film | str]]:
    """Films in order, a batch at a time, so that few whole films are in memory at once."""
    places = catalog.places()

    def one(row: Film) -> _Film | str:
        try:
            return _read(places, row)
        except FilmError as error:
            return error.reason
        except (InfmapError, OSError, ValueError) as error:
            return str(error)

    # Four: decoding leaves Python's lock, and more films at once cost memory.
    with ThreadPoolExecutor(4) as pool:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            yield from zip(batch, pool.map(one, batch), strict=True)


def _read(places: Mapping[str, str], row: Film) -> _Film:
    data = locate(places, row, row["path"]).read_bytes()
    film = read_radiograph(data, name=row["path"]).pixels
    lungs = None
    if mask := row["lung_mask"]:
        place, path = (locate(places, row, name) for name in (mask, row["path"]))
        lungs = film_mask(place, film.shape, path)[0].astype(np.float32)
    counts, _ = np.histogram(film, BINS, (0.0, 1.0))
    canvas, extent = on_canvas(film)
    return _Film(
        pixels=np.clip(np.rint(canvas * 255.0), 0, 255).astype(np.uint8),
        extent=extent,
        lungs=None if lungs is None else on_canvas(lungs)[0] >= 0.5,
        histogram=(counts / film.size).astype(np.float32),
        kind=_kind(data),
        text=find_text(film, lungs),
    )


def on_canvas(film: Float32Image, side: int = SIDE) -> tuple[Float32Image, tuple[int, int]]:
    """A film shrunk to fit a square, its aspect kept, in the middle; zero around it.

    Args:
        film: float32 (H, W).
        side: of the square, in pixels.

    Returns:
        float32 (side, side), and the film's height and width on it.
    """
    scale = side / max(film.shape)
    height, width = (max(1, round(scale * length)) for length in film.shape)
    small = Image.fromarray(film).resize((width, height), Image.Resampling.BOX)
    canvas = np.zeros((side, side), np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = np.asarray(small)
    return canvas, (height, width)


def _kind(data: bytes) -> str:
    found = (kind for magic, kind in _KINDS if data.startswith(magic))
    return next(found, "DICOM" if data[128:132] == b"DICM" else "other")
