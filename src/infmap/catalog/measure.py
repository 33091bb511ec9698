"""What a film's file states: checksums, size, grey levels, a thumbnail; and its derived masks.

A measurement needs nothing but the file and the record, so any process of any machine that sees the
files may make it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.mask_files import film_orientation
from infmap.catalog.masks import FilmMasks, find_masks
from infmap.catalog.plain import plain_grey_levels
from infmap.catalog.rows import Film
from infmap.catalog.schema import MASKS, PIXELS, make_columns, polars
from infmap.core.errors import FilmError, needs_extra
from infmap.core.types import RealArray
from infmap.dedup.thumbnails import SIDE, opencv, perceptual_hashes, thumbnail, to_bytes
from infmap.dicom import read_radiograph
from infmap.sources import SourceRecord

if TYPE_CHECKING:
    import polars as pl

MEASURED = (
    "width",
    "height",
    "bits",
    "photometric",
    "view_guess",
    "bytes_hash",
    "pixel_hash",
    "perceptual_hash",
    "size",
    "modified",
    "brightness",
    "contrast",
    "sharpness",
    "clipped",
)
DERIVED = (*MASKS, *PIXELS, "mask_note", "drawn")
MASK_RULES = 1
"""Number of the rules by which masks are read."""
# Pixels a side of the part about the centre, where lungs and mediastinum are on any film.
_CENTRE = 96
_TONES = np.arange(256) / 255.0
_SIXTEEN = np.eye(16, dtype=np.float32).repeat(SIDE // 16, axis=1) * np.float32(16 / SIDE)


@dataclass(frozen=True)
class Item:
    """A film to measure.

    Attributes:
        film_id: its identity.
        path: absolute, of its file.
        drawn: checksum of its mask files and drawn regions; None without any.
        known: its measured columns and thumbnail, uint8 (64, 64), from before, if the file is the
            same.
        regions: the source's folder and record that its masks come from, if any.
    """

    film_id: str
    path: str
    drawn: str | None = None
    known: tuple[Film, NDArray[np.uint8]] | None = None
    regions: tuple[Path, SourceRecord] | None = None


@dataclass(frozen=True)
class Measured:
    """What came of some films.

    Attributes:
        films: film_id, the measured and derived columns and ``picture``, the bytes of a thumbnail,
            uint8 (64, 64); a row for every film that could be measured.
        masks: path below the catalog to the bytes of a derived mask's PNG file.
        reasons: film_id of every other film to why it could not be measured.
        lost: film_id of a film that is there to its masks that cannot be read: path to the reason.
    """

    films: pl.DataFrame
    masks: dict[str, bytes]
    reasons: dict[str, str]
    lost: dict[str, dict[str, str]]


def measure(items: Sequence[Item]) -> Measured:
    """Measure films, one after another; one that cannot be read says why."""
    rows: list[Mapping[str, object]] = []
    thumbs: list[NDArray[np.uint8]] = []
    masks: dict[str, bytes] = {}
    reasons: dict[str, str] = {}
    lost: dict[str, dict[str, str]] = {}
    for item in items:
        try:
            row, thumb = item.known or measure_file(item.path)
            found = _masks(item, (row["height"], row["width"]))
        except FilmError as error:
            reasons[item.film_id] = error.reason
        except OSError as error:
            reasons[item.film_id] = f"expected a readable file, got {error.strerror}"
        else:
            # Without a checksum the masks are read again by the next ingest.
            drawn = None if found.failures else item.drawn
            rows.append({**row, **found.columns, "film_id": item.film_id, "drawn": drawn})
            thumbs.append(thumb)
            masks |= found.files
            if found.failures:
                lost[item.film_id] = found.failures
    return Measured(_frame(rows, thumbs), masks, reasons, lost)


def _masks(item: Item, shape: tuple[int, int]) -> FilmMasks:
    """The masks of a film that was measured, (H, W) film pixels."""
    if item.regions is None:
        return FilmMasks({}, {}, {})
    root, record = item.regions
    if any(getattr(record, name) for name in MASKS):
        orientation = film_orientation(Path(item.path).read_bytes())
    else:
        orientation = 1
    return find_masks(item.film_id, root, record, shape, orientation)


def _frame(
    rows: Sequence[Mapping[str, object]], thumbs: Sequence[NDArray[np.uint8]]
) -> pl.DataFrame:
    """Measured films as columns, with what their thumbnails tell."""
    names = ("film_id", *MEASURED, *DERIVED)
    columns: dict[str, Sequence[object]] = {name: [row.get(name) for row in rows] for name in names}
    stack = np.stack(thumbs) if thumbs else np.empty((0, SIDE, SIDE), np.uint8)
    columns["view_guess"] = guess_views(stack)
    columns["perceptual_hash"] = perceptual_hashes(stack)
    pictures = [thumb.tobytes() for thumb in stack]
    module = polars()
    return make_columns("films", columns).with_columns(
        module.Series("picture", pictures, module.Binary)
    )


def measure_file(path: str | Path) -> tuple[Film, NDArray[np.uint8]]:
    """What a film's file tells by itself, and its thumbnail, uint8 (64, 64).

    Raises:
        FilmError: it is not a film that can be read.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        stat, data = os.fstat(file.fileno()), file.read()
    exact: RealArray
    bits: int | None
    photometric: str | None
    if (levels := plain_grey_levels(data)) is not None:
        plane = exact = levels
        bits, photometric = 8, "MONOCHROME2"
    else:
        film = read_radiograph(data, name=os.path.basename(path), digest=False)
        plane, bits, photometric = to_bytes(film.pixels), film.bits, film.photometric
        # Of deeper films all bits count: two that differ in the lowest are not the same pixels.
        exact = plane if bits is not None and bits <= 8 else film.pixels
    row: Film = {
        "height": plane.shape[0],
        "width": plane.shape[1],
        "bits": bits,
        "photometric": photometric,
        "bytes_hash": checksum(data),
        "pixel_hash": checksum(str(exact.shape).encode(), np.ascontiguousarray(exact).data),
        "size": stat.st_size,
        "modified": stat.st_mtime_ns,
    }
    return row | quality(plane), thumbnail(plane)


