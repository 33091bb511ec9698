"""Scored films of many runs in little room: one table of the films, and the figures by place in it.

STUDY/films.csv.gz names the films once; a run's films.csv.gz holds the place of each film in that
table, its set, and the columns that tables and paired tests are made from. Patients are numbered.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.core.files import write_bytes
from infmap.core.spreadsheet import cell, cell_text
from infmap.study.films import FilmTable

PACKED = "films.csv.gz"
NAMES = ("film_id", "source", "group", "class")
KEPT = ("tp", "fp", "fn", "tn", "covid_probability", "covid_detected", "map_area", "map_any",
        "map_detected", "energy", "pointing", "infected_share_true",
        "infected_share_predicted")  # fmt: skip
_WHOLE = ("tp", "fp", "fn", "tn", "covid_detected", "map_area", "map_any", "map_detected")


class FilmIndex:
    """The films of a study, each with its place."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], int] = {}

    def place(self, names: tuple[str, ...]) -> int:
        """Place of a film by its ``NAMES``, a new one at the end."""
        return self._rows.setdefault(names, len(self._rows))

    def write(self, path: Path) -> None:
        """Write the table of films, its patients numbered.

        The numbers sort as the patients' names do: the bootstrap draws patients in that order, so
        that the intervals are those of the whole study.
        """
        names = sorted({group for _, _, group, _ in self._rows})
        width = len(str(len(names)))
        number = {name: f"{place:0{width}d}" for place, name in enumerate(names)}
        rows = [[film, source, number[group], kind] for film, source, group, kind in self._rows]
        _write(path, NAMES, rows)


def pack_films(table: FilmTable, films: FilmIndex, path: Path) -> None:
    """Write the scored films of a run.

    Args:
        table: the films with their figures.
        films: of the study; gets those that it does not have.
        path: the file, gzip.
    """
    columns = [name for name in KEPT if (table.values[name] == table.values[name]).any()]
    rows = []
    for i in range(len(table)):
        names = tuple(str(table.text[name][i]) for name in NAMES)
        figures = (_digits(name, float(table.values[name][i])) for name in columns)
        rows.append([str(films.place(names)), str(table.text["set"][i]), *figures])
    _write(path, ("film", "set", *columns), rows)


def unpack_films(films: Path, path: Path) -> FilmTable:
    """The scored films of a run again; columns that were not kept are unknown.

    Raises:
        UsageError: a file cannot be read, or they do not belong together.
    """
    known = _read(films)
    try:
        return FilmTable.of([{**known[int(row["film"])], **row} for row in _read(path)])
    except (KeyError, ValueError, IndexError) as error:
        raise UsageError(f"{path}: expected films of {films}, got others: {error}") from error


def _digits(name: str, value: float) -> str:
    if value != value:
        return ""
    # Four digits: the figures with their intervals are in result.json, unrounded.
    return str(int(value)) if name in _WHOLE else f"{value:.4g}"


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([[cell(value) for value in row] for row in rows])
    # No time in the file, so that the same films give the same bytes.
    write_bytes(path, gzip.compress(text.getvalue().encode("utf-8"), 9, mtime=0))


def _read(path: Path) -> list[dict[str, str]]:
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    rows = csv.DictReader(io.StringIO(text))
    return [{k: cell_text(v or "") for k, v in row.items() if k is not None} for row in rows]
