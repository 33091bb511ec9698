"""The error tree.

InfmapError                 every error a user can cause or correct; one line, no traceback
├── FilmError               about one film; the other films go on
│   ├── UnreadableFilm      could not be read            (status "failed")
│   └── RejectedFilm        read, but not fit for use    (status "rejected")
├── UsageError              wrong arguments or paths     (exit status 2)
├── ModelError              a model folder is missing, damaged or of another version
├── SnapshotError           a snapshot or catalog is missing, damaged or inconsistent
├── PeerError               another system does not answer, or not as it should
└── MissingExtra            a feature whose optional packages are not installed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infmap.core.types import Radiograph


class InfmapError(Exception):
    """Base of all errors that the command line prints as one line."""


class FilmError(InfmapError):
    """An error about one film.

    Args:
        reason: one line: what was expected, what arrived, what to do.
        film: the path or name of the film, where known.
        sha256: hexadecimal digest of the file's bytes, where it could be read.
    """

    def __init__(self, reason: str, film: str | None = None, *, sha256: str | None = None) -> None:
        super().__init__(f"{film}: {reason}" if film else reason)
        self.reason = reason
        self.film = film
        self.sha256 = sha256


class UnreadableFilm(FilmError):
    """The file could not be decoded into a radiograph."""


class RejectedFilm(FilmError):
    """The file was decoded, but is not a frontal chest film fit for reading.

    Args:
        reason: as of ``FilmError``.
        film: as of ``FilmError``.
        sha256: as of ``FilmError``.
        radiograph: what was decoded, where it was a radiograph: a person can look at it.
        quality: what the quality gate measured.
        warnings: of reading and of the quality gate.
    """

    def __init__(
        self,
        reason: str,
        film: str | None = None,
        *,
        sha256: str | None = None,
        radiograph: Radiograph | None = None,
        quality: Mapping[str, float | None] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason, film, sha256=sha256 or (radiograph.sha256 if radiograph else None))
        self.radiograph = radiograph
        self.quality = quality
        self.warnings = warnings


class UsageError(InfmapError):
    """The user asked for something that cannot be."""


class ModelError(InfmapError):
    """A model folder is missing, damaged, or made by an unknown version."""


class SnapshotError(InfmapError):
    """A snapshot or a catalog is missing, damaged or inconsistent."""


class PeerError(InfmapError):
    """Another system, such as a PACS, does not answer, or not as the protocol has it."""


class MissingExtra(InfmapError):
    """An optional package is not installed.

    Args:
        feature: what was asked for.
        extra: the extra of the distribution that brings it, without brackets.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs optional packages: pip install 'infmap[{extra}]'")


@contextmanager
def needs_extra(feature: str, extra: str) -> Iterator[None]:
    """Say which extra brings what is imported inside, where it is not installed.

    Args:
        feature: what was asked for.
        extra: the extra of the distribution that brings it, without brackets.

    Raises:
        MissingExtra: one of them is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtra(feature, extra) from error
