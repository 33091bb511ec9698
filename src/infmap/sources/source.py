"""What every source module ends in: its reader, its check, and what a user must know to get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infmap.sources.record import SourceFailure, SourceRecord


@dataclass(frozen=True)
class Download:
    """A file of a source that anyone may fetch without an account.

    Attributes:
        url: where it lies, stable.
        file: name to keep it under.
        sha256: of the file, 64 hex digits; None where the publisher changes it or names none.
    """

    url: str
    file: str
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """A public data set.

    Attributes:
        name: as in ``--source NAME=DIR`` and in front of its films' names.
        title: what its publisher calls it.
        films: how many its publisher states; None where it has no fixed size.
        size: of the download, such as "42 GB"; None where it has none.
        licence: as its publisher states it.
        url: the page to get it from.
        needs: one line: an account, a form, a request, or "nothing".
        citation: the paper to cite, in one line.
        layout: one line: the files expected below the root.
        read: yields one record a film that is there, and one failure a film that is listed in a way
            that cannot be meant; raises UsageError where nothing is.
        check: one line a finding, such as "2 of 9 films that metadata.csv lists are not on disk,
            the first is a.png"; never raises for what it finds.
        downloads: the files to fetch, where no account is needed.
    """

    name: str
    title: str
    films: int | None
    size: str | None
    licence: str
    url: str
    needs: str
    citation: str
    layout: str
    read: Callable[[Path], Iterator[SourceRecord | SourceFailure]]
    check: Callable[[Path], list[str]]
    downloads: tuple[Download, ...] = ()
