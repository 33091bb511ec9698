"""Tables that a user writes: cells of films.csv, and truth.csv beside the films of any source.

truth.csv states what a reader knows of films beyond what their publisher says. Its column path is a
film's path below the folder, or a pattern such as "COVID/*" for many; a row of the path itself goes
before patterns, and a later pattern before an earlier one. The others are optional:

- infection, opacity: empty, somewhere, or unknown;
- covid19, pneumonia, normal (1, 0 or unknown), or label (covid19, pneumonia, normal or unknown).

An empty cell leaves what the source says. A row that states one of the three labels states all of
them: those it leaves empty are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypedDict

from infmap.core.errors import UsageError
from infmap.sources.files import some
from infmap.sources.record import STATED, SourceRecord
from infmap.sources.tables import Labels, Row, read_table

TRUTH_TABLE = "truth.csv"
LABEL_COLUMNS = ("covid19", "pneumonia", "normal")
TRUTH_COLUMNS = ("infection", "opacity")
COLUMNS = (*TRUTH_COLUMNS, *LABEL_COLUMNS, "label")
NOTHING = ("na", "n/a", "nan", "none", "null")
"""What R and pandas write for an empty cell."""
BOOLEANS = {"": None, "unknown": None} | {
    text: truth
    for truth, texts in ((True, "1 1.0 true t yes y"), (False, "0 0.0 false f no n"))
    for text in texts.split()
}
CLASSES: dict[str, Labels] = {
    "covid19": (True, False, False),
    "covid-19": (True, False, False),
    "pneumonia": (False, True, False),
    "normal": (False, False, True),
}
UNKNOWN: Labels = (None, None, None)


class Changes(TypedDict, total=False):
    """Fields of a record that a row states."""

    infection_truth: str
    infection_mask: None
    opacity_truth: str
    opacity_mask: None
    covid19: bool | None
    pneumonia: bool | None
    normal: bool | None


class TruthTable:
    """The truth that truth.csv in a source's folder states; without the file, none.

    Args:
        root: the source's folder.

    Raises:
        UsageError: the table is damaged, or a row of it cannot be meant.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / TRUTH_TABLE
        self._exact: dict[str, Changes] = {}
        self._patterns: list[tuple[str, Changes]] = []
        self._used: set[str] = set()
        self._films = 0
        rows = read_own_table(self._path, COLUMNS) if self._path.is_file() else []
        for place, row in enumerate(rows, 1):
            path = row["path"]
            try:
                changes = _changes(row)
                if path in self._exact:
                    raise ValueError(f"expected {path} once")
            except ValueError as error:
                raise UsageError(f"{self._path}: row {place}: {error}") from error
            if any(sign in path for sign in "*?["):
                self._patterns.append((path, changes))
            self._exact[path] = changes

    def apply(self, record: SourceRecord) -> SourceRecord:
        """A film's record with what the table states of it.

        Raises:
            UsageError: that contradicts what the source says.
        """
        matching = [pattern for pattern, _ in self._patterns if fnmatchcase(record.path, pattern)]
        here = record.path if record.path in self._exact else None
        name = here or (matching[-1] if matching else None)
        self._used.update(matching, [here] if here else [])
        if name is None:
            return record
        self._films += 1
        try:
            return replace(record, **self._exact[name])
        except ValueError as error:
            raise UsageError(f"{self._path}: {error}") from error

    def findings(self) -> list[str]:
        """How many films it speaks of, and rows without a film."""
        if not self._exact:
            return []
        unused = some(
            self._exact.keys() - self._used,
            len(self._exact),
            f"rows of {TRUTH_TABLE} are of no film",
        )
        return [f"{TRUTH_TABLE} states the truth of {self._films} films", *unused]


def read_own_table(path: Path, known: Sequence[str]) -> list[Row]:
    """Rows of a table of films with a column path; what R and pandas write for nothing is empty.

    Args:
        path: of the table.
        known: columns that it may have.

    Raises:
        UsageError: it is no table, or lacks the column path.
    """
    return [
        {n: c if n in ("path", "name") or c.lower() not in NOTHING else "" for n, c in row.items()}
        for row in read_table(path, ("path",), tuple(known))
    ]


def stated_labels(row: Row) -> Labels:
    """Labels that a row states: by its label, else by its three columns.

    Raises:
        ValueError: a cell cannot be meant.
    """
    label = row.get("label", "").lower()
    if label == "unknown":
        return UNKNOWN
    if label and label not in CLASSES:
        raise ValueError(f"expected the label covid19, pneumonia or normal, or none, got {label!r}")
    if label:
        return CLASSES[label]
    cells = [row.get(kind, "").lower() for kind in LABEL_COLUMNS]
    for cell in cells:
        if cell not in BOOLEANS:
            raise ValueError(f"expected 1, 0 or nothing, got {cell!r}")
    return BOOLEANS[cells[0]], BOOLEANS[cells[1]], BOOLEANS[cells[2]]


def stated_truth(row: Row, kind: str) -> str | None:
    """What a row states in its column infection or opacity; None for nothing.

    Raises:
        ValueError: it is none of ``STATED``.
    """
    cell = row.get(kind, "").lower()
    if cell and cell not in STATED:
        raise ValueError(f"expected {', '.join(STATED)} or nothing for {kind}, got {cell!r}")
    return cell or None


def _changes(row: Row) -> Changes:
    """Fields of a record that a row states; a mask gives way to what is stated in its place."""
    changes: Changes = {}
    if state := stated_truth(row, "infection"):
        changes |= {"infection_truth": state, "infection_mask": None}
    if state := stated_truth(row, "opacity"):
        changes |= {"opacity_truth": state, "opacity_mask": None}
    if any(row.get(name) for name in (*LABEL_COLUMNS, "label")):
        changes["covid19"], changes["pneumonia"], changes["normal"] = stated_labels(row)
    return changes
