"""Approved masks as files: PNG and a table that the catalog reads, COCO, DICOM Segmentation.

    films.csv              one row an approved film, for ``catalog ingest --source annotation=DIR``
    images/NAME.png        the film as displayed, without the patient
    masks/LABEL/NAME.png   0 and 255, film pixels; one file for every label of the project
    coco/annotations.json  the same as run-length encoded regions
    seg/NAME.dcm           of films that came as DICOM and whose file is still there
    export.json            what was exported, and how the readers' masks were joined

NAME is the start of the SHA-256 of the film's file. The same decisions give the same bytes, in a
restored station too.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select

from infmap.annotation import outcomes, projects, schema
from infmap.annotation.consensus import METHODS, consensus
from infmap.annotation.importing import FULL
from infmap.annotation.outcomes import Approved
from infmap.annotation.store import Store, get_mask
from infmap.core.errors import FilmError, UsageError
from infmap.core.files import replacing_folder, sha256
from infmap.core.spreadsheet import cell
from infmap.core.types import BoolImage
from infmap.export.coco import regions_of
from infmap.web.film_encoding import decode_film
from infmap.web.masks import LABELS, Mask, decode, plane

FORMATS = ("png", "coco", "seg")
TABLE, ABOUT = "films.csv", "export.json"
COLUMNS = ("path", "name", "patient_id", "infection_mask", "opacity_mask", "lung_mask", "origin",
           "readers", "adjudicated", "film_sha256")  # fmt: skip
OPACITIES = ("infection", "ground-glass opacity", "consolidation")
"""Labels whose union is an opacity of any cause."""
_NAME = 20  # hexadecimal digits: 80 bits tell any number of films apart


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: where.
        films: approved films.
        regions: of COCO.
        segmentations: DICOM objects.
        without: films without a Segmentation, with the reason.
    """

    folder: Path
    films: int
    regions: int
    segmentations: int
    without: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class ApprovedFilm:
    """An approved film and its one mask.

    Attributes:
        name: in the export.
        patient: keyed hash, or "" where the file names none.
        mask: uint8 (H, W), film pixels.
        origin: "hand", "NETWORK@VERSION", "edited from ..."; or "METHOD of N readers".
        by_hand: no network had a part in it.
        approved: as the station has it.
    """

    name: str
    patient: str
    mask: Mask
    origin: str
    by_hand: bool
    approved: Approved


