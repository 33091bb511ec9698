"""Actualmed COVID-19 Chest X-ray Dataset Initiative (2020).

Layout: metadata.csv and images/ as in the repository. The finding is "COVID-19", "No finding" where
the reader called the film normal and COVID-19 was excluded, and blank where it was inconclusive.
The day stands in the notes: "date taken (YYYYMMDD): 20200313".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.sources.files import at_least_one, home, unexpected
from infmap.sources.record import SourceRecord
from infmap.sources.source import Download, Source
from infmap.sources.tables import (
    Row,
    check_films,
    described,
    films_listed,
    iso_date,
    read_table,
)

COLUMNS = ("patientid", "offset", "sex", "age", "finding", "view", "imagename", "notes")
LICENCE = "research use"


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that ``metadata.csv`` lists and that is there.

    Raises:
        UsageError: no metadata, or none of its films.
    """
    return at_least_one(_films(root), f"{root}: expected the films that metadata.csv lists")


def _place(root: Path, row: Row) -> Path | None:
    return root / "images" / row["imagename"] if row["imagename"] else None


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = home(root, "metadata.csv")
    for row, path in films_listed(folder, read_table(folder / "metadata.csv", COLUMNS), _place):
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            patient_id=f"actualmed:{row['patientid']}" if row["patientid"] else None,
            # The day is the last word of the notes.
            study_date=iso_date(row["notes"].rpartition(" ")[2]),
            **described(row),
            licence=LICENCE,
        )


def check(root: Path) -> list[str]:
    """Findings: films that are missing or not listed, and folders that are not of the layout."""
    root = home(root, "metadata.csv")
    findings = check_films(root, "metadata.csv", COLUMNS, _place)
    return findings + unexpected(root, ("images",))


SOURCE = Source(
    name="actualmed",
    title="Actualmed COVID-19 Chest X-ray Dataset Initiative",
    films=238,
    size=None,
    licence=LICENCE,
    url="https://github.com/agchung/Actualmed-COVID-chestxray-dataset",
    needs="nothing",
    citation="Wang, Lin and Wong, COVID-Net, Scientific Reports 10:19549, 2020, "
    "doi:10.1038/s41598-020-76550-z",
    layout="metadata.csv, images/",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://github.com/agchung/Actualmed-COVID-chestxray-dataset/archive/refs/heads/"
            "master.zip",
            "Actualmed-COVID-chestxray-dataset-master.zip",
        ),
    ),
)
