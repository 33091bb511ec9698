"""A user's own films, in one of three layouts.

1. films.csv with a column path and any of: name, patient_id, study_date, offset_days, view, sex,
   age, covid19, pneumonia, normal (1 or 0) or label (covid19, pneumonia or normal), infection_mask,
   opacity_mask, lung_mask, split, licence. An empty cell is unknown. Without a mask, infection and
   opacity state "empty" or "somewhere". Where a mask has more than two values, infection_value,
   opacity_value or lung_value names those that are foreground ("2", or "1 2" for both). A row that
   cannot be meant is a failure, and the others go on.
2. annotations.json in the form of COCO: outlines of lungs and opacities, boxes of anything.
3. Folders: images/ (or films right here), with classes as sub-folders covid19/, pneumonia/ and
   normal/ where known; masks/ of opacities and lungs/ by the same names.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from infmap.core.errors import UsageError
from infmap.sources import coco, own_tables
from infmap.sources.files import (
    PICTURES,
    at_least_one,
    home,
    missing,
    pictures,
    relative,
    some,
)
from infmap.sources.own_tables import (
    CLASSES,
    UNKNOWN,
    read_own_table,
    stated_labels,
    stated_truth,
)
from infmap.sources.record import SourceFailure, SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import (
    BEYOND,
    Labels,
    Row,
    iso_date,
    number,
    sex,
    whole_number,
    years,
)

TABLE, ANNOTATIONS = "films.csv", "annotations.json"
TYPES = (*PICTURES, ".jfif", ".dcm")
DRAWN = (*PICTURES, ".gif", ".webp", ".npy", ".npz", ".nii", ".nii.gz", ".dcm")
"""Suffixes of masks: those that cannot be read are there to be failures, not overlooked."""
MASKS = ("infection_mask", "opacity_mask", "lung_mask")
VALUES = {"infection_mask": "infection_value", "opacity_mask": "opacity_value",
          "lung_mask": "lung_value"}  # fmt: skip
"""Column of a mask to the one that names its foreground."""
COLUMNS = ("name", "patient_id", "study_date", "offset_days", "view", "sex", "age", "split",
           "licence", *own_tables.COLUMNS, *MASKS, *VALUES.values())  # fmt: skip
CELLS: dict[str, Callable[[str], object]] = {
    "age": years,
    "sex": sex,
    "study_date": iso_date,
    "offset_days": whole_number,
}


def read(root: Path) -> Iterator[SourceRecord | SourceFailure]:
    """Yield one record a film that is listed or found, and on disk, and the rows that are failures.

    Raises:
        UsageError: no film in any of the layouts, or a table or annotation that is not as above.
    """
    base = _home(root)
    records: Iterator[SourceRecord | SourceFailure]
    if (base / TABLE).is_file():
        records = _listed(root, base, read_own_table(base / TABLE, COLUMNS))
    elif (base / ANNOTATIONS).is_file():
        records = _annotated(root, base)
    else:
        records = _found(root, base)
    return at_least_one(
        records,
        f"{root}: expected {TABLE} with a column path, or {ANNOTATIONS} (COCO), or images/ with "
        "films or with covid19/, pneumonia/ and normal/",
    )


def _home(root: Path) -> Path:
    if pictures(root, TYPES):
        return root
    return home(root, TABLE, ANNOTATIONS, "images", *CLASSES)


def _listed(root: Path, base: Path, rows: list[Row]) -> Iterator[SourceRecord | SourceFailure]:
    """Records of rows whose film is on disk, and failures of those that cannot be meant."""
    seen: set[str] = set()
    for place, row in enumerate(rows, 1):
        name = row["path"] or f"row {place} of {TABLE}"
        try:
            record = _record(root, base, row)
            if record and record.path in seen:
                raise ValueError(f"expected each film once in {TABLE}; its first row is taken")
        except (ValueError, UsageError) as error:
            yield SourceFailure(name, str(error).removeprefix(f"{row['path']}: "))
            continue
        if record:
            seen.add(record.path)
            yield record


def _record(root: Path, base: Path, row: Row) -> SourceRecord | None:
    """What a row says of its film; None where that is not on disk.

    Raises:
        ValueError, UsageError: it cannot be meant.
    """
    if row.get(BEYOND):
        raise ValueError(
            f"expected as many cells as {TABLE} has columns, got {row[BEYOND]!r} beyond the last; "
            "quote cells that hold the delimiter"
        )
    path = _inside(row["path"])
    if not os.path.isfile(f"{base}/{path}"):
        return None
    above = "" if base == root else f"{base.relative_to(root).as_posix()}/"
    covid19, pneumonia, normal = stated_labels(row)
    patient = row.get("patient_id")
    masks = {kind: _mask(row, kind, above) for kind in MASKS}
    return SourceRecord(
        path=above + path,
        name=row.get("name") or _name(path),
        patient_id=f"folder:{patient}" if patient else None,
        offset_days=whole_number(row.get("offset_days", "")),
        study_date=iso_date(row.get("study_date", "")),
        view=row.get("view") or None,
        sex=sex(row.get("sex", "")),
        age=years(row.get("age", "")),
        covid19=covid19,
        pneumonia=pneumonia,
        normal=normal,
        infection_mask=masks["infection_mask"],
        opacity_mask=masks["opacity_mask"],
        lung_mask=masks["lung_mask"],
        infection_truth=stated_truth(row, "infection"),
        opacity_truth=stated_truth(row, "opacity"),
        mask_values=tuple((k, v) for k in MASKS if masks[k] and (v := _values(row, VALUES[k]))),
        licence=row.get("licence") or None,
        official_split=row.get("split", "").lower() or None,
    )


def _inside(path: str) -> str:
    """A path of the table, which stays below the table's folder."""
    try:
        return coco.inside(path, Path(TABLE))
    except UsageError as error:
        raise ValueError(str(error).removeprefix(f"{TABLE}: ")) from error


