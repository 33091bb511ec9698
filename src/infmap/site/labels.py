"""The table of a site's labels: path, covid19, and if known normal and patient_id."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.own_tables import BOOLEANS, NOTHING
from infmap.sources.tables import Row, read_table


@dataclass(frozen=True)
class Label:
    """What a site knows of a film.

    Attributes:
        covid19: the film shows COVID-19; None where unknown.
        healthy: the film is known to be healthy.
        patient: as the table names them; "" where it does not.
    """

    covid19: bool | None = None
    healthy: bool = False
    patient: str = ""


def read_labels(table: Path, films: Path, paths: Sequence[str]) -> Mapping[str, Label]:
    """Read a table of labels.

    A film is healthy where ``normal`` is 1; in a table without that column, where ``covid19`` is 0.

    Args:
        table: CSV with the columns path and covid19, and if known normal and patient_id.
        films: the folder of films; paths are relative to it, or to the table, or absolute.
        paths: the films that were found.

    Returns:
        Path, as found, to its label.

    Raises:
        UsageError: a column is missing, a cell is not understood, a film is not there or listed
            twice with different labels, or a film is both healthy and of COVID-19.
    """
    rows = read_table(table, ("path", "covid19"), ("normal", "patient_id"))
    place = {os.path.realpath(path): path for path in paths}
    found: dict[str, Label] = {}
    missing = []
    for row in rows:
        label = _label(row, table)
        tried = (os.path.realpath(base / row["path"]) for base in (films, table.parent))
        path = next((place[real] for real in tried if real in place), None)
        if path is None:
            missing.append(row["path"])
        elif found.setdefault(path, label) != label:
            raise UsageError(f"{table}: {row['path']} is listed twice with different labels")
    if missing:
        raise UsageError(
            f"{table}: expected films of {films}, but {len(missing)} are not there, the first is "
            f"{missing[0]}; paths are relative to that folder"
        )
    return found


def _label(row: Row, table: Path) -> Label:
    covid19, normal = (_truth(row, kind, table) for kind in ("covid19", "normal"))
    if covid19 and normal:
        raise UsageError(
            f"{table}: {row['path']} is labelled both covid19 and normal; correct the table"
        )
    healthy = bool(normal) if "normal" in row else covid19 is False
    return Label(False if healthy else covid19, healthy, row.get("patient_id", ""))


def _truth(row: Row, kind: str, table: Path) -> bool | None:
    cell = row.get(kind, "").lower()
    cell = "" if cell in NOTHING else cell
    if cell not in BOOLEANS:
        raise UsageError(f"{table}: {row['path']}: {kind}: expected 1, 0 or nothing, got {cell!r}")
    return BOOLEANS[cell]
