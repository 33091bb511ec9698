"""The files of one film in an export: its picture and its masks, in film pixels."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from infmap.catalog.mask_files import RESIZED, film_mask
from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import BoolImage
from infmap.dicom import read_radiograph
from infmap.dicom.exif import ORIENTATION
from infmap.export.films import SPLITS, UNASSIGNED, ExportFilm

Link = Literal["copy", "hard", "symbolic"]
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg"}
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a file that it cannot read."""
_PNG_DEPTH = 24
"""Byte of a PNG file that holds its bits a channel."""


class LeftOut(Exception):
    """A film that the export leaves out.

    Args:
        reason: the same words for all films left out for one reason.
        detail: what is particular to this film.
        failed: the film should be in, but a file of it cannot be read.
    """

    def __init__(self, reason: str, detail: str = "", *, failed: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.failed = reason, detail, failed


@dataclass(frozen=True)
class Entry:
    """A film as it stands in the export.

    Attributes:
        film: the film.
        image: its picture, POSIX path below the export's folder.
        masks: what each mask file shows to its POSIX path below the export's folder.
        size: (width, height) in pixels.
        regions: of its masks, as COCO has them; of that format alone.
        known: numbers of the categories whose masks are known; of COCO alone.
    """

    film: ExportFilm
    image: str
    masks: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    regions: Sequence[Mapping[str, object]] = ()
    known: Sequence[int] = ()


class Sheet:
    """Writes the files of one film; a format says where.

    Args:
        film: the film.
        folder: of the export.
        grey_png: the format takes 8-bit grey PNG only; else 8-bit grey or RGB, PNG or JPEG.
        link: how a picture that is fit as it is gets there.
        lungs: whether films of this export have a label for the lungs.
    """

    def __init__(
        self, film: ExportFilm, folder: Path, grey_png: bool, link: Link, lungs: bool
    ) -> None:
        self.film, self.lungs = film, lungs
        self.notes: Counter[str] = Counter()
        self._folder, self._grey_png, self._link = folder, grey_png, link
        self._written: list[Path] = []

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the film in pixels."""
        return self._source[1]

    def image(self, stem: str) -> str:
        """Put the picture at a path without suffix; gives the path with it."""
        suffix, _, pixels = self._source
        path = self._place(f"{stem}{suffix}")
        if pixels is None:
            self._bring(path)
        else:
            Image.fromarray(pixels).save(path, format="PNG")
            self.notes["films re-encoded as 8-bit grey PNG"] += 1
        return f"{stem}{suffix}"

    def mask(self, kind: str) -> BoolImage | None:
        """A mask in film pixels, bool (H, W), empty where there is none; None where unknown."""
        if kind not in self.film.masks:
            return None
        path = self.film.masks[kind]
        if path is None:
            return np.zeros(self.size[::-1], np.bool_)
        try:
            mask, notes = film_mask(path, self.size[::-1], self.film.image)
        except (UnreadableFilm, OSError) as error:
            raise LeftOut(f"its {kind} mask cannot be read", str(error), failed=True) from error
        if RESIZED in notes:
            self.notes["masks resized to their film"] += 1
        return mask

    def write_mask(self, mask: BoolImage, path: str) -> str:
        """Write a mask as PNG, 0/255; gives its path back."""
        return self.write_labels(mask.astype(np.uint8) * np.uint8(255), path)

    def write_labels(self, labels: NDArray[np.uint8], path: str) -> str:
        """Write uint8 (H, W) as PNG; gives its path back."""
        Image.fromarray(labels).save(self._place(path), format="PNG")
        return path

    def write_masks(self, paths: Mapping[str, str]) -> dict[str, str]:
        """Write those masks that are known, 0/255.

        Args:
            paths: what a mask shows to its path.

        Returns:
            The same for the masks that were written.
        """
        found = {kind: self.mask(kind) for kind in paths}
        return {k: self.write_mask(m, paths[k]) for k, m in found.items() if m is not None}

    def need_split(self) -> str:
        """The film's split: "train", "val" or "test".

        Raises:
            LeftOut: it has none, or another.
        """
        split = self.film.split
        if split == UNASSIGNED:
            raise LeftOut("it has no split; infmap catalog split gives one to frontal films")
        if split not in SPLITS:
            raise LeftOut(f"its split is {split!r}, expected one of {', '.join(SPLITS)}")
        return split

    def need_mask(self, kind: str) -> BoolImage:
        """A mask in film pixels, bool (H, W).

        Raises:
            LeftOut: it is unknown.
        """
        mask = self.mask(kind)
        if mask is None:
            raise LeftOut(f"no known {kind} mask")
        return mask

    def undo(self) -> None:
        """Remove what was written of this film."""
        for path in self._written:
            path.unlink(missing_ok=True)

    @cached_property
    def _source(self) -> tuple[str, tuple[int, int], NDArray[np.uint8] | None]:
        """Suffix, size, and the pixels where the file cannot be taken as it is."""
        path = self.film.image
        try:
            found = _as_it_is(path, self._grey_png)
            if found is not None:
                return *found, None
            pixels = np.round(read_radiograph(path).pixels * 255.0).astype(np.uint8)
        except FileNotFoundError as error:
            raise LeftOut("its file is missing", str(path), failed=True) from error
        except (FilmError, *_UNREADABLE) as error:
            raise LeftOut("its file cannot be read", str(error), failed=True) from error
        return ".png", (pixels.shape[1], pixels.shape[0]), pixels

    def _place(self, path: str) -> Path:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        self._written.append(place)
        return place

    def _bring(self, path: Path) -> None:
        source = self.film.image.resolve()
        if self._link == "symbolic":
            path.symlink_to(source)
            return
        if self._link == "hard":
            try:
                os.link(source, path)
                return
            except OSError:  # another disk, or a file system without links
                self.notes["films copied that could not be hard-linked"] += 1
        shutil.copyfile(source, path)


def _as_it_is(path: Path, grey_png: bool) -> tuple[str, tuple[int, int]] | None:
    """Suffix and size of a picture that all programs show the same; None of any other film."""
    try:
        with Image.open(path, formats=("PNG",) if grey_png else tuple(_SUFFIXES)) as image:
            modes = ("L",) if grey_png else ("L", "RGB")
            turned = image.getexif().get(ORIENTATION, 1) != 1
            if image.mode not in modes or "transparency" in image.info or turned:
                return None
            kind, size = str(image.format), image.size
    except UnidentifiedImageError:
        return None
    with path.open("rb") as file:
        depth = file.read(_PNG_DEPTH + 1)[_PNG_DEPTH]
    # Pillow opens 16-bit RGB as RGB, but other readers give 16 bits.
    if kind not in _SUFFIXES or (kind == "PNG" and depth != 8):
        return None
    return _SUFFIXES[kind], size
