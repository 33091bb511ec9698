"""External validation as data: which films each model leaves out, and what is asked of it.

A fold leaves out whole sources and halves of others. Its model is trained on the rest, less every
film that shares a patient or a near-duplicate with one left out, and is scored on what it left
out. Two folds are enough to score every source by a model that saw neither it nor copies of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import Field, model_validator

from infmap.catalog.renamed import SourceName
from infmap.catalog.rows import Film
from infmap.catalog.yaml_file import Strict, read_yaml
from infmap.core.errors import SnapshotError


class Part(Strict):
    """Films of one source: all, those whose path matches a pattern, or a half of them."""

    source: SourceName = Field(description="name of the source")
    path: str = Field("*", description="pattern of the film's path in the source; * is any text")
    half: Literal[0, 1] | None = Field(
        None, description="films whose last number in the file name is even (0) or odd (1)"
    )

    def holds(self, row: Film) -> bool:
        """Whether a film of a snapshot is one of these."""
        if row["source"] != self.source or not fnmatchcase(row["path"], self.path):
            return False
        return self.half is None or file_number(row["path"]) % 2 == self.half

    def __str__(self) -> str:
        path = "" if self.path == "*" else f" {self.path}"
        return f"{self.source}{path}" + ("" if self.half is None else f", half {self.half}")


class Fold(Strict):
    """What one model leaves out."""

    name: str = Field(min_length=1, description="name of the fold")
    left_out: tuple[Part, ...] = Field(min_length=1, description="films left out of training")


class Limit(Strict):
    """A bound on one figure."""

    films: str = Field(description="films that the figure is of, as the benchmark names them")
    figure: str = Field(description="name of the figure")
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounds_once(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.figure}: expected at_least or at_most, one of them")
        return self

    @property
    def bound(self) -> float:
        """The bound, whichever way."""
        bound = self.at_most if self.at_least is None else self.at_least
        return math.nan if bound is None else bound

    def met(self, value: float) -> bool:
        """Whether a figure keeps the bound; NaN does not."""
        return value <= self.bound if self.at_least is None else value >= self.bound

    def __str__(self) -> str:
        return (
            f"{self.films}: {self.figure} {'<=' if self.at_least is None else '>='} {self.bound:g}"
        )


class External(Strict):
    """The whole design: folds, roles of films, floors and bars."""

    folds: tuple[Fold, ...] = Field(min_length=1)
    known_empty: tuple[Part, ...] = Field(
        (), description="films without visible infection, whatever their class: class unknown"
    )
    floors: tuple[Limit, ...] = Field(
        (), description="in source; a model below one is not chosen, however good elsewhere"
    )
    bars: tuple[Limit, ...] = Field((), description="what is to be reached")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [fold.name for fold in self.folds]
        if len(set(names)) < len(names):
            raise ValueError(f"folds: expected names that differ, got {', '.join(names)}")
        return self


def read_external(path: Path) -> External:
    """Read a YAML file of the design.

    Raises:
        UsageError: the file is missing, is not YAML, or a field is wrong.
    """
    return read_yaml(path, External)


def file_number(path: str) -> int:
    """The last number in a film's file name; 0 where it has none."""
    found = re.findall(r"\d+", PurePosixPath(path).stem)
    return int(found[-1]) if found else 0


def is_of(row: Film, parts: Iterable[Part]) -> bool:
    """Whether a film is of one of some parts."""
    return any(part.holds(row) for part in parts)


def left_out(rows: Sequence[Film], fold: Fold) -> list[Film]:
    """Films of a snapshot that a fold leaves out.

    Raises:
        SnapshotError: a part has no film, so that what is named is not what is left out.
    """
    for part in fold.left_out:
        if not any(part.holds(row) for row in rows):
            raise SnapshotError(
                f"fold {fold.name}: expected films of {part}, the snapshot has none"
            )
    return [row for row in rows if is_of(row, fold.left_out)]
