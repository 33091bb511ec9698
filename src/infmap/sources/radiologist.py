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
from infmap.sources.record import MaskCrop, SourceRecord
from infmap.sources.tables import labels, read_table, whole_number

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

    A film without ground glass and consolidation has an empty, known opacity mask.

    Raises:
        UsageError: no metadata, none of its films, or a region that cannot be placed.
    """
    drawn, regions = _regions(root)
    found = False
    for row in read_table(root / "metadata.csv", COLUMNS):
        path = root / "images" / row["filename"]
        if not row["filename"] or not path.is_file():
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
            licence=row["license"] or LICENCE,
            opacity_drawn=row["filename"] in drawn,
            crops=tuple(regions.get(row["filename"], ())),
        )
    if not found:
        raise UsageError(f"{root}: expected the films that metadata.csv lists, found none")


def _regions(root: Path) -> tuple[set[str], dict[str, list[MaskCrop]]]:
    """File names that were drawn on, and their regions that make a mask."""
    table = root / "structure.csv"
    drawn: set[str] = set()
    regions: dict[str, list[MaskCrop]] = {}
    for row in read_table(table, REGION_COLUMNS):
        drawn.add(row["Filename"])
        kind = REGIONS.get(row["Class"])
        if kind is None or not row["Mask"]:
            continue
        try:
            width, height = (int(n) for n in row["Resolution"].split("x"))
            crop = MaskCrop(
                path=f"masks/{PurePosixPath(row['Mask']).name}",
                kind=kind,
                left=int(row["Left"]),
                top=int(row["Top"]),
                canvas=(width, height),
            )
        except ValueError as error:
            raise UsageError(f"{table}: {row['Filename']}: {error}") from error
        regions.setdefault(row["Filename"], []).append(crop)
    return drawn, regions
