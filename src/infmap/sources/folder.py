"""A user's own films, in one of three layouts.

1. films.csv with a column path and any of: name, patient_id, study_date, offset_days, view, sex,
   age, covid19, pneumonia, normal (1 or 0) or label (covid19, pneumonia or normal), infection_mask,
   opacity_mask, lung_mask, split, licence. An empty cell is unknown.
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
from infmap.sources import coco
from infmap.sources.files import (
    PICTURES,
    at_least_one,
    home,
    missing,
    pictures,
    relative,
    some,
)
from infmap.sources.record import SourceRecord
from infmap.sources.source import Source
from infmap.sources.tables import Labels, Row, iso_date, read_table, sex, whole_number, years

TABLE, ANNOTATIONS = "films.csv", "annotations.json"
TYPES = (*PICTURES, ".jfif", ".dcm")
MASKS = ("infection_mask", "opacity_mask", "lung_mask")
TRUTH = {"": None, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
CLASSES: dict[str, Labels] = {
    "covid19": (True, False, False),
    "covid-19": (True, False, False),
    "pneumonia": (False, True, False),
    "normal": (False, False, True),
}
UNKNOWN: Labels = (None, None, None)
CELLS: dict[str, Callable[[str], object]] = {
    "age": years,
    "sex": sex,
    "study_date": iso_date,
    "offset_days": whole_number,
}


def read(root: Path) -> Iterator[SourceRecord]:
    """Yield one record a film that is listed or found, and on disk.

    Raises:
        UsageError: no film in any of the layouts, or a table or annotation that is not as above.
    """
    base = _home(root)
    if (base / TABLE).is_file():
        records = _listed(root, base, read_table(base / TABLE, ("path",)))
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


def _listed(root: Path, base: Path, rows: list[Row]) -> Iterator[SourceRecord]:
    table = base / TABLE
    above = "" if base == root else f"{base.relative_to(root).as_posix()}/"
    for row in rows:
        path = coco.inside(row["path"], table)
        if not os.path.isfile(f"{base}/{path}"):
            continue
        covid19, pneumonia, normal = _labels(row, table)
        patient = row.get("patient_id")
        try:
            yield SourceRecord(
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
                infection_mask=_mask(root, base, row, "infection_mask"),
                opacity_mask=_mask(root, base, row, "opacity_mask"),
                lung_mask=_mask(root, base, row, "lung_mask"),
                licence=row.get("licence") or None,
                official_split=row.get("split") or None,
            )
        except ValueError as error:
            raise UsageError(f"{table}: {error}") from error


def _labels(row: Row, table: Path) -> Labels:
    """Labels of a row: of its label, else of its three columns."""
    label = row.get("label", "").lower()
    if label and label not in CLASSES:
        raise UsageError(
            f"{table}: {row['path']}: expected the label covid19, pneumonia or normal, or none, "
            f"got {label!r}"
        )
    if label:
        return CLASSES[label]
    cells = [row.get(kind, "").lower() for kind in ("covid19", "pneumonia", "normal")]
    for cell in cells:
        if cell not in TRUTH:
            raise UsageError(f"{table}: {row['path']}: expected 1, 0 or nothing, got {cell!r}")
    return TRUTH[cells[0]], TRUTH[cells[1]], TRUTH[cells[2]]


def _mask(root: Path, base: Path, row: Row, kind: str) -> str | None:
    path = row.get(kind)
    return relative(root, base / coco.inside(path, base / TABLE)) if path else None


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
    """The mask of a film's name, with its suffix or another picture's."""
    for suffix in (inner.suffix, *PICTURES):
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
    table = base / TABLE
    rows = read_table(table, ("path",))
    paths = [coco.inside(row["path"], table) for row in rows]
    gone = [path for path in paths if not os.path.isfile(f"{base}/{path}")]
    findings = some(gone, len(paths), f"films that {TABLE} lists are not on disk")
    twice = [path for path, count in Counter(paths).items() if count > 1]
    findings += some(twice, len(paths), f"films are twice in {TABLE}")
    for _ in _listed(root, base, rows):
        pass  # raises at the first row that cannot be meant
    for kind in MASKS:
        named = [row for row in rows if row.get(kind)]
        lost = [row[kind] for row in named if _mask(root, base, row, kind) is None]
        findings += some(lost, len(named), f"files of the column {kind} are not on disk")
    for column, reading in CELLS.items():
        odd = [r["path"] for r in rows if r.get(column) and reading(r[column]) is None]
        findings += some(odd, len(rows), f"films have a cell of {column} that says nothing certain")
    return findings


def _check_found(base: Path) -> list[str]:
    inner = [path for _, path in _films(base)]
    findings = [] if inner else missing(base, ["images"], "no films") or ["images: no films"]
    bare = [path.as_posix() for path in inner if _class(path) == UNKNOWN]
    findings += some(bare, len(inner), "films lie in no folder covid19, pneumonia or normal")
    for folder in ("masks", "lungs"):
        used = {_same(base / folder, path) for path in inner}
        there = [p for p in (base / folder).rglob("*") if p.suffix.lower() in PICTURES]
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
