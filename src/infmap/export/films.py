"""The films that an export is asked for, with names that any file system takes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infmap.catalog.groups import film_groups, keep_whole, whole_folds
from infmap.catalog.query import matching
from infmap.catalog.rows import Box, Film, Score, box_rows, film_rows, score_rows
from infmap.catalog.schema import make_frame, polars, read_frame
from infmap.catalog.snapshot import read_about, read_snapshot
from infmap.catalog.stats import film_class
from infmap.catalog.store import CATALOG_ROOT, Catalog, locate
from infmap.catalog.truth import EMPTY, MASK, film_truth
from infmap.core.errors import SnapshotError
from infmap.core.files import sha256

if TYPE_CHECKING:
    import polars as pl

MaskColumn = Literal["infection_mask", "opacity_mask", "lung_mask"]
MASKS: dict[str, MaskColumn] = {
    "infection": "infection_mask",
    "opacity": "opacity_mask",
    "lungs": "lung_mask",
}
"""What a mask shows to the column that names its file."""
SPLITS = ("train", "val", "test")
UNASSIGNED = "unassigned"
SplitColumn = Literal["split", "official_split"]
# Characters: with folders and endings below the 255 of file systems.
_LONGEST = 120


@dataclass(frozen=True, eq=False)
class ExportFilm:
    """One film to export.

    Attributes:
        name: unique within the export without regard to case; letters, digits, ".", "_", "-".
        split: "train", "val", "test", another name that a user gave, "unassigned", or "unused"
            where the group of patients and near-duplicates is in a stronger part.
        label: its class: "covid19", "pneumonia", "normal", "other" or "unknown".
        row: of the table films.
        image: its file.
        masks: "infection", "opacity", "lungs" to the file, or to None where it is known that there
            is none; what is unknown, or somewhere, is absent.
        boxes: rows of the table boxes.
        scores: rows of the table scores.
    """

    name: str
    split: str
    label: str
    row: Film
    image: Path
    masks: dict[str, Path | None]
    boxes: tuple[Box, ...] = ()
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where an export's films come from.

    Attributes:
        kind: "catalog" or "snapshot".
        state: the catalog's generation or the snapshot's SHA-256.
    """

    kind: str
    state: str | int


def collect(
    folder: Path, where: str | None, column: SplitColumn
) -> tuple[list[ExportFilm], Origin]:
    """Films of a catalog or a snapshot, in the order of their names.

    What is exported divides no group, though the column may: see ``infmap.catalog.groups``.

    Args:
        folder: a catalog or a snapshot.
        where: a condition as after WHERE in SQL; None for all films.
        column: which split holds.

    Raises:
        UsageError: the condition is wrong.
        SnapshotError: the folder is neither, is damaged, or has no films.
    """
    wanted = None if where is None else matching(folder, where)
    if (folder / "snapshot.json").is_file():
        frame, roots = read_snapshot(folder)
        origin = Origin("snapshot", sha256(folder / "films.parquet"))
        version = int(read_about(folder)["version"])
        boxes, scores = (_side_table(folder, table, version) for table in ("boxes", "scores"))
    elif (folder / "catalog.json").is_file():
        catalog = Catalog(folder)
        frame = catalog.film_frame()
        roots = catalog.roots | {CATALOG_ROOT: str(folder)}
        origin = Origin("catalog", int(catalog.manifest["generation"]))
        boxes, scores = catalog.frame("boxes"), catalog.frame("scores")
    else:
        raise SnapshotError(
            f"{folder}: expected a catalog or a snapshot; make one with infmap catalog ingest"
        )
    if wanted is not None:
        frame = frame.filter(polars().col("film_id").is_in(list(wanted)))
    frame = frame.sort("film_id")
    rows, labels = film_rows(frame), frame.select(film_class())[:, 0].to_list()
    named = [_plain(part) if (part := row[column]) else None for row in rows]
    groups = film_groups(rows)
    folds = whole_folds(groups, [row["fold"] for row in rows])
    for row, fold in zip(rows, folds, strict=True):
        row["fold"] = fold
    parts = [part or UNASSIGNED for part in keep_whole(groups, named)]
    return _films(rows, parts, labels, roots, boxes, scores), origin


def names(film_ids: Iterable[str]) -> dict[str, str]:
    """``film_id`` to a name for its files.

    The name is the ``film_id`` without its file type, other characters than letters, digits, ".",
    "_" and "-" as "_". Where two names would differ in nothing but case, or one is too long, some
    digits of the film_id's checksum end it.
    """
    plain = {film_id: _safe(film_id) for film_id in film_ids}
    often = Counter(name.lower() for name in plain.values())

    def unique(film_id: str, name: str) -> str:
        if often[name.lower()] == 1 and len(name) <= _LONGEST:
            return name
        # Ten digits, 40 bits: two of a million films meet with a chance of one in two, and only
        # among those whose names are alike as well.
        digest = hashlib.sha256(film_id.encode()).hexdigest()[:10]
        return f"{name[: _LONGEST - 11]}-{digest}"

    return {film_id: unique(film_id, name) for film_id, name in plain.items()}


def _films(
    rows: list[Film],
    parts: list[str],
    labels: list[str],
    roots: Mapping[str, str],
    boxes: pl.DataFrame,
    scores: pl.DataFrame,
) -> list[ExportFilm]:
    of = names(row["film_id"] for row in rows)
    drawn, read = defaultdict[str, list[Box]](list), defaultdict[str, list[Score]](list)
    for box in box_rows(boxes):
        drawn[box["film_id"]].append(box)
    for score in score_rows(scores):
        read[score["film_id"]].append(score)
    films = []
    for row, part, label in zip(rows, parts, labels, strict=True):
        film_id = row["film_id"]
        if row["source"] not in roots:
            raise SnapshotError(f"no folder is known for {row['source']!r}; ingest it again")
        films.append(
            ExportFilm(
                name=of[film_id],
                split=part,
                label=label,
                row=row,
                image=locate(roots, row, row["path"]),
                masks=_masks(row, roots),
                boxes=tuple(drawn[film_id]),
                scores=tuple(read[film_id]),
            )
        )
    return films


def _masks(row: Film, roots: Mapping[str, str]) -> dict[str, Path | None]:
    """Masks of a film; an infection mask that its opacities are too is not given twice."""
    found: dict[str, Path | None] = {}
    for (kind, name), state in zip(MASKS.items(), film_truth(row), strict=True):
        if state == EMPTY:
            found[kind] = None
        elif state == MASK and (path := row[name]) is not None:
            found[kind] = locate(roots, row, path)
    return found


def _safe(film_id: str) -> str:
    """The film's source and name in characters that every file system takes."""
    head, _, last = film_id.rpartition("/")
    stem = Path(last).stem or last
    # The source goes in front, so a name is never one that Windows keeps for itself.
    return _plain(f"{head}_{stem}")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "film"


def _side_table(folder: Path, table: str, version: int) -> pl.DataFrame:
    path = folder / f"{table}.parquet"
    return read_frame(table, path, version) if path.is_file() else make_frame(table, [])
