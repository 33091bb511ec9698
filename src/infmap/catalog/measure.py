"""What a film's file tells by itself: checksums, size, tones, a thumbnail; and its derived masks.

A measurement needs nothing but the file and the record, so any process of any machine that sees the
files may make it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.masks import draw, png
from infmap.catalog.schema import MASKS, SIDE, Row
from infmap.catalog.thumbnails import perceptual_hash, thumbnail, to_bytes
from infmap.core.errors import FilmError, MissingExtra
from infmap.core.types import Float32Image
from infmap.dicom import read_radiograph
from infmap.sources import SourceRecord

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
DERIVED = (*MASKS, "drawn")
FRONTAL = 0.0
_CENTRE = 96


@dataclass(frozen=True)
class Item:
    """A film to measure.

    Attributes:
        film_id: its identity.
        source: name of its source.
        root: the source's absolute folder.
        record: what the source says.
        drawn: checksum of its drawn regions, from which masks are derived; None without any.
        known: its measured columns and thumbnail from before, if the file is the same.
    """

    film_id: str
    source: str
    root: str
    record: SourceRecord
    drawn: str | None = None
    known: tuple[Row, bytes] | None = None


@dataclass(frozen=True)
class Measured:
    """What came of one film.

    Attributes:
        film_id: its identity.
        row: its measured columns, and its masks where these were derived.
        picture: bytes of its thumbnail, uint8 (64, 64).
        masks: path below the catalog to the bytes of a derived mask's PNG file.
        reason: why it could not be measured; None if it was.
    """

    film_id: str
    row: Row = field(default_factory=dict)
    picture: bytes = b""
    masks: dict[str, bytes] = field(default_factory=dict)
    reason: str | None = None


def measure(items: Sequence[Item]) -> list[Measured]:
    """Measure films, one after another; one that cannot be read says why."""
    return [_guarded(item) for item in items]


def _guarded(item: Item) -> Measured:
    try:
        return _measure(item)
    except FilmError as error:
        return Measured(item.film_id, reason=error.reason)
    except OSError as error:
        return Measured(item.film_id, reason=f"expected a readable file, got {error.strerror}")


def _measure(item: Item) -> Measured:
    if item.known:
        row, picture = dict(item.known[0]), item.known[1]
    else:
        row, picture = measure_file(Path(item.root) / item.record.path)
    shape = int(row["height"]), int(row["width"])
    row["drawn"] = item.drawn
    masks: dict[str, bytes] = {}
    for kind, mask in draw(Path(item.root), item.record, shape).items():
        path = f"masks/{item.film_id}.{kind}.png"
        masks[path] = png(mask)
        if kind == "lungs":
            row["lung_mask"] = f"@catalog/{path}"
        else:
            row["opacity_mask"] = f"@catalog/{path}"
            row["infection_mask"] = row["opacity_mask"] if item.record.covid19 else None
    return Measured(item.film_id, row, picture, masks)


def measure_file(path: Path) -> tuple[Row, bytes]:
    """Measured columns of a film's file, and its thumbnail's bytes.

    Raises:
        FilmError: it is not a film that can be read.
        OSError: it cannot be opened.
    """
    stat = path.stat()
    data = path.read_bytes()
    film = read_radiograph(data, name=path.name, digest=False)
    plane = to_bytes(film.pixels)
    thumb = thumbnail(plane)
    row: Row = {
        "height": film.shape[0],
        "width": film.shape[1],
        "bits": film.bits,
        "photometric": film.photometric,
        "view_guess": guess_view(thumb),
        "bytes_hash": checksum(data),
        "pixel_hash": checksum(_exact(film.pixels, plane, film.bits)),
        "perceptual_hash": perceptual_hash(thumb),
        "size": stat.st_size,
        "modified": stat.st_mtime_ns,
    }
    return row | quality(plane), thumb.tobytes()


def drawn_checksum(root: Path, record: SourceRecord) -> str | None:
    """Checksum of a record's drawn regions and of the state of their files; None without any."""
    if not (record.opacity_drawn or record.crops or record.polygons):
        return None
    states = [file_state(root / crop.path) for crop in record.crops]
    text = repr((record.opacity_drawn, record.covid19, record.crops, record.polygons, states))
    return checksum(text.encode())


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of a file; of one that is gone, what no file has."""
    try:
        stat = path.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def quality(plane: NDArray[np.uint8]) -> dict[str, float]:
    """Figures of a film's tones.

    Args:
        plane: uint8 (H, W), 0..255, film pixels.

    Returns:
        brightness: mean, [0, 1]; contrast: 95th less 5th percentile, [0, 1]; sharpness: mean
        absolute difference of neighbours in a row about the centre, over the contrast there;
        clipped: share of pixels at 0 or 255, [0, 1].
    """
    step = max(1, int(np.sqrt(plane.size / 16_384)))
    counts = np.bincount(plane[::step, ::step].reshape(-1), minlength=256)
    share = counts / counts.sum()
    reach = np.cumsum(share)
    low, high = (int(np.searchsorted(reach, q)) for q in (0.05, 0.95))
    top, left = (max(0, (n - _CENTRE) // 2) for n in plane.shape)
    centre = plane[top : top + _CENTRE, left : left + _CENTRE].astype(np.int16)
    spread = float(centre.std())
    steps = float(np.abs(np.diff(centre, axis=1)).mean()) if centre.shape[1] > 1 else 0.0
    return {
        "brightness": float(share @ np.arange(256)) / 255.0,
        "contrast": (high - low) / 255.0,
        "sharpness": steps / spread if spread else 0.0,
        "clipped": float(share[0] + share[255]),
    }


def guess_view(thumb: NDArray[np.uint8]) -> str | None:
    """A frontal film is much like its mirror image; of any other the view stays unknown.

    Args:
        thumb: uint8 (64, 64).

    Returns:
        "frontal", or None.
    """
    small = thumb.reshape(16, SIDE // 16, 16, SIDE // 16).mean(axis=(1, 3))
    centred = small - small.mean()
    power = float((centred * centred).sum())
    like = float((centred * centred[:, ::-1]).sum()) / power if power else 0.0
    return "frontal" if like >= FRONTAL else None


def _exact(pixels: Float32Image, plane: NDArray[np.uint8], bits: int | None) -> bytes:
    """The bytes to check: those of 8-bit tones where the film has no more, and its shape."""
    kept: NDArray[Any] = plane if bits is not None and bits <= 8 else pixels
    return str(kept.shape).encode() + np.ascontiguousarray(kept).tobytes()


def checksum(data: bytes) -> str:
    """BLAKE3 of bytes, hexadecimal.

    Raises:
        MissingExtra: the package blake3 is not installed.
    """
    try:
        from blake3 import blake3
    except ImportError as error:
        raise MissingExtra("the catalog", "train") from error
    return str(blake3(data).hexdigest())