def drawn_checksum(root: Path, record: SourceRecord) -> str | None:
    """Checksum of a record's masks, drawn regions and the state of their files; None without any.

    It changes with ``MASK_RULES`` too, so that masks are read again where their reader changed.
    """
    files = [path for name in MASKS if (path := getattr(record, name))]
    if not (files or record.opacity_drawn or record.crops or record.polygons):
        return None
    states = [file_state(root / path) for path in (*files, *(crop.path for crop in record.crops))]
    drawn = (record.opacity_drawn, record.covid19, record.crops, record.polygons)
    return checksum(repr((MASK_RULES, files, record.mask_values, *drawn, states)).encode())


def file_state(path: str | Path) -> tuple[int, int]:
    """Size and time of a file; of one that is gone, what no file has."""
    try:
        stat = os.stat(path)
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def quality(plane: NDArray[np.uint8]) -> Film:
    """Figures of a film's grey levels.

    Args:
        plane: uint8 (H, W), 0..255, film pixels.

    Returns:
        brightness: mean, [0, 1]; contrast: 95th less 5th percentile, [0, 1]; sharpness: mean
        absolute difference of neighbours in a row about the centre, over the contrast there;
        clipped: share of pixels at 0 or 255, [0, 1].
    """
    # About 128 x 128 pixels: enough for a mean and two percentiles.
    step = max(1, int(np.sqrt(plane.size / 16_384)))
    sample = np.ascontiguousarray(plane[::step, ::step])
    cv = opencv()
    counts = cv.calcHist([sample], [0], None, [256], [0, 256]).reshape(-1).astype(np.float64)
    share = counts / sample.size
    low, high = np.searchsorted(np.cumsum(share), (0.05, 0.95))
    top, left = (max(0, (n - _CENTRE) // 2) for n in plane.shape)
    centre = np.ascontiguousarray(plane[top : top + _CENTRE, left : left + _CENTRE])
    spread = float(cv.meanStdDev(centre)[1][0, 0])
    right, near = centre[:, 1:], centre[:, :-1]
    steps = cv.norm(right, near, cv.NORM_L1) / right.size if right.size else 0.0
    return {
        "brightness": float(share @ _TONES),
        "contrast": float(high - low) / 255.0,
        "sharpness": steps / spread if spread else 0.0,
        "clipped": float(share[0] + share[255]),
    }


def guess_views(thumbs: NDArray[np.uint8]) -> list[str | None]:
    """A frontal film is much like its mirror image; of any other the view stays unknown.

    Args:
        thumbs: uint8 (N, 64, 64).

    Returns:
        "frontal", or None, of each.
    """
    small = _SIXTEEN @ thumbs.astype(np.float32) @ _SIXTEEN.T
    centred = small - small.mean(axis=(1, 2), keepdims=True)
    alike = (centred * centred[:, :, ::-1]).sum(axis=(1, 2))
    # 0: a frontal film correlates with its mirror image, a lateral one against it or not at all.
    # Says frontal or nothing, never lateral: a film must not be dropped by a guess.
    return ["frontal" if like >= 0 else None for like in alike]


def checksum(*parts: bytes | memoryview) -> str:
    """BLAKE3 of bytes, one part after another, hexadecimal.

    Raises:
        MissingExtra: the package blake3 is not installed.
    """
    with needs_extra("the catalog", "catalog"):
        from blake3 import blake3
    hasher = blake3()
    for part in parts:
        # BLAKE3 takes octets only: a plane of 16 bits or of floats is seen as its octets.
        hasher.update(memoryview(part).cast("B"))
    return str(hasher.hexdigest())
