"""CSV tables, the films they list, and their cells: findings, ages, sexes, dates."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from infmap.core.errors import UsageError
from infmap.sources.files import pictures, some

UNKNOWN_FINDINGS = ("", "todo", "unknown")
# Month before day, as the tables that name months also have it in figures.
DATES = ("%Y-%m-%d", "%Y%m%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%m/%d/%Y", "%m/%d/%y")
YEARS = {"Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}

Row = dict[str, str]
Labels = tuple[bool | None, bool | None, bool | None]
Place = Callable[[Path, Row], Path | None]
"""(root, row of a table) to the film's path, on disk or not; None where the row is no film."""


def read_table(
    path: Path,
    required: tuple[str, ...],
    encoding: str = "utf-8-sig",
    delimiter: str = ",",
) -> list[Row]:
    """Rows of a CSV file with the columns that are needed; lines "## ..." above it are skipped.

    Raises:
        UsageError: the file is missing, is not text, or lacks a column.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            lines = (line for line in file if not line.startswith("##"))
            reader = csv.reader(lines, delimiter=delimiter)
            columns = next(reader, [])
            named = [(n, name) for n, name in enumerate(columns) if name]
            rows = [
                {name: cells[n].strip() if n < len(cells) else "" for n, name in named}
                for cells in reader
                if cells
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: expected a CSV table, got {error}") from error
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(f"{path}: expected the column {missing[0]!r}, got {', '.join(columns)}")
    return rows


def films_listed(root: Path, rows: list[Row], place: Place) -> Iterator[tuple[Row, Path]]:
    """The rows whose film is on disk, with its path; of two rows of one film, the first."""
    seen = set()
    for row in rows:
        path = place(root, row)
        if path is not None and path not in seen and path.is_file():
            seen.add(path)
            yield row, path


def check_films(
    root: Path,
    table: str,
    required: tuple[str, ...],
    place: Place,
    folder: str = "images",
    encoding: str = "utf-8-sig",
    known: Collection[str] = (),
) -> list[str]:
    """Findings on a table of films: unreadable, films not on disk, listed twice, or not listed.

    Args:
        root: the source's folder.
        table: name of the table.
        required: its columns that are needed.
        place: where a row's film lies.
        folder: where the films lie.
        encoding: of the table.
        known: names of files in the folder that the table lists and that are no films.
    """
    if not (root / table).is_file():
        return [f"{table} missing: no films"]
    try:
        rows = read_table(root / table, required, encoding)
    except UsageError as error:
        return [str(error)]
    listed = Counter(path for row in rows if (path := place(root, row)) is not None)
    gone = [path.name for path in listed if not path.is_file()]
    twice = [path.name for path, times in listed.items() if times > 1]
    stray = [path.name for path in pictures(root / folder) if path not in listed]
    stray = [name for name in stray if name not in known]
    return [
        *some(gone, len(listed), f"films that {table} lists are not on disk"),
        *some(twice, None, f"films stand more than once in {table}"),
        *some(stray, None, f"films in {folder}/ that {table} does not list"),
    ]


def check_table(path: Path, required: tuple[str, ...], consequence: str) -> list[str]:
    """Findings on a table that may be left out: missing and with what consequence, or unreadable.

    Args:
        path: of the table.
        required: its columns that are needed.
        consequence: what its absence means, such as "no boxes".
    """
    if not path.is_file():
        return [f"{path.name} missing: {consequence}"]
    try:
        read_table(path, required)
    except UsageError as error:
        return [str(error)]
    return []


def labels(finding: str) -> Labels:
    """(covid19, pneumonia, normal) of a finding text of the COVID-19 Image Data Collection.

    Texts are "COVID-19", "COVID-19, ARDS", "Pneumonia/Viral/SARS", "SARS", "No Finding", "todo"...
    """
    if finding.lower() in UNKNOWN_FINDINGS:
        return None, None, None
    if "COVID-19" in finding.replace(",", "/").replace(" ", "").split("/"):
        return True, False, False
    if finding.lower() == "no finding":
        return False, False, True
    return False, None if finding == "Tuberculosis" else True, False


class Described(TypedDict):
    """What a row in the columns of the COVID-19 Image Data Collection says of its film."""

    offset_days: int | None
    view: str | None
    sex: str | None
    age: float | None
    covid19: bool | None
    pneumonia: bool | None
    normal: bool | None


def described(row: Row) -> Described:
    """Fields of the record from the columns offset, view, sex, age and finding."""
    covid19, pneumonia, normal = labels(row["finding"])
    return Described(
        offset_days=whole_number(row["offset"]),
        view=row["view"] or None,
        sex=sex(row.get("sex", "")),
        age=years(row.get("age", "")),
        covid19=covid19,
        pneumonia=pneumonia,
        normal=normal,
    )


def whole_number(text: str) -> int | None:
    """The number in a cell, or None where it holds none."""
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        return None


def sex(text: str) -> str | None:
    """The sex "F" or "M" of "F", "m", "Female"...; None for anything else."""
    letter = text[:1].upper()
    return letter if text.lower() in ("f", "m", "female", "male") else None


def years(text: str) -> float | None:
    """Age in years of "52", "052Y", "008M" or "013D"; None for "50+" or above 130 years."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in YEARS else (text, "Y")
    try:
        age = float(number) * YEARS[unit]
    except ValueError:
        return None
    return round(age, 2) if 0 <= age <= 130 else None


def iso_date(text: str) -> str | None:
    """YYYY-MM-DD of a full date; None for a year, a month, or what is no date."""
    if not text:  # most tables have none, and a format that fails is slow
        return None
    for form in DATES:
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None
