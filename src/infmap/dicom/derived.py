"""What derived objects share: the source film's header, who made them, UIDs, guarded writing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from infmap.core.errors import InfmapError, UnreadableFilm, needs_extra
from infmap.core.quiet import quiet
from infmap.core.types import Prediction
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.uids import uid_from

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAKER = "infmap"
NOTICE = "Research use only. Not a medical device."
# Chosen by hand: beyond the numbers that modalities give, so that viewers list derived series last.
SERIES_SEG, SERIES_SR, SERIES_SC, SERIES_PR, SERIES_PDF, SERIES_FRACTIONAL = range(9701, 9707)


class Equipment(TypedDict):
    """Series and equipment attributes of a derived object, by highdicom's names for them."""

    instance_number: int
    manufacturer: str
    manufacturer_model_name: str
    software_versions: tuple[str, str]
    device_serial_number: str
    series_description: str


def check_extra() -> None:
    """Make sure that DICOM objects can be written.

    Raises:
        MissingExtra: highdicom or reportlab is not installed.
    """
    with needs_extra("DICOM output", "dicom"):
        import highdicom  # noqa: F401
        import reportlab  # noqa: F401


def read_source(source: str | Path | bytes) -> Dataset | None:
    """The header of a DICOM film, pixels left out.

    Args:
        source: a path or the bytes of a file.

    Returns:
        The dataset; None where the file is not DICOM, by its content.

    Raises:
        UnreadableFilm: the file is missing, not readable or damaged.
    """
    from infmap.dicom.read import sniff

    label = None if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableFilm(
            "expected a readable file, found none; check the path", label
        ) from error
    if sniff(data) != "DICOM":
        return None
    ensure_importable()
    import pydicom

    with guarded("a readable DICOM header", label):
        dataset: Dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
    return dataset


def header_notes(source: Dataset) -> tuple[str, ...]:
    """What objects made of a film repair or leave out of its header, by keyword, never by value.

    Args:
        source: the film, with or without pixels.
    """
    from infmap.dicom.header import film_header

    with guarded("a DICOM film"):
        return film_header(source, "").notes


def version_of() -> str:
    """Version of this distribution; "unknown" where it runs without being installed."""
    try:
        return metadata.version(MAKER)
    except metadata.PackageNotFoundError:
        return "unknown"


def tracking_of(header: Dataset, model: str, what: str) -> str:
    """Tracking UID of one region or finding of a film, the same in segmentation and report.

    Args:
        header: of ``film_header``.
        model: "name@version".
        what: the tracking identifier.
    """
    return uid_from("tracking", str(header.SOPInstanceUID), model, what)


def device_of(p: Prediction) -> str:
    """UID of the program with its model as the device that observes, in report and FHIR bundle."""
    return uid_from("device", p.model, p.model_sha256)


def identity_of(header: Dataset, p: Prediction) -> tuple[str, ...]:
    """What tells an object's film, model and settings from all others, for its UIDs.

    Args:
        header: of ``film_header``.
        p: what the system says of the film.
    """
    points = (f"{name} {value:.6g}" for name, value in sorted(p.thresholds.items()))
    film = str(header.SOPInstanceUID), p.radiograph.sha256
    return *film, p.model, p.model_sha256, *points, version_of()


def equipment(what: str, model: str) -> Equipment:
    """Series and equipment attributes of a derived object.

    Args:
        what: name of the content, for the series description.
        model: "name@version".
    """
    return {
        "instance_number": 1,
        "manufacturer": MAKER,
        "manufacturer_model_name": MAKER,
        # LO holds 64 characters.
        "software_versions": (version_of(), model[:64]),
        "device_serial_number": version_of(),
        "series_description": f"{what}, research use only"[:64],
    }


@contextmanager
def guarded(expected: str, film: str | None = None) -> Iterator[None]:
    """Keep what libraries say of a film's elements, which may be of a person, out of sight.

    Args:
        expected: what the film should have been, for the message.
        film: the film's path or name, where known.

    Raises:
        UnreadableFilm: the body failed with anything but an error of our own.
    """
    try:
        with quiet():
            yield
    except InfmapError:
        raise
    except Exception as error:  # any element of a film may hold anything
        raise UnreadableFilm(f"expected {expected}, got one that breaks the standard", film) from (
            error
        )