def _mask(row: Row, kind: str, above: str = "") -> str | None:
    """Path of a mask that a row names, on disk or not: one that is not is a failure of ingest."""
    path = row.get(kind)
    return above + _inside(path) if path else None


def _values(row: Row, column: str) -> tuple[float, ...]:
    """The values of a mask that a row says are foreground."""
    cell = row.get(column, "")
    try:
        return tuple(number(part) for part in cell.replace("+", " ").replace("|", " ").split())
    except ValueError as error:
        raise ValueError(f"expected numbers for {column}, got {cell!r}") from error


def _annotated(root: Path, base: Path) -> Iterator[SourceRecord]:
    for film in coco.read(base / ANNOTATIONS):
        path = _place(root, base, film.file)
        if path is None:
            continue
        covid19, pneumonia, normal = _class(PurePosixPath(film.file))
        yield SourceRecord(
            path=path,
            name=_name(film.file),
            covid19=covid19,
            pneumonia=pneumonia,
            normal=normal,
            opacity_drawn=film.opacity_drawn,
            polygons=film.polygons,
            boxes=film.boxes,
        )


def _place(root: Path, base: Path, file: str) -> str | None:
    """A film of the annotations, beside them or below images/."""
    return relative(root, base / file) or relative(root, base / "images" / file)


def _found(root: Path, base: Path) -> Iterator[SourceRecord]:
    for film, inner in _films(base):
        covid19, pneumonia, normal = _class(inner)
        mask = _same(base / "masks", inner)
        lungs = _same(base / "lungs", inner)
        yield SourceRecord(
            path=film.relative_to(root).as_posix(),
            name=_name(inner.as_posix()),
            covid19=covid19,
            pneumonia=pneumonia,
            normal=normal,
            # An opacity is an infection where the film is of COVID-19; elsewhere its cause is
            # unknown.
            infection_mask=relative(root, mask) if mask and covid19 else None,
            opacity_mask=relative(root, mask) if mask else None,
            lung_mask=relative(root, lungs) if lungs else None,
        )


