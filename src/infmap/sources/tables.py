"""CSV tables, the films they list, and their cells: findings, ages, sexes, dates."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from infmap.core.errors import UsageError
from infmap.sources.files import pictures, some

UNKNOWN_FINDINGS = ("", "todo", "unknown")
# Month before day, as the tables that name months also have it in figures.
DATES = ("%Y-%m-%d", "%Y%m%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%m/%d/%Y", "%m/%d/%y",
         "%d.%m.%Y")  # fmt: skip
DELIMITERS = (",", ";", "\t", "|")
BEYOND = ""
"""Name under which a row keeps cells that have no column."""
YEARS = {"Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}

Row = dict[str, str]
Labels = tuple[bool | None, bool | None, bool | None]
Place = Callable[[Path, Row], Path | None]
"""(root, row of a table) to the film's path, on disk or not; None where the row is no film."""


def read_table(path: Path, required: tuple[str, ...], known: tuple[str, ...] = ()) -> list[Row]:
    """Rows of a table in text form with the columns that are needed.

    Comma, semicolon, tab or bar between the cells; UTF-8, UTF-16, or else Windows-1252. Lines
    "## ..." above it are skipped, and so are rows without a filled cell. The names of columns that
    are needed or known may be in other letter case, with spaces or hyphens for underscores.

    Args:
        path: of the table.
        required: columns that must be there.
        known: more columns, by the name that they get.

    Returns:
        column to cell of each row; cells beyond the last column stand under ``BEYOND``, joined.

    Raises:
        UsageError: the file is missing, is not text, lacks a column, or has one twice.
    """
    try:
        text = decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a table, the system says {error.strerror}") from error
    if "\0" in text:
        raise UsageError(f"{path}: expected a CSV table, got bytes that are no text")
    while text.startswith("##"):
        text = text.partition("\n")[2]
    names = {_folded(name): name for name in (*required, *known)}
    try:
        columns, lines = _cells(text, names)
    except csv.Error as error:
        raise UsageError(f"{path}: expected a CSV table, got {error}") from error
    columns = [names.get(_folded(name), name) for name in columns]
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(f"{path}: expected the column {missing[0]!r}, got {', '.join(columns)}")
    twice = [name for name in names.values() if columns.count(name) > 1]
    if twice:
        raise UsageError(f"{path}: expected the column {twice[0]!r} once, got it twice")
    return [_row(columns, cells) for cells in lines if any(cells)]


def decode(data: bytes) -> str:
    """Text of a table: by its byte order mark, else UTF-8, else Windows-1252 as Excel writes it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif data[1:2] == b"\0" or data[:1] == b"\0":
        encodings = ["utf-16-le" if data[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _cells(text: str, names: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Names of the columns and cells of the rows, by the delimiter that finds most of the names."""
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r"sep=(.)\r?", first)  # Excel's own way to name it
    text, delimiters = (rest, [said[1]]) if said else (text, DELIMITERS)

    def found(delimiter: str) -> tuple[int, int]:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return sum(_folded(name) in names for name in header), len(header)

    best = max(delimiters, key=found)  # the first of equals
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=best))
    rows = [[cell.strip() for cell in line] for line in lines]
    return (rows[0], rows[1:]) if rows else ([], [])


def _row(columns: Sequence[str], cells: Sequence[str]) -> Row:
    row = {name: cells[n] if n < len(cells) else "" for n, name in enumerate(columns) if name}
    if beyond := " ".join(filter(None, cells[len(columns) :])):
        row[BEYOND] = beyond
    return row


def _folded(name: str) -> str:
    """A column's name without letter case, and with underscores for spaces and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


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
    known: Collection[str] = (),
) -> list[str]:
    """Findings on a table of films: unreadable, films not on disk, listed twice, or not listed.

    Args:
        root: the source's folder.
        table: name of the table.
        required: its columns that are needed.
        place: where a row's film lies.
        folder: where the films lie.
        known: names of files in the folder that the table lists and that are no films.
    """
    if not (root / table).is_file():
        return [f"{table} missing: no films"]
    try:
        rows = read_table(root / table, required)
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
        return round(number(text))
    except (ValueError, OverflowError):
        return None


def number(text: str) -> float:
    """The number in a cell, with a point or a comma before its decimals.

    Raises:
        ValueError: it holds none, or one whose comma may part thousands.
    """
    if re.fullmatch(r"\s*[+-]?\d+,(\d{1,2}|\d{4,})\s*", text):
        text = text.replace(",", ".")
    return float(text)


def sex(text: str) -> str | None:
    """The sex "F" or "M" of "F", "m", "Female"...; None for anything else."""
    letter = text[:1].upper()
    return letter if text.lower() in ("f", "m", "female", "male") else None


def years(text: str) -> float | None:
    """Age in years of "52", "052Y", "008M" or "013D"; None for "50+" or above 130 years."""
    figures, unit = (text[:-1], text[-1]) if text[-1:] in YEARS else (text, "Y")
    try:
        age = number(figures) * YEARS[unit]
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
