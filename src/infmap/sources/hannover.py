"""COVID-19 Image Repository of Hannover Medical School (Winther et al. 2020).

Layout: data.csv and png/IMAGE_ID.png as in the repository. Every patient has COVID-19. An offset is
the day of the event seen from the film, so a film taken five days after admission has the
admission_offset -5.
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
    films_listed,
    read_table,
    sex,
    whole_number,
    years,
)

COLUMNS = ("patient_id", "image_id", "sex", "age", "admission_offset", "projection")
LICENCE = "CC BY 3.0"


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that ``data.csv`` lists and that is there.

    Raises:
        UsageError: no table, or none of its films.
    """
    return at_least_one(_films(root), f"{root}: expected the films that data.csv lists in png/")


def _place(root: Path, row: Row) -> Path | None:
    return root / "png" / f"{row['image_id']}.png" if row["image_id"] else None


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = home(root, "data.csv")
    for row, path in films_listed(folder, read_table(folder / "data.csv", COLUMNS), _place):
        admission = whole_number(row["admission_offset"])
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            patient_id=f"hannover:{row['patient_id']}" if row["patient_id"] else None,
            offset_days=None if admission is None else -admission,
            view=row["projection"].upper() or None,
            sex=sex(row["sex"]),
            age=years(row["age"]),
            covid19=True,
            pneumonia=False,
            normal=False,
            licence=LICENCE,
        )


def check(root: Path) -> list[str]:
    """Findings: films that are missing or not listed, and folders that are not of the layout."""
    root = home(root, "data.csv")
    findings = check_films(root, "data.csv", COLUMNS, _place, folder="png")
    return findings + unexpected(root, ("png", "nii", "dcm"))


SOURCE = Source(
    name="hannover",
    title="COVID-19 Image Repository (Hannover Medical School)",
    films=243,
    size=None,
    licence=LICENCE,
    url="https://github.com/ml-workgroup/covid-19-image-repository",
    needs="nothing",
    citation="Winther et al., COVID-19 Image Repository, 2020, doi:10.6084/m9.figshare.12275009",
    layout="data.csv, png/",
    read=read,
    check=check,
    downloads=(
        Download(
            "https://github.com/ml-workgroup/covid-19-image-repository/archive/refs/heads/"
            "master.zip",
            "covid-19-image-repository-master.zip",
        ),
    ),
)
