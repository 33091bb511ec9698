"""COVID-19 chest X-ray segmentations drawn by radiologists (General Blockchain, 2020).

Layout: metadata.csv (the columns of the COVID-19 Image Data Collection), images/, structure.csv and
masks/. A file under masks/ is the crop of one region in the class's colour on opaque black; it
belongs at (Left, Top) of structure.csv on a canvas of Resolution, and is never stretched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, home, some, unexpected
from infmap.sources.record import MaskCrop, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import (
    Row,
    check_films,
    check_table,
    described,
    films_listed,
    iso_date,
    read_table,
)

COLUMNS = ("patientid", "offset", "finding", "view", "filename", "license")
REGION_COLUMNS = ("Class", "Filename", "Mask", "Resolution", "Top", "Left")
LICENCE = "CC BY 4.0"
REGIONS: dict[str, Literal["opacity", "lungs"]] = {
    "COVID-19 Ground Glass Opacities": "opacity",
    "COVID-19 Consolidation": "opacity",
    "COVID-19 Left Lung": "lungs",
    "COVID-19 Right Lung": "lungs",
}


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that ``metadata.csv`` lists and that is there.

    A film without ground glass and consolidation has an empty, known opacity mask; one that
    structure.csv does not name was not drawn on, and its masks are unknown.

    Raises:
        UsageError: no metadata, none of its films, or a region that cannot be placed.
    """
    return at_least_one(_films(root), f"{root}: expected the films that metadata.csv lists")


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = home(root, "metadata.csv")
    prefix = "" if folder == root else f"{folder.name}/"
    drawn, regions = _regions(folder, prefix)
    rows = read_table(folder / "metadata.csv", COLUMNS)
    for row, path in films_listed(folder, rows, _place):
        yield SourceRecord(
            path=path.relative_to(root).as_posix(),
            patient_id=f"cohen:{row['patientid']}" if row["patientid"] else None,
            study_date=iso_date(row.get("date", "")),
            **described(row),
            licence=row["license"] or LICENCE,
            opacity_drawn=path.name in drawn,
            crops=tuple(regions.get(path.name, ())),
        )


def _place(root: Path, row: Row) -> Path | None:
    return root / "images" / row["filename"] if row["filename"] else None


def _regions(root: Path, prefix: str = "") -> tuple[set[str], dict[str, list[MaskCrop]]]:
    """File names that were drawn on, and their regions that make a mask; none without a table."""
    table = root / "structure.csv"
    drawn: set[str] = set()
    regions: dict[str, list[MaskCrop]] = {}
    for row in read_table(table, REGION_COLUMNS) if table.is_file() else ():
        drawn.add(row["Filename"])
        kind = REGIONS.get(row["Class"])
        if kind is None or not row["Mask"]:
            continue
        crop = region(table, row, kind, prefix)
        regions.setdefault(row["Filename"], []).append(crop)
    return drawn, regions


def region(table: Path, row: Row, kind: Literal["opacity", "lungs"], prefix: str = "") -> MaskCrop:
    """The drawn region of a row of structure.csv.

    Args:
        table: the file, for the message.
        row: with the columns ``REGION_COLUMNS``.
        kind: what the region shows.
        prefix: the collection's folder relative to the source's root, with its slash.

    Raises:
        UsageError: it cannot be placed.
    """
    try:
        width, height = (int(n) for n in row["Resolution"].split("x"))
        return MaskCrop(
            path=f"{prefix}masks/{PurePosixPath(row['Mask']).name}",
            kind=kind,
            left=int(row["Left"]),
            top=int(row["Top"]),
            canvas=(width, height),
        )
    except ValueError as error:
        raise UsageError(f"{table}: {row['Filename']}: {error}") from error


def check(root: Path) -> list[str]:
    """Findings: films missing, not listed or not drawn on, and masks that are not on disk."""
    root = home(root, "metadata.csv")
    findings = check_films(root, "metadata.csv", COLUMNS, _place)
    damaged = check_table(root / "structure.csv", REGION_COLUMNS, "no masks")
    if not damaged:
        try:
            findings += _check_regions(root)
        except UsageError as error:
            damaged = [str(error)]
    return findings + damaged + unexpected(root, ("images", "masks", "tags"))


def _check_regions(root: Path) -> list[str]:
    drawn, regions = _regions(root)
    crops = [crop.path for crops in regions.values() for crop in crops]
    gone = [path for path in crops if not (root / path).is_file()]
    try:
        rows = read_table(root / "metadata.csv", COLUMNS)
    except UsageError:
        rows = []  # already among the findings
    listed = {row["filename"] for row in rows if row["filename"]}
    return [
        *some(gone, len(crops), "masks that structure.csv lists are not on disk"),
        *some(listed - drawn, len(listed), "films are not in structure.csv: no masks"),
        *some(drawn - listed, len(drawn), "films of structure.csv are not in metadata.csv"),
    ]


SOURCE = Source(
    name="general-blockchain",
    title="COVID-19 chest X-ray segmentations dataset (General Blockchain)",
    films=100,
    size=None,
    licence="CC BY 4.0, films as metadata.csv states",
    url="https://github.com/GeneralBlockchain/covid-19-chest-xray-segmentations-dataset",
    needs="nothing",
    citation="General Blockchain, COVID-19 chest X-ray segmentations dataset, 2020; films: Cohen "
    "et al., arXiv:2006.11988",
    layout="metadata.csv, images/, structure.csv, masks/",
    read=read,
    check=check,
)
