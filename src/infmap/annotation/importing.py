"""Films come into a project: read once, kept as pixels and a preview, without the patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from infmap.annotation import audit, films, projects
from infmap.annotation.films import NewFilm, patient_hash
from infmap.annotation.store import Store
from infmap.core.errors import FilmError
from infmap.core.files import write_bytes
from infmap.core.types import Radiograph
from infmap.core.views import is_lateral
from infmap.dicom import read_radiograph
from infmap.web.film_encoding import encode_film, encode_preview, grey_levels
from infmap.web.masks import MOST_PIXELS

FULL, PREVIEW = "full", "preview.jpg"
"""Files of a film below ``films/ID``."""
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Failure:
    """A film that did not come in.

    Attributes:
        path: of its file.
        reason: one line.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        added: films that are new in the project.
        known: films that were there.
        failed: files that could not be read, or are no frontal film.
    """

    added: int
    known: int
    failed: tuple[Failure, ...]


def import_films(
    store: Store, project: str, paths: Iterable[Path], by: str | None = None
) -> Imported:
    """Read films into a project. A film that is there already stays as it is.

    Each film is one transaction: an import that was stopped goes on where it was. The pixels are
    those displayed (after the film's own window), so the window that a page opens with is the whole
    range.

    Args:
        store: an open station.
        project: identifier.
        paths: of the films' files.
        by: name of who imports; None for the station itself.

    Raises:
        NotFound: there is no such project.
    """
    with store.read() as c:
        # Asked for its error: a project that is not there has no films either.
        projects.get(c, project)
        known = {film.sha256 for film in films.every(c, project)}
    before, seen = len(known), 0
    failed = []
    for path in paths:
        try:
            film = read_radiograph(path)
            if film.pixels.size > MOST_PIXELS:
                raise FilmError(f"expected at most {MOST_PIXELS} pixels, got {film.pixels.size}")
            if is_lateral(film.view):
                raise FilmError(f"expected a frontal film, got the view {film.view}")
        except FilmError as error:
            failed.append(Failure(str(path), error.reason))
            continue
        _take(store, project, path, film)
        seen += 1
        known.add(film.sha256)
    added = len(known) - before
    with store.begin() as c:
        detail = {"added": added, "failed": len(failed)}
        audit.note(c, by, "import films", project, detail)
    return Imported(added, seen - added, tuple(failed))


def _take(store: Store, project: str, path: Path, film: Radiograph) -> None:
    bits = min(max(film.bits or 8, 8), 16)
    height, width = film.shape
    patient, day = _patient(path)
    new = NewFilm(
        sha256=film.sha256,
        width=width,
        height=height,
        bits=bits,
        window_center=2.0 ** (bits - 1),
        window_width=2.0**bits,
        patient=patient_hash(store.key, patient) if patient else None,
        day=day,
        source=str(path),
    )
    with store.begin() as c:
        identifier = films.add(c, project, new)
        folder = store.film_folder(identifier)
        if (folder / PREVIEW).is_file():
            return
        levels = grey_levels(film.pixels, bits)
        folder.mkdir(parents=True, exist_ok=True)
        # Before the commit: a film that readers are given always has its files. The preview is the
        # last, so that its presence means both are whole.
        write_bytes(folder / FULL, encode_film(levels, bits), durable=True)
        write_bytes(folder / PREVIEW, encode_preview(levels, bits), durable=True)


def _patient(path: Path) -> tuple[str, int | None]:
    """Patient and day of examination (days since 1970) of a DICOM file; "" and None elsewhere."""
    from infmap.dicom import read_source

    dataset = read_source(path)
    if dataset is None:
        return "", None
    name = str(dataset.get("PatientID") or "").strip()
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    # Two hospitals number their patients alike.
    patient = f"{issuer}\x1f{name}" if name else ""
    for keyword in ("AcquisitionDate", "StudyDate"):
        text = str(dataset.get(keyword) or "")
        try:
            return patient, date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal() - _EPOCH
        except ValueError:
            continue
    return patient, None
