"""NIH ChestX-ray14 (Wang et al. 2017, arXiv:1705.02315), films of 1992 to 2015.

Two layouts: the official one (Data_Entry_2017.csv and images*/), and one folder a label
(No_findings/, Pneumonia/). Labels are mined from reports. COVID-19 is ruled out by the years.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.record import SourceRecord
from infmap.sources.tables import read_table

LICENCE = "NIH: free use with attribution"
COLUMNS = ("Image Index", "Finding Labels", "View Position")
FOLDERS = {"No_findings": (False, True), "Pneumonia": (True, False)}
TYPES = (".png", ".jpg", ".jpeg")


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Raises:
        UsageError: neither layout is there.
    """
    table = next(iter(sorted(root.glob("Data_Entry_2017*.csv"))), None)
    records = _official(root, table) if table else _folders(root)
    found = False
    for record in records:
        found = True
        yield record
    if not found:
        raise UsageError(
            f"{root}: expected Data_Entry_2017.csv with images*/, or No_findings/ and Pneumonia/, "
            "found no film"
        )


def _folders(root: Path) -> Iterator[SourceRecord]:
    for folder, (pneumonia, normal) in FOLDERS.items():
        for film in sorted((root / folder).glob("*")):
            if film.suffix.lower() in TYPES:
                yield _record(root, film, pneumonia, normal, None)


def _official(root: Path, table: Path) -> Iterator[SourceRecord]:
    films = {
        film.name: film
        for folder in sorted(root.glob("images*"))
        for film in sorted(folder.rglob("*"))
        if film.suffix.lower() in TYPES
    }
    for row in read_table(table, COLUMNS):
        film = films.get(row["Image Index"])
        if film is None:
            continue
        findings = row["Finding Labels"].split("|")
        normal = findings == ["No Finding"]
        # An infiltration or a consolidation may be a pneumonia that the report does not name.
        pneumonia = True if "Pneumonia" in findings else (False if normal else None)
        yield _record(root, film, pneumonia, normal, row["View Position"] or None)


def _record(
    root: Path, film: Path, pneumonia: bool | None, normal: bool, view: str | None
) -> SourceRecord:
    return SourceRecord(
        path=film.relative_to(root).as_posix(),
        patient_id=f"chestxray14:{film.name[:8]}",
        view=view,
        covid19=False,
        pneumonia=pneumonia,
        normal=normal,
        licence=LICENCE,
    )
