"""The folder of a result: written beside its place, brought to the disk, moved there.

``result.json`` (the film's line), ``film.json`` (what a viewer needs beside it), ``preview.jpg``,
and of an assessed film ``infection.png``, ``opacity.png``, ``lungs.png`` and ``zones.png`` in film
pixels. What costs more, the full film and the objects made of it, is made when it is asked for.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.core.errors import FilmError, RejectedFilm
from infmap.core.types import Prediction, Radiograph
from infmap.dicom.derived import guarded
from infmap.report import FilmRow
from infmap.report.overlay import to_bytes
from infmap.serve.figures import Figures
from infmap.serve.results import FACTS, LINE, PREVIEW, Facts, Result, Status, film_id, patient_hash
from infmap.serve.store import Store, sync
from infmap.web.database import new_id, now
from infmap.web.film_encoding import encode_preview, grey_levels

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SYNCS = 8
"""Files that are brought to the disk at once: those of one film, about."""
# Kept: starting threads for each batch costs more than bringing its files down.
_SYNCING = ThreadPoolExecutor(SYNCS, thread_name_prefix="sync")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Header:
    """What a film's file says of the patient and the examination.

    Attributes:
        dicom: it is a DICOM file.
        issuer: of the patient's identifier; "" where not stated.
        patient: identifier; "" where not stated.
        day: of the examination; None where unknown.
    """

    dicom: bool = False
    issuer: str = ""
    patient: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Film:
    """A film that was worked on.

    Attributes:
        sha256: of its bytes.
        model: name@version.
        model_sha: checksum of the model folder.
        threshold: of infection.
        named: a job named it; else it is the model's own.
        header: what its file says.
    """

    sha256: str
    model: str
    model_sha: str
    threshold: float
    named: bool
    header: Header


def header_of(dataset: Dataset) -> Header:
    """Patient and day of examination of a DICOM film; nothing of one that breaks the standard."""
    try:
        with guarded("a readable header"):  # an element is decoded when it is looked at
            return _header(dataset)
    except FilmError:
        return Header(dicom=True)


def _header(dataset: Dataset) -> Header:
    day = None
    for keyword in ("AcquisitionDate", "StudyDate"):
        text = str(dataset.get(keyword) or "")
        with suppress(ValueError):
            day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
            break
    issuer = str(dataset.get("IssuerOfPatientID") or "")
    return Header(True, issuer, str(dataset.get("PatientID") or ""), day)


@dataclass(frozen=True)
class Written:
    """A result whose files are written, and not yet in their place.

    Attributes:
        result: its row, for the caller to commit once the files are in their place.
        part: folder that they lie in; None where there are none, or they are there already.
    """

    result: Result
    part: Path | None


def write_result(store: Store, film: Film, answer: Prediction | FilmError) -> Written:
    """Write a result's files beside their place; ``settle`` brings them there.

    A folder that is there already is that of the same film, model and threshold, and stays.

    Raises:
        OSError: the disk is full, read-only or forbidden.
    """
    name = film_id(store.key, film.sha256, film.model_sha, film.threshold, film.named)
    part = None
    if isinstance(answer, Prediction):
        row = FilmRow.of(name, "", answer)
        part = _write(store, name, row, film, answer.radiograph, answer)
    elif isinstance(answer, RejectedFilm) and answer.radiograph is not None:
        row = FilmRow.of_rejection(name, "", answer, film.model)
        part = _write(store, name, row, film, answer.radiograph, None)
    return Written(_row(store, name, film, answer), part)


def settle(store: Store, written: Sequence[Written]) -> None:
    """Bring the files of results to the disk and into their place, or remove them all.

    Raises:
        OSError: the disk is full, read-only or forbidden.
    """
    parts = [one.part for one in written if one.part is not None]
    try:
        paths = [path for part in parts for path in (*part.iterdir(), part)]
        # Side by side: a journaling disk brings several files down with one write of its journal. A
        # thread has its share of them: handing each over costs as much as bringing it down.
        list(_SYNCING.map(_sync_all, [paths[n::SYNCS] for n in range(min(SYNCS, len(paths)))]))
        places = [(one.part, _place(store, one.result.film)) for one in written]
        parents = {place.parent for part, place in places if part is not None}
        if not all(parent.is_dir() for parent in parents):
            for parent in parents:
                parent.mkdir(exist_ok=True)
            sync(store.results)
        for part, place in places:
            # Another worker may have been as fast with the same film: either folder will do.
            if part is not None and not place.is_dir():
                try:
                    part.rename(place)
                except OSError:
                    if not place.is_dir():
                        raise
        for parent in parents:
            sync(parent)
    finally:
        for part in parts:
            shutil.rmtree(part, ignore_errors=True)


def _sync_all(paths: Sequence[Path]) -> None:
    for path in paths:
        sync(path)


def levels_of(radiograph: Radiograph) -> tuple[NDArray[np.uint16], int]:
    """Grey levels as they travel to a browser, uint16 (H, W), and their bits, 8 to 16."""
    bits = min(max(radiograph.bits or 8, 8), 16)
    return grey_levels(radiograph.pixels, bits), bits


def _place(store: Store, name: str) -> Path:
    return store.results / name[:2] / name


def _write(
    store: Store,
    name: str,
    row: FilmRow,
    film: Film,
    radiograph: Radiograph,
    prediction: Prediction | None,
) -> Path | None:
    if _place(store, name).is_dir():
        return None
    part = store.results / f".{new_id()}.part"
    part.mkdir(parents=True)
    try:
        line = row.to_dict() | {"path": None}  # one client's name for it is not another's
        (part / LINE).write_text(json.dumps(line, allow_nan=False), encoding="utf-8")
        levels, bits = levels_of(radiograph)
        (part / PREVIEW).write_bytes(encode_preview(levels, bits))
        facts = _facts(film, radiograph, bits, prediction)
        (part / FACTS).write_text(json.dumps(facts, allow_nan=False), encoding="utf-8")
        if prediction is not None:
            _planes(part, prediction)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return part


def _facts(film: Film, radiograph: Radiograph, bits: int, prediction: Prediction | None) -> Facts:
    height, width = radiograph.shape
    day = film.header.day
    return {
        "width": width,
        "height": height,
        "bits": bits,
        # The pixels are those displayed, after the film's own window: all grey levels are shown.
        "window_center": 2.0 ** (bits - 1),
        "window_width": 2.0**bits,
        "study_date": None if day is None else day.isoformat(),
        "pixel_spacing": radiograph.spacing_mm,
        "dicom": film.header.dicom,
        "figures": None if prediction is None else Figures.of(prediction).write(),
        "view": radiograph.view,
    }


def _planes(folder: Path, prediction: Prediction) -> None:
    zones = prediction.zone_labels
    if zones is None:
        raise ValueError("expected a prediction with its zones")
    for name, plane in (
        ("infection", to_bytes(prediction.infection)),
        ("opacity", to_bytes(prediction.opacity)),
        ("lungs", prediction.lungs.astype(np.uint8) * np.uint8(255)),
        ("zones", zones),
    ):
        # Level 1: a server writes four planes a film, so time counts more than bytes.
        Image.fromarray(plane).save(folder / f"{name}.png", format="PNG", compress_level=1)


def _row(store: Store, name: str, film: Film, answer: Prediction | FilmError) -> Result:
    header = film.header
    day = None if header.day is None else header.day.toordinal() - _EPOCH
    patient = patient_hash(store.key, header.issuer, header.patient)
    identity = name, film.sha256, film.model_sha, film.threshold, film.named
    if isinstance(answer, Prediction):
        figures = (
            _finite(answer.infected_fraction),
            _finite(answer.opacity_fraction),
            _finite(answer.severity.extent_score),
        )
        view = answer.radiograph.view or ""
        return Result(*identity, "ok", None, patient, day, *figures, now(), view)
    status: Status = "rejected" if isinstance(answer, RejectedFilm) else "failed"
    return Result(*identity, status, answer.reason, patient, day, None, None, None, now())


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
