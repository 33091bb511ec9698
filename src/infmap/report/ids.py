"""Names of films that are readable, unique, and fit for files on any system."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from anyascii import anyascii

# Characters. File systems allow 255 bytes; folder, number and ending must fit beside it.
LONGEST = 80
_RESERVED = re.compile(r"(con|prn|aux|nul|conin|conout|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Devices of Windows; with any ending they stay devices."""


class FilmIds:
    """Gives each film of a run its id.

    Args:
        taken: ids in use.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        # Upper and lower case count as the same, as on some file systems.
        self._taken = {name.casefold() for name in taken}
        self._next: dict[str, int] = {}

    def new(self, path: str) -> str:
        """The file's name without ending, with ``-2``, ``-3``... where that is taken."""
        # Numbered from where the last film of that name stopped: a search from 2 would take
        # quadratic time.
        base = readable(path)
        key = base.casefold()
        name, number = base, self._next.get(key, 2)
        while name.casefold() in self._taken:
            name = f"{base}-{number}"
            number += 1
        self._next[key] = number
        self._taken.add(name.casefold())
        return name


def film_ids(paths: Iterable[str]) -> Iterator[str]:
    """Readable ids, one a path, that are unique within the run and safe as file names.

    The same paths in the same order always give the same ids.

    Args:
        paths: input paths, in input order.

    Yields:
        See ``FilmIds.new``.
    """
    ids = FilmIds()
    for path in paths:
        yield ids.new(path)


def readable(path: str) -> str:
    """The name of a file, without ending, in ASCII letters, digits, and ``+ - . _``.

    Letters of other scripts are transliterated: ASCII names are the same on every disk, in every
    archive and address, where the same accented name may be stored in two ways.
    """
    stem = PurePosixPath(path.replace("\\", "/")).stem
    plain = re.sub(r"[^\w.+-]+", "_", anyascii(stem), flags=re.ASCII)
    name = plain.strip("._-")[:LONGEST].rstrip("._-") or "film"
    return f"film-{name}" if _RESERVED.fullmatch(name) else name


def check_id(film_id: str) -> None:
    """Refuse an id that would leave its folder.

    Raises:
        ValueError: the id is empty, starts with a dot, or holds a separator or control character.
    """
    bad = not film_id or film_id.startswith(".") or re.search(r'[\x00-\x1f/\\:*?"<>|]', film_id)
    # 200 bytes leave room for an ending and for ".part" within 255.
    if bad or len(film_id.encode(errors="replace")) > 200:
        raise ValueError(f"expected an id fit for a file name (see film_ids), got {film_id!r}")
