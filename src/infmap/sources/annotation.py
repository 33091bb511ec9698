"""Masks that readers approved on an annotation station, as ``infmap annotate export`` writes them.

Layout: films.csv with path, name, patient_id, infection_mask, opacity_mask, lung_mask, origin,
readers, adjudicated, film_sha256; images/ and masks/ beside it. Readers outline what they see: a
film without infected pixels has none, and whether its patient has COVID-19 is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.core.spreadsheet import cell_text
from infmap.sources.files import at_least_one, homes, relative, some
from infmap.sources.record import SourceRecord, is_relative
from infmap.sources.source import Source
from infmap.sources.tables import Row, read_table

TABLE = "films.csv"
REQUIRED = ("path", "name", "patient_id", "infection_mask", "opacity_mask", "lung_mask", "origin")
MASKS = REQUIRED[3:6]


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record an approved film that is on disk, the first row of a film that is twice.

    Raises:
        UsageError: no film, or a table that is not as above.
    """
    expected = f"{root}: expected {TABLE} of infmap annotate export with images/ beside it"
    return at_least_one(_films(root), expected)


def _films(root: Path) -> Iterator[SourceRecord]:
    base = _base(root)
    if not (base / TABLE).is_file():
        return
    # By name, which is made of the film's bytes: the same film under two paths is one.
    seen: set[str] = set()
    for row in read_table(base / TABLE, REQUIRED):
        path = _path(root, base, row, "path")
        if path is None or row["name"] in seen:
            continue
        seen.add(row["name"])
        yield SourceRecord(
            path=path,
            name=row["name"],
            patient_id=cell_text(row["patient_id"]) or None,
            infection_mask=_path(root, base, row, "infection_mask"),
            opacity_mask=_path(root, base, row, "opacity_mask"),
            lung_mask=_path(root, base, row, "lung_mask"),
            licence=None,
        )


def _base(root: Path) -> Path:
    """The export below the root."""
    return next(iter(homes(root, [TABLE])), root)


def _path(root: Path, base: Path, row: Row, column: str) -> str | None:
    """POSIX path relative to the root of a file that a row names; None where it is not on disk.

    Raises:
        UsageError: it leads out of the export.
    """
    cell = row[column]
    if not cell:
        return None
    if not is_relative(cell) or ".." in cell.split("/"):
        raise UsageError(f"{TABLE}: expected paths below the export, got {cell!r}")
    return relative(root, base / cell)


def check(root: Path) -> list[str]:
    """Findings: films and masks that the table lists and that are not on disk, or are twice."""
    base = _base(root)
    try:
        rows = read_table(base / TABLE, REQUIRED)
        gone = [row["path"] for row in rows if _path(root, base, row, "path") is None]
        findings = some(gone, len(rows), f"films that {TABLE} lists are not on disk")
        for column in MASKS:
            named = [row for row in rows if row[column]]
            lost = [row[column] for row in named if _path(root, base, row, column) is None]
            findings += some(lost, len(named), f"files of the column {column} are not on disk")
    except UsageError as error:
        return [str(error)]
    names = Counter(row["name"] for row in rows)
    twice = [name for name, count in names.items() if count > 1]
    return findings + some(twice, None, f"films stand more than once in {TABLE}")


SOURCE = Source(
    name="annotation",
    title="Masks approved on an annotation station",
    films=None,
    size=None,
    licence="that of the films which were imported",
    url="your own station",
    needs="nothing",
    citation="none",
    layout="films.csv, images/, masks/LABEL/, as infmap annotate export writes them",
    read=read,
    check=check,
)