def _films(base: Path) -> list[tuple[Path, PurePosixPath]]:
    """Films and their paths below images/; without it, right here and in folders of classes."""
    top = base / "images"
    if top.is_dir():
        places = [top, *sorted(path for path in top.rglob("*") if path.is_dir())]
    else:
        top = base
        places = [top, *(top / kind for kind in CLASSES)]
    films = [film for place in places for film in pictures(place, TYPES)]
    return [(film, PurePosixPath(film.relative_to(top).as_posix())) for film in films]


def _class(inner: PurePosixPath) -> Labels:
    """Labels by the folder right above a film."""
    return CLASSES.get(inner.parent.name.lower(), UNKNOWN)


def _same(folder: Path, inner: PurePosixPath) -> Path | None:
    """The mask of a film's name, with its suffix or another's."""
    # The film's own ending first, in case masks of several endings lie there.
    for suffix in (inner.suffix, *DRAWN):
        for path in (inner.with_suffix(suffix), PurePosixPath(inner.stem + suffix)):
            if (folder / path).is_file():
                return folder / path
    return None


def _name(path: str) -> str:
    """A film's name that is unique: its path, without images/ in front."""
    parts = path.split("/")
    return "-".join(parts[1:] if len(parts) > 1 and parts[0] == "images" else parts)


def check(root: Path) -> list[str]:
    """Findings: films and masks that are listed and not on disk, or there and of no use."""
    base = _home(root)
    try:
        if (base / TABLE).is_file():
            return _check_listed(root, base)
        if (base / ANNOTATIONS).is_file():
            files = [film.file for film in coco.read(base / ANNOTATIONS)]
            gone = [file for file in files if _place(root, base, file) is None]
            return some(gone, len(files), f"films that {ANNOTATIONS} lists are not on disk")
        return _check_found(base)
    except UsageError as error:
        return [str(error)]


def _check_listed(root: Path, base: Path) -> list[str]:
    rows = read_own_table(base / TABLE, COLUMNS)
    twice = [path for path, count in Counter(row["path"] for row in rows).items() if count > 1]
    failures = [one for one in _listed(root, base, rows) if isinstance(one, SourceFailure)]
    odd = {failure.path: failure.reason for failure in failures if failure.path not in twice}
    first = odd[min(odd)] if odd else ""
    sound = [row for row in rows if row["path"] not in odd]
    paths = [_inside(row["path"]) for row in sound if row["path"]]
    gone = [path for path in paths if not os.path.isfile(f"{base}/{path}")]
    findings = some(gone, len(rows), f"films that {TABLE} lists are not on disk")
    findings += some(twice, len(rows), f"films are twice in {TABLE}")
    findings += [
        f"{line}: {first}" for line in some(odd, len(rows), f"rows of {TABLE} are left out")
    ]
    for kind in MASKS:
        named = [row for row in sound if row.get(kind)]
        lost = [row[kind] for row in named if not (base / str(_mask(row, kind))).is_file()]
        findings += some(lost, len(named), f"files of the column {kind} are not on disk")
    for column, reading in CELLS.items():
        vague = [r["path"] for r in rows if r.get(column) and reading(r[column]) is None]
        findings += some(
            vague, len(rows), f"films have a cell of {column} that says nothing certain"
        )
    return findings


def _check_found(base: Path) -> list[str]:
    inner = [path for _, path in _films(base)]
    findings = [] if inner else missing(base, ["images"], "no films") or ["images: no films"]
    bare = [path.as_posix() for path in inner if _class(path) == UNKNOWN]
    findings += some(bare, len(inner), "films lie in no folder covid19, pneumonia or normal")
    for folder in ("masks", "lungs"):
        used = {_same(base / folder, path) for path in inner}
        there = [p for p in (base / folder).rglob("*") if p.name.lower().endswith(DRAWN)]
        stray = [path.relative_to(base).as_posix() for path in there if path not in used]
        findings += some(stray, len(there), f"files of {folder}/ have no film")
    return findings


SOURCE = Source(
    name="folder",
    title="Films of your own",
    films=None,
    size=None,
    licence="as you state it in the column licence",
    url="your own disk",
    needs="nothing",
    citation="none",
    layout="films.csv (path, and what is known), or annotations.json (COCO), or "
    "images/{covid19,pneumonia,normal}/, masks/, lungs/",
    read=read,
    check=check,
)
