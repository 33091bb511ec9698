"""What every format's module ends in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infmap.export.sheet import Entry, Sheet


@dataclass(frozen=True)
class Job:
    """One export.

    Attributes:
        folder: where it is written.
        lungs: whether films have a label for the lungs.
        licence: the licences of its films in one line.
    """

    folder: Path
    lungs: bool
    licence: str


@dataclass(frozen=True)
class Exporter:
    """A format.

    Attributes:
        film: writes one film's files, or raises LeftOut; films are written side by side.
        finish: writes the format's tables, once all films are there.
        grey_png: the format takes 8-bit grey PNG only.
    """

    film: Callable[[Sheet], Entry]
    finish: Callable[[Job, Sequence[Entry]], None]
    grey_png: bool = False
