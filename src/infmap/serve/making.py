"""What is made of a film when somebody asks for it, and kept beside its result.

The full film for a browser, the overlay, a page, DICOM objects, FHIR resources: from the bytes as
they came and the result as it was found, in a process of its own. The same film gives the same
bytes, whoever asks and however often.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infmap.compute.apart import Apart
from infmap.core.errors import UsageError
from infmap.core.files import Json, write_bytes
from infmap.core.types import Prediction, Radiograph
from infmap.serve import results, uploads
from infmap.serve.errors import NotFound
from infmap.serve.figures import Figures
from infmap.serve.results import FACTS, PREVIEW, parse_facts
from infmap.serve.store import Store
from infmap.serve.writing import levels_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from infmap.report.dicom import Kind as ObjectKind

Kind = Literal[
    "full", "preview", "zones", "overlay", "pdf", "fhir",
    "seg", "seg-fractional", "sr", "sc", "gsps", "pdf-dicom",
]  # fmt: skip
"""The film for a browser, a small picture, zones A to F as 1 to 6, the film with its map, the page,
FHIR R4 resources; and DICOM objects, which only a DICOM film has."""

_DICOM = "application/dicom"
MEDIA: dict[Kind, tuple[str, str]] = {
    "full": ("application/octet-stream", "ifl"),
    "preview": ("image/jpeg", "jpg"),
    "zones": ("image/png", "png"),
    "overlay": ("image/png", "png"),
    "pdf": ("application/pdf", "pdf"),
    "fhir": ("application/fhir+json", "json"),
    "seg": (_DICOM, "dcm"),
    "seg-fractional": (_DICOM, "dcm"),
    "sr": (_DICOM, "dcm"),
    "sc": (_DICOM, "dcm"),
    "gsps": (_DICOM, "dcm"),
    "pdf-dicom": (_DICOM, "dcm"),
}
"""Media type and file ending of each kind."""
KINDS: tuple[Kind, ...] = tuple(MEDIA)
OBJECTS: dict[Kind, ObjectKind] = {
    "seg": "seg",
    "seg-fractional": "fractional",
    "sr": "sr",
    "sc": "sc",
    "gsps": "gsps",
    "pdf-dicom": "pdf",
}
"""DICOM objects by kind."""
SECONDS, MEMORY = 60.0, 4 << 30
"""Limits of making one thing: the full film of 3000 x 3000 takes 3 s on one slow core."""
# Two at once: a page that is asked for does not wait for a large film to be packed.
APART = Apart(2, "film", SECONDS, MEMORY)


def made(store: Store, film: str, kind: str) -> bytes:
    """Something made of a film, made now where it is not there yet.

    Args:
        store: an open server.
        film: identifier of a result.
        kind: of ``KINDS``.

    Raises:
        NotFound: there is no such film.
        UsageError: no such kind, or the film has none: it was not read, or it is no DICOM film.
    """
    if kind not in MEDIA:
        raise UsageError(f"expected one of {', '.join(KINDS)}, got another kind")
    path = results.folder(store, film) / _file(kind)
    if not path.is_file():
        with store.read() as c:
            result = results.get(c, film)
        if result.status == "failed" or (result.status == "rejected" and kind != "full"):
            raise UsageError(f"film: it was {result.status}, so it has no {kind}")
        APART.call(make, str(uploads.path(store, result.sha256)), str(path.parent), kind)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:  # deleted meanwhile
        raise NotFound("film") from error


def make(upload: str, folder: str, kind: Kind) -> Json:
    """Make something of a film and write it into its folder; runs in a process of its own.

    Args:
        upload: file with the film's bytes.
        folder: of the result.
        kind: of ``KINDS``.

    Raises:
        UsageError: it is no DICOM film.
        FilmError: the film's header is damaged.
    """
    source = _Source(Path(upload), Path(folder))
    for name, data in _MAKERS[kind](source, kind):
        write_bytes(source.folder / name, data, durable=True)
    return None


def _file(kind: Kind) -> str:
    if kind == "preview":
        return PREVIEW
    return f"{kind}.{MEDIA[kind][1]}"


@dataclass(frozen=True)
class _Source:
    """A film and its result on the disk."""

    upload: Path
    folder: Path

    def radiograph(self) -> Radiograph:
        from infmap.dicom import read_radiograph

        return read_radiograph(self.upload.read_bytes(), name="the film")

    def prediction(self) -> Prediction:
        facts = parse_facts((self.folder / FACTS).read_bytes())
        if facts["figures"] is None:
            raise UsageError("film: it was not assessed")
        planes = (self._plane(name) for name in ("infection", "opacity", "zones"))
        return Figures.read(facts["figures"]).prediction(self.radiograph(), *planes)

    def dataset(self) -> Dataset | None:
        """The film's header; None where it is no DICOM film."""
        from infmap.dicom import read_source

        return read_source(self.upload.read_bytes())

    def _plane(self, name: str) -> NDArray[np.uint8]:
        with Image.open(self.folder / f"{name}.png") as picture:
            return np.asarray(picture)


Files = Sequence[tuple[str, bytes]]
"""Names of files and what they hold."""


def _full(source: _Source, kind: Kind) -> Files:
    from infmap.web.film_encoding import encode_film

    return [(_file(kind), encode_film(*levels_of(source.radiograph())))]


def _overlay(source: _Source, kind: Kind) -> Files:
    from infmap.report import overlay

    stream = io.BytesIO()
    overlay(source.prediction()).save(stream, "PNG", compress_level=1)
    return [(_file(kind), stream.getvalue())]


def _pdf(source: _Source, kind: Kind) -> Files:
    from infmap.dicom import report_sentences
    from infmap.report.pdf import film_pdf

    prediction = source.prediction()
    sentences = report_sentences(_header(source, prediction), prediction)
    return [(_file(kind), film_pdf(prediction, sentences))]


def _fhir(source: _Source, kind: Kind) -> Files:
    from infmap.report.fhir import fhir_json

    prediction = source.prediction()
    return [(_file(kind), fhir_json(_header(source, prediction), prediction))]


def _objects(source: _Source, kind: Kind) -> Files:
    from infmap.dicom.write import file_bytes
    from infmap.report.dicom import dicom_objects

    dataset = source.dataset()
    if dataset is None:
        raise UsageError(f"film: expected a DICOM film, got a picture, which has no {kind}")
    # The report refers to the segmentation: it is the same whichever is asked for first.
    wanted: list[Kind] = ["seg", "sr"] if kind in ("seg", "sr") else [kind]
    objects = dicom_objects(dataset, source.prediction(), [OBJECTS[one] for one in wanted])
    if OBJECTS[kind] not in objects:
        raise UsageError(f"film: it is one in colour, which has no {kind}")
    return [(_file(one), file_bytes(objects[OBJECTS[one]])) for one in wanted]


def _header(source: _Source, prediction: Prediction) -> Dataset:
    """The film's own header, or that of a film made of a picture."""
    from infmap.dicom import film_of_picture

    dataset = source.dataset()
    return film_of_picture(prediction.radiograph) if dataset is None else dataset


_MAKERS: dict[Kind, Callable[[_Source, Kind], Files]] = {
    "full": _full,
    "overlay": _overlay,
    "pdf": _pdf,
    "fhir": _fhir,
    **dict.fromkeys(OBJECTS, _objects),
}
