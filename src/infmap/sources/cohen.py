"""COVID-19 Image Data Collection (Cohen et al. 2020, arXiv:2006.11988).

Layout: metadata.csv, images/, and the scores severity-scores.csv (geographic extent 0 to 8 and
opacity 0 to 6, means of three readers) and brixia-scores.csv (zones A to F 0 to 3, global 0 to 18,
by a senior and a junior radiologist).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.record import Score, SourceRecord
from infmap.sources.tables import labels, read_table, whole_number

COLUMNS = ("patientid", "offset", "finding", "view", "folder", "filename", "license")
READERS = {"S": "senior", "J": "junior"}
FRONTAL = ("PA", "AP", "AP Supine", "AP Erect", "")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a frontal film that ``metadata.csv`` lists and that is there.

    Raises:
        UsageError: no metadata, or none of its films.
    """
    scores = _scores(root)
    found = False
    for row in read_table(root / "metadata.csv", COLUMNS):
        name = row["filename"]
        path = root / (row["folder"] or "images") / name
        if not name or row["view"] not in FRONTAL or not path.is_file():
            continue
        found = True
        covid19, pneumonia, normal = labels(row["finding"])
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            patient_id=f"cohen:{row['patientid']}" if row["patientid"] else None,
            offset_days=whole_number(row["offset"]),
            view=row["view"] or None,
            covid19=covid19,
            pneumonia=pneumonia,
            normal=normal,
            licence=row["license"] or None,
            scores=tuple(scores.get(name, ())),
        )
    if not found:
        raise UsageError(f"{root}: expected the films that metadata.csv lists, found none")


def _scores(root: Path) -> dict[str, list[Score]]:
    """Readings by file name; a missing table holds none."""
    scores: dict[str, list[Score]] = {}
    if (table := root / "severity-scores.csv").is_file():
        for row in read_table(table, ("filename", "geographic_mean", "opacity_mean")):
            for name, column in (("geographic_extent", "geographic"), ("opacity", "opacity")):
                _add(scores, row["filename"], name, "mean", row[f"{column}_mean"])
    if (table := root / "brixia-scores.csv").is_file():
        for row in read_table(table, ("filename",)):
            for column, text in row.items():
                letter, _, zone = column.partition("-")
                if letter in READERS and zone:
                    name = "brixia_global" if zone == "Global" else f"brixia_{zone}"
                    _add(scores, row["filename"], name, READERS[letter], text)
    return scores


def _add(scores: dict[str, list[Score]], film: str, name: str, reader: str, text: str) -> None:
    """Add a reading unless its cell is empty."""
    if text:
        try:
            value = float(text)
        except ValueError as error:
            raise UsageError(f"{film}: expected a number for {name}, got {text!r}") from error
        scores.setdefault(film, []).append(Score(name, reader, value))
