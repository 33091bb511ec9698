"""Small pictures of a film for the page, kept on disk so that a run of any length fits."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from infmap.core.types import BoolImage, Float32Image, Prediction, Radiograph
from infmap.report.export import check_id
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.overlay import (
    INFECTION_COLOUR,
    LUNG_COLOUR,
    UInt8Image,
    colour_table,
    contour,
    to_bytes,
)

LONG_SIDE = 512
_PARTS = ("film.jpg", "heat.png", "contours.png")


@dataclass(frozen=True)
class Thumb:
    """The layers of one film, all of one size, at most 512 pixels on the long side.

    Attributes:
        width: of every layer, pixels.
        height: of every layer, pixels.
        film: grey JPEG.
        heat: PNG of the infection map in colour, clear where nothing is tinted; None if not judged.
        contours: PNG with lung and infection contours on clear ground; None if not judged.
    """

    width: int
    height: int
    film: bytes
    heat: bytes | None = None
    contours: bytes | None = None


def make_thumb(source: Prediction | Radiograph) -> Thumb:
    """Shrink a judged film with its layers, or a film alone.

    Args:
        source: a prediction, or the radiograph of a rejected film.

    Returns:
        Layers of one size; never larger than the film.
    """
    film = source.radiograph if isinstance(source, Prediction) else source
    rows, columns = film.shape
    scale = min(1.0, LONG_SIDE / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    grey = Image.fromarray(to_bytes(film.pixels)).resize(size, Image.Resampling.LANCZOS)
    jpeg = _encode(grey, "JPEG")
    if not isinstance(source, Prediction):
        return Thumb(*size, jpeg)
    index = to_bytes(_shrink(source.infection, size))
    lines = np.zeros((size[1], size[0]), np.uint8)
    for value, mask in ((1, source.lungs), (2, source.infected)):
        lines[_contour_of(mask, size)] = value
    clear_line = np.array([(0, 0, 0, 0), (*LUNG_COLOUR, 255), (*INFECTION_COLOUR, 255)], np.uint8)
    return Thumb(*size, jpeg, _indexed(index, colour_table()), _indexed(lines, clear_line))


def _shrink(plane: Float32Image, size: tuple[int, int]) -> Float32Image:
    small = Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _contour_of(mask: BoolImage, size: tuple[int, int]) -> BoolImage:
    return contour(_shrink(mask.astype(np.float32), size) >= 0.5)


def _indexed(index: UInt8Image, colours: UInt8Image) -> bytes:
    """PNG with a palette and alpha: a fraction of the bytes of RGBA, and exact."""
    picture = Image.frombytes("P", (index.shape[1], index.shape[0]), index.tobytes())
    picture.putpalette(colours[:, :3].tobytes())
    return _encode(picture, "PNG", transparency=colours[:, 3].tobytes())


def _encode(picture: Image.Image, kind: str, transparency: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    if kind == "JPEG":
        picture.save(buffer, "JPEG", quality=85)
    else:
        picture.save(buffer, "PNG", compress_level=6, transparency=transparency)
    return buffer.getvalue()


class ThumbStore(Mapping[str, Thumb]):
    """Thumbnails in ``OUT/thumbnails``, read one at a time.

    Args:
        out: the run's folder.
        limit: ``add`` keeps this many films and ignores the others, as the page does.
    """

    def __init__(self, out: Path, *, limit: int = 200) -> None:
        self.folder = Path(out) / "thumbnails"
        self.limit = limit
        self._names = {p.name.removesuffix(".film.jpg") for p in self.folder.glob("*.film.jpg")}

    def add(self, film_id: str, source: Prediction | Radiograph) -> bool:
        """Shrink a film and keep it.

        Args:
            film_id: as in ``results.jsonl``.
            source: a prediction, or the radiograph of a rejected film.

        Returns:
            False when the store is full and the film was not kept.

        Raises:
            UsageError: the disk is full, read-only or forbidden.
            ValueError: the id is not fit for a file name.
        """
        check_id(film_id)
        if film_id not in self._names and len(self._names) >= self.limit:
            return False
        thumb = make_thumb(source)
        make_folder(self.folder)
        layers = dict(zip(_PARTS, (thumb.film, thumb.heat, thumb.contours), strict=True))
        # The film comes last: its presence says that the other layers are whole.
        for part in reversed(_PARTS):
            data = layers[part]
            path = self.folder / f"{film_id}.{part}"
            if data is None:
                with writing(path):
                    path.unlink(missing_ok=True)
                continue

            def save(f: IO[bytes], data: bytes = data) -> None:
                f.write(data)

            write_atomically(path, save)
        self._names.add(film_id)
        return True

    def clear(self) -> None:
        """Forget every film: what an earlier run left is not to be mixed with a new one.

        Raises:
            UsageError: a file cannot be removed.
        """
        for name in self._names:
            for part in _PARTS:
                path = self.folder / f"{name}.{part}"
                with writing(path):
                    path.unlink(missing_ok=True)
        self._names.clear()

    def __getitem__(self, film_id: str) -> Thumb:
        """Read a film's layers; KeyError when there are none or they are damaged."""
        if film_id not in self._names:
            raise KeyError(film_id)
        layers = []
        for part in _PARTS:
            path = self.folder / f"{film_id}.{part}"
            layers.append(path.read_bytes() if path.exists() else None)
        film, heat, contours = layers
        if film is None:
            raise KeyError(film_id)
        try:
            with Image.open(io.BytesIO(film)) as picture:
                width, height = picture.size
        except OSError:
            raise KeyError(film_id) from None
        return Thumb(width, height, film, heat, contours)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids."""
        return iter(sorted(self._names))

    def __len__(self) -> int:
        """Count the films kept."""
        return len(self._names)
