"""CSV tables and finding texts as the sources write them."""

from __future__ import annotations

import csv
from pathlib import Path

from infmap.core.errors import UsageError

UNKNOWN_FINDINGS = ("", "todo", "Unknown")

Labels = tuple[bool | None, bool | None, bool | None]


def read_table(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file with the columns that are needed.

    Raises:
        UsageError: the file is missing, is not text, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: expected a CSV table, got {error}") from error
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(f"{path}: expected the column {missing[0]!r}, got {', '.join(columns)}")
    return rows


def labels(finding: str) -> Labels:
    """(covid19, pneumonia, normal) of a finding text of the COVID-19 Image Data Collection.

    Texts are "COVID-19", "COVID-19, ARDS", "Pneumonia/Viral/SARS", "SARS", "No Finding", "todo"...
    """
    if finding in UNKNOWN_FINDINGS:
        return None, None, None
    if "COVID-19" in finding.replace(",", "/").replace(" ", "").split("/"):
        return True, False, False
    if finding == "No Finding":
        return False, False, True
    return False, True, False


def whole_number(text: str) -> int | None:
    """The number in a cell, or None where it holds none."""
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        return None
