"""The first pass of a run: what each film is, and what on it may be burned-in text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from infmap.core.errors import UnreadableFilm
from infmap.deidentify.boxes import Box
from infmap.deidentify.candidates import Candidate, Lungs, candidates
from infmap.deidentify.film import Source, open_film
from infmap.deidentify.key import Key
from infmap.deidentify.pixels import read_pixels


@dataclass(frozen=True)
class Look:
    """A film before anything is written.

    Attributes:
        number: of the film among those given, from 1.
        path: of the file.
        sha256: of its bytes.
        rows: of the film; 0 where its pixels were not looked at.
        columns: of the film.
        candidates: what may be text.
    """

    number: int
    path: Path
    sha256: str
    rows: int = 0
    columns: int = 0
    candidates: tuple[Candidate, ...] = ()

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Of all candidates."""
        return tuple(candidate.box for candidate in self.candidates)

    @property
    def over_lungs(self) -> bool:
        """Whether a person has to decide."""
        return any(candidate.over_lungs for candidate in self.candidates)

    def open(self, key: Key) -> Source:
        """Read the film again.

        Raises:
            FilmError: it cannot be read, or has changed since.
        """
        data = _bytes(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UnreadableFilm("expected the film as it was looked at, the file has changed")
        return open_film(data, key)


def look_at(number: int, path: Path, key: Key, lungs: Lungs | None) -> Look:
    """Read one film.

    Args:
        number: of the film.
        path: of the file.
        key: as of ``open_film``.
        lungs: finds lungs; None where text is not looked for.

    Raises:
        FilmError: it cannot be read.
    """
    data = _bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    source = open_film(data, key)
    if lungs is None:
        return Look(number, path, digest)
    pixels = read_pixels(source.dataset)
    found = candidates(pixels, lungs)
    rows, columns = pixels.values.shape[:2]
    return Look(number, path, digest, rows, columns, tuple(found))


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for without an end
        raise UnreadableFilm("expected a file, got a folder, pipe or device; leave it out")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFilm(
            f"expected a readable file, the system says {type(error).__name__}; check the path"
        ) from error
