"""NIH ChestX-ray14 (Wang et al. 2017, arXiv:1705.02315), films of 1992 to 2015.

Two layouts. The official one: Data_Entry_2017.csv (or Data_Entry_2017_v2020.csv), images*/ with the
films at any depth, train_val_list.txt and test_list.txt, and BBox_List_2017.csv with boxes in
pixels of the films of 1024x1024. Or one folder a label: No_findings/ and Pneumonia/. Labels are
mined from reports. COVID-19 is ruled out by the years.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infmap.core.errors import UsageError
from infmap.sources.files import at_least_one, home, missing, pictures, some, unexpected
from infmap.sources.record import Box, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Row, check_table, read_table, sex, years

LICENCE = "NIH: free use with attribution"
COLUMNS = ("Image Index", "Finding Labels", "View Position")
BOXES = "BBox_List_2017.csv"
BOX_COLUMNS = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]")
LISTS = {"train_val_list.txt": "train", "test_list.txt": "test"}
FOLDERS = {"No_findings": (False, True), "Pneumonia": (True, False)}
TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
TYPES = (".png", ".jpg", ".jpeg")
Found = tuple[bool | None, bool]


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film.

    Raises:
        UsageError: neither layout is there, or a damaged table.
    """
    return at_least_one(
        _films(root),
        f"{root}: expected Data_Entry_2017.csv with images*/, or No_findings/ and Pneumonia/",
    )


def _home(root: Path) -> Path:
    return home(root, *TABLES, *FOLDERS)


def _table(folder: Path) -> Path | None:
    return next((folder / name for name in TABLES if (folder / name).is_file()), None)


def _films(root: Path) -> Iterator[SourceRecord]:
    folder = _home(root)
    if table := _table(folder):
        yield from _official(root, table)
    else:
        for name, found in FOLDERS.items():
            for film in pictures(folder / name, TYPES):
                yield _record(root, film, found)


def _images(root: Path) -> dict[str, Path]:
    """The films of the official layout by file name."""
    return {
        film.name: film
        for folder in sorted(root.glob("images*"))
        for film in sorted(folder.rglob("*"))
        if film.suffix.lower() in TYPES
    }


def _official(root: Path, table: Path) -> Iterator[SourceRecord]:
    folder = table.parent
    films, splits, boxes = _images(folder), _splits(folder), _boxes(folder)
    for row in read_table(table, COLUMNS):
        name = row["Image Index"]
        # A name that stands twice is read once.
        if film := films.pop(name, None):
            yield _record(root, film, _found(row), row, splits.get(name), boxes.get(name, ()))


def _found(row: Row) -> Found:
    """(pneumonia, normal); an infiltration may be a pneumonia that the report does not name."""
    findings = row["Finding Labels"].split("|")
    normal = findings == ["No Finding"]
    # Absent is not negative: labels are mined from reports, and only "No Finding" rules one out.
    return True if "Pneumonia" in findings else (False if normal else None), normal


def _record(
    root: Path,
    film: Path,
    found: Found,
    row: Row | None = None,
    split: str | None = None,
    boxes: tuple[Box, ...] = (),
) -> SourceRecord:
    row = row or {}
    return SourceRecord(
        path=film.relative_to(root).as_posix(),
        # Names are PPPPPPPP_NNN.png: patient, then the film's number.
        patient_id=f"chestxray14:{film.name[:8]}",
        view=row.get("View Position") or None,
        sex=sex(row.get("Patient Gender") or row.get("Patient Sex", "")),
        age=years(row.get("Patient Age", "")),
        covid19=False,
        pneumonia=found[0],
        normal=found[1],
        licence=LICENCE,
        official_split=split,
        boxes=boxes,
    )


def _splits(root: Path) -> dict[str, str]:
    return {
        name: split
        for file, split in LISTS.items()
        if (root / file).is_file()
        for name in (root / file).read_text(encoding="utf-8", errors="replace").split()
    }


def _boxes(root: Path) -> dict[str, tuple[Box, ...]]:
    if not (root / BOXES).is_file():
        return {}
    boxes: dict[str, tuple[Box, ...]] = {}
    for row in read_table(root / BOXES, BOX_COLUMNS):
        name = row["Image Index"]
        try:
            left, top, width, height = (float(row[column]) for column in BOX_COLUMNS[2:])
            box = Box(row["Finding Label"], left, top, width, height)
        except ValueError as error:
            raise UsageError(f"{root / BOXES}: {name}: {error}") from error
        boxes[name] = (*boxes.get(name, ()), box)
    return boxes


def check(root: Path) -> list[str]:
    """Findings: in the official layout films, lists and boxes that are missing; else folders."""
    root = _home(root)
    table = _table(root)
    if table is None:
        return [
            *missing(root, TABLES[:1], "no views, ages, boxes or official split"),
            *missing(root, FOLDERS),
            *unexpected(root, FOLDERS),
        ]
    findings = check_table(table, COLUMNS, "no films")
    films = _images(root)
    if not findings:
        listed = {row["Image Index"] for row in read_table(table, COLUMNS)}
        gone = listed - set(films)
        findings += some(gone, len(listed), f"films that {table.name} lists are not on disk")
        findings += some(set(films) - listed, None, f"films that {table.name} does not list")
    for file in LISTS:
        findings += missing(root, [file], "no official split")
    splits = _splits(root)
    if splits:
        unsplit = set(films) - set(splits)
        findings += some(unsplit, len(films), f"films are in none of {', '.join(LISTS)}")
    try:
        boxes = _boxes(root)
    except UsageError as error:
        return [*findings, str(error)]
    findings += missing(root, [BOXES], "no boxes")
    findings += some(set(boxes) - set(films), len(boxes), "films with boxes are not on disk")
    return findings + unexpected(root, [path.name for path in root.glob("images*")])


SOURCE = Source(
    name="chestxray14",
    title="NIH ChestX-ray14",
    films=112_120,
    size="42 GB",
    licence=LICENCE,
    url="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    needs="nothing",
    citation="Wang et al., ChestX-ray8: Hospital-scale Chest X-ray Database, CVPR 2017, "
    "arXiv:1705.02315",
    layout="Data_Entry_2017*.csv, images*/, train_val_list.txt, test_list.txt, BBox_List_2017.csv; "
    "or No_findings/ and Pneumonia/",
    read=read,
    check=check,
)
