"""Figure 1 COVID-19 Chest X-ray Dataset Initiative (2020).

Layout: metadata.csv (Latin-1) and images/ as in the repository. A film is named after its
patientid, as .jpg or .png; a letter behind the number tells films of one patient apart.
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
    read_table,
)

COLUMNS = ("patientid", "offset", "sex", "age", "finding", "view")
LICENCE = "research use"
TYPES = (".jpg", ".png", ".jpeg")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that ``metadata.csv`` lists and that is there.

    Raises:
        UsageError: no metadata, or none of its films.
    """
    return at_least_one(_films(root), f"{root}: expected the films that metadata.csv lists")


def _place(root: Path, row: Row) -> Path | None:
    name = row["patientid"]
    if not name:
        return None
    paths = [root / "images" / f"{name}{suffix}" for suffix in TYPES]
    return next((path for path in paths if path.is_file()), paths[0])


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = home(root, "metadata.csv")
    rows = read_table(folder / "metadata.csv", COLUMNS)
    for row, path in films_listed(folder, rows, _place):
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            # COVID-00003a and COVID-00003b are films of one patient.
            patient_id=f"figure1:{row['patientid'].rstrip('abcdefgh')}",
            **described(row),
            licence=LICENCE,
        )


def check(root: Path) -> list[str]:
    """Findings: films that are missing or not listed, and folders that are not of the layout."""
    root = home(root, "metadata.csv")
    findings = check_films(root, "metadata.csv", COLUMNS, _place)
    return findings + unexpected(root, ("images",))


SOURCE = Source(
    name="figure1",
    title="Figure 1 COVID-19 Chest X-ray Dataset Initiative",
    films=55,
    size=None,
    licence=LICENCE,
    url="https://github.com/agchung/Figure1-COVID-chestxray-dataset",
    needs="nothing",
    citation="Wang, Lin and Wong, COVID-Net, Scientific Reports 10:19549, 2020, "
    "doi:10.1038/s41598-020-76550-z",
    layout="metadata.csv, images/",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://github.com/agchung/Figure1-COVID-chestxray-dataset/archive/refs/heads/"
            "master.zip",
            "Figure1-COVID-chestxray-dataset-master.zip",
        ),
    ),
)