def export_project(
    store: Store,
    project: str,
    folder: Path,
    *,
    formats: Collection[str] = ("png", "coco"),
    method: str = "staple",
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write the approved films of a project; the folder appears when it is whole.

    Args:
        store: an open station.
        project: identifier.
        folder: to make; one that is there is replaced if it is an export, else refused.
        formats: of ``FORMATS``; "png" is always written.
        method: how masks of several readers become one, a key of ``consensus.METHODS``.
        progress: called with the number of films done.

    Raises:
        NotFound: there is no such project.
        UsageError: no approved film, an unknown format or method, or a folder of something else.
        MissingExtra: "seg" without highdicom.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or method not in METHODS:
        raise UsageError(
            f"export: expected formats of {', '.join(FORMATS)} and a method of "
            f"{', '.join(METHODS)}, got {unknown or method}"
        )
    if folder.exists() and not (folder / ABOUT).is_file():
        raise UsageError(f"{folder}: expected a new folder or an earlier export; choose another")
    if "seg" in formats:
        from infmap.dicom import check_extra

        check_extra()
    with store.read() as c:
        rules = projects.get(c, project)
    rows: list[list[str]] = []
    images: list[dict[str, object]] = []
    regions: list[dict[str, object]] = []
    without: list[tuple[str, str]] = []
    segmentations = 0
    with _whole(folder) as out:
        for number, film in enumerate(approved_films(store, project, method), 1):
            rows.append(_write_png(store, film, rules.labels, out))
            if "coco" in formats:
                height, width = film.mask.shape
                images.append({"id": number, "file_name": f"{film.name}.png", "width": width,
                               "height": height})  # fmt: skip
                regions += _regions(film, rules.labels, number, len(regions))
            if "seg" in formats:
                reason = _write_seg(film, rules.labels, out)
                segmentations += reason is None
                without += [] if reason is None else [(film.name, reason)]
            if progress:
                progress(number)
        if not rows:
            raise UsageError("export: expected approved films, got none yet; see annotate status")
        _write_table(rows, out / TABLE)
        if "coco" in formats:
            _write_json(_coco(images, regions), out / "coco" / "annotations.json")
        about = {"format": 1, "project": rules.name, "labels": list(rules.labels),
                 "films": len(rows), "formats": sorted({"png", *formats}), "method": method,
                 "use": "Research use only."}  # fmt: skip
        _write_json(about, out / ABOUT)
    return Exported(folder, len(rows), len(regions), segmentations, tuple(without))


def approved_films(store: Store, project: str, method: str = "staple") -> Iterator[ApprovedFilm]:
    """The approved films of a project, each with one mask, in the order of their files' SHA-256."""
    f = schema.films
    with store.read() as c:
        approved = outcomes.approved(c, project)
        query = select(f.c.id, f.c.patient).where(f.c.project_id == project)
        patients = {row.id: row.patient or "" for row in c.execute(query)}
    for one in approved:
        with store.read() as c:
            masks = [decode(get_mask(c, r.mask)) for r in one.revisions if r.mask is not None]
        origins = [r.origin for r in one.revisions if r.mask is not None]
        several = len(masks) > 1
        yield ApprovedFilm(
            name=one.film.sha256[:_NAME],
            patient=patients[one.film.id],
            mask=consensus(masks, method),
            origin=f"{method} of {len(masks)} readers" if several else origins[0],
            by_hand=all(origin == "hand" for origin in origins),
            approved=one,
        )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of an earlier export when it is whole."""
    earlier = folder.with_name(f".{folder.name}.earlier")
    with replacing_folder(folder) as part:
        yield part
        if folder.exists():
            shutil.rmtree(earlier, ignore_errors=True)
            folder.rename(earlier)
    shutil.rmtree(earlier, ignore_errors=True)


def _write_png(store: Store, film: ApprovedFilm, labels: Sequence[str], out: Path) -> list[str]:
    """Write a film and its masks; returns its row of the table."""
    levels, bits = decode_film((store.film_folder(film.approved.film.id) / FULL).read_bytes())
    image = f"images/{film.name}.png"
    top = 255 if bits == 8 else 65_535
    grey = np.rint(levels * (top / (2**bits - 1))).astype(np.uint8 if bits == 8 else np.uint16)
    _save(grey, out / image)
    paths = {}
    for label in labels:
        paths[label] = f"masks/{label}/{film.name}.png"
        _save(np.where(plane(film.mask, label), np.uint8(255), np.uint8(0)), out / paths[label])
    opacity = ""
    if set(labels) & set(OPACITIES[1:]):
        opacity = f"masks/opacity/{film.name}.png"
        union = np.logical_or.reduce([plane(film.mask, label) for label in OPACITIES])
        _save(np.where(union, np.uint8(255), np.uint8(0)), out / opacity)
    # Lungs that nobody outlined are unknown; infection that nobody outlined is none.
    lungs = paths.get("lungs", "") if plane(film.mask, "lungs").any() else ""
    patient = f"annotation:{film.patient[:_NAME]}" if film.patient else ""
    return [
        image, film.name, patient, paths.get("infection", ""), opacity, lungs, film.origin,
        str(len(film.approved.revisions)), str(int(film.approved.adjudicated)),
        film.approved.film.sha256,
    ]  # fmt: skip


def _regions(
    film: ApprovedFilm, labels: Sequence[str], image: int, before: int
) -> list[dict[str, object]]:
    found: list[Mapping[str, object]] = [
        {"category_id": LABELS.index(label) + 1, "iscrowd": 0, **region}
        for label in labels
        for region in regions_of(plane(film.mask, label))
    ]
    return [{"id": before + k, "image_id": image, **region} for k, region in enumerate(found, 1)]


def _coco(images: list[dict[str, object]], regions: list[dict[str, object]]) -> dict[str, object]:
    return {
        "info": {"description": "infmap annotation station; research use only"},
        "licenses": [],
        "categories": [
            {"id": k, "name": label, "supercategory": "region"} for k, label in enumerate(LABELS, 1)
        ],
        "images": images,
        "annotations": regions,
    }


def _write_seg(film: ApprovedFilm, labels: Sequence[str], out: Path) -> str | None:
    """Write a Segmentation; returns why there is none."""
    from infmap.dicom import read_source
    from infmap.dicom.drawn_seg import DrawnRegion, drawn_seg

    path = Path(film.approved.film.source)
    if not path.is_file() or sha256(path) != film.approved.film.sha256:
        return "the film's file is no longer where it was imported from"
    source = read_source(path)
    if source is None:
        return "the film is no DICOM file"
    regions = [
        DrawnRegion(label, plane(film.mask, label), label == "lungs", label == "pleural effusion")
        for label in labels
    ]
    digest = film.approved.film.sha256
    try:
        seg = drawn_seg(source, regions, sha256=digest, origin=film.origin, by_hand=film.by_hand)
    except FilmError as error:
        return error.reason
    # Only where there is one: an empty folder would say that there are objects.
    (out / "seg").mkdir(exist_ok=True)
    seg.save_as(out / "seg" / f"{film.name}.dcm", enforce_file_format=True)
    return None


def _save(pixels: NDArray[np.uint8] | NDArray[np.uint16] | BoolImage, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")


def _write_table(rows: Sequence[Sequence[str]], path: Path) -> None:
    stream = io.StringIO()
    # A patient's number may look like a formula to the spreadsheet that opens the table.
    safe = [[cell(text) for text in row] for row in rows]
    csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *safe])
    path.write_text(stream.getvalue(), encoding="utf-8")


def _write_json(value: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def checksum(folder: Path) -> str:
    """SHA-256 over the names and bytes of a folder's files: equal for equal exports."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\n{sha256(path)}\n".encode())
    return total.hexdigest()
