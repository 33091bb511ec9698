"""Small pictures of a film for the page, kept on disk so that a run of any length fits."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from PIL import Image

from infmap.core.types import Prediction, Radiograph
from infmap.report.contours import outlines, path_data, shrink
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.ids import check_id
from infmap.report.overlay import Layer, UInt8Image, colour_table, map_of, to_bytes

# Pixels: twice the network's own grid.
LONG_SIDE = 512
_MAPS: tuple[Layer, ...] = ("infection", "opacity", "doubt")
_LINES = "lines.json"
# The film comes last: its presence says that the other layers are whole.
_PARTS = (*(f"{name}.png" for name in _MAPS), _LINES, "film.jpg")


@dataclass(frozen=True)
class Thumb:
    """The layers of one film, all of one size, at most 512 pixels on the long side.

    Attributes:
        width: of every layer, pixels.
        height: of every layer, pixels.
        film: grey JPEG.
        maps: "infection", "opacity" and perhaps "doubt" to a PNG in the map's colours, clear
            where nothing is tinted; empty for a film that was not assessed.
        lines: "lungs", "infected" and "opaque" to the ``d`` of an SVG path around the region;
            empty for a film that was not assessed.
    """

    width: int
    height: int
    film: bytes
    maps: Mapping[Layer, bytes] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)


def make_thumb(source: Prediction | Radiograph) -> Thumb:
    """Shrink an assessed film with its layers, or a film alone.

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
    maps = {}
    for name in _MAPS:
        plane = map_of(source, name)
        if plane is not None:
            maps[name] = _indexed(to_bytes(shrink(plane, size)), colour_table(name))
    regions = {"lungs": source.lungs, "infected": source.infected, "opaque": source.opaque}
    lines = {name: path_data(outlines(mask, size)) for name, mask in regions.items()}
    return Thumb(*size, jpeg, maps, lines)


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
        picture.save(buffer, "PNG", compress_level=3, transparency=transparency)
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
        layers = {f"{name}.png": data for name, data in thumb.maps.items()}
        layers |= {_LINES: json.dumps(dict(thumb.lines)).encode(), "film.jpg": thumb.film}
        for part in _PARTS:
            data = layers.get(part)
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
        for name in sorted(self._names):
            self.remove(name)

    def remove(self, film_id: str) -> None:
        """Forget one film.

        Args:
            film_id: of the film; one that is not there is no error.

        Raises:
            UsageError: a file cannot be removed.
            ValueError: the id is not fit for a file name.
        """
        check_id(film_id)
        for part in reversed(_PARTS):  # without the film, the other layers do not count
            path = self.folder / f"{film_id}.{part}"
            with writing(path):
                path.unlink(missing_ok=True)
        self._names.discard(film_id)

    def __getitem__(self, film_id: str) -> Thumb:
        """Read a film's layers; KeyError when there are none or they are damaged."""
        if film_id not in self._names:
            raise KeyError(film_id)
        layers = {}
        for part in _PARTS:
            path = self.folder / f"{film_id}.{part}"
            if path.exists():
                layers[part] = path.read_bytes()
        try:
            film = layers["film.jpg"]
            lines = {str(k): str(v) for k, v in json.loads(layers[_LINES]).items()}
            with Image.open(io.BytesIO(film)) as picture:
                width, height = picture.size
        except (OSError, ValueError, AttributeError):
            raise KeyError(film_id) from None
        maps = {name: layers[f"{name}.png"] for name in _MAPS if f"{name}.png" in layers}
        return Thumb(width, height, film, maps, lines)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids."""
        return iter(sorted(self._names))

    def __len__(self) -> int:
        """Count the films kept."""
        return len(self._names)
