"""What the headers of films and masks say, without reading their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from infmap.core.errors import UnreadableFilm
from infmap.core.views import view_name
from infmap.sources.tables import sex, years

TAGS = (
    "PatientID",
    "PatientSex",
    "PatientAge",
    "ViewPosition",
    "ViewCodeSequence",
    "PatientOrientation",
)


@dataclass(frozen=True)
class Header:
    """What the header of a DICOM film says; None where it does not.

    Attributes:
        patient: the patient's identifier, as stored.
        sex: "F" or "M".
        age: in years.
        view: "PA", "AP", "LATERAL" or what else is stated.
    """

    patient: str | None = None
    sex: str | None = None
    age: float | None = None
    view: str | None = None


def picture_size(path: Path) -> tuple[int, int] | None:
    """(width, height) of a picture; None where it is not there or cannot be read."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError):
        return None


def read_header(path: Path) -> Header:
    """Read a film's header; all is unknown where it cannot be read, which ingest will report.

    Args:
        path: a DICOM file.
    """
    from infmap.dicom._pydicom import ensure_importable
    from infmap.dicom.derived import guarded
    from infmap.dicom.orient import view_of

    ensure_importable()
    import pydicom

    try:
        with guarded("a readable DICOM header", path.name):
            # Only these tags: a header may hold megabytes of private data.
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
            view = view_of(data)
            return Header(
                patient=str(data.get("PatientID") or "").strip() or None,
                sex=sex(str(data.get("PatientSex") or "").strip()),
                age=years(str(data.get("PatientAge") or "").strip()),
                view=view_name(view),
            )
    except UnreadableFilm:
        return Header()
