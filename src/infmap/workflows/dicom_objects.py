"""DICOM objects and the FHIR bundle of one film of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from infmap.core.types import Prediction
    from infmap.report.dicom import Kind

NONE_WRITTEN = "no objects were written"
"""Stands in each warning that says why; a resumed run does not try such a film again."""
NO_STATE = "a colour film: no presentation state was written"
"""The warning of a film that has all objects but that one."""
MADE_FILM = "not a DICOM film: the objects refer to film/ID.dcm, which was made of it"


def write_objects(
    prediction: Prediction,
    film_id: str,
    path: str,
    out: Path,
    kinds: Collection[Kind],
    *,
    fhir: bool = False,
    authorization: str | None = None,
) -> tuple[str, ...]:
    """Write ``KIND/ID.dcm`` of each kind; the report refers to the segmentation if both.

    A film that is not DICOM gets ``film/ID.dcm`` as well, which its objects refer to.

    Args:
        prediction: what the system says of the film.
        film_id: name of the files.
        path: the film.
        out: the run's folder.
        kinds: which objects.
        fhir: write ``fhir/ID.json`` as well.
        authorization: of a film by address, see ``infmap.dicom.network.web.authorization``.

    Returns:
        Warnings: why nothing was written, or what of the film's header was repaired or left out.
        A film that gives none never stops the run.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    from infmap.core.errors import FilmError
    from infmap.dicom import film_of_picture, header_notes, read_source
    from infmap.report.fhir import fhir_json
    from infmap.report.files import make_folder, write_atomically

    made: dict[str, Dataset] = {}
    try:
        source = read_source(_unchanged(path, prediction, authorization))
        if source is None:
            source = made["film"] = film_of_picture(prediction.radiograph)
        if kinds:
            from infmap.report.dicom import dicom_objects

            made.update(dicom_objects(source, prediction, kinds).items())
        bundle = fhir_json(source, prediction) if fhir else None
        notes = header_notes(source)
    except FilmError as error:
        return (f"{NONE_WRITTEN}: {error.reason}",)
    for folder, dataset in made.items():
        _save(dataset, out / folder, film_id)
    if bundle is not None:
        place = make_folder(out / "fhir") / f"{film_id}.json"
        write_atomically(place, lambda file: file.write(bundle))
    notes = (MADE_FILM,) * ("film" in made) + notes
    return notes + (NO_STATE,) * ("gsps" in kinds and "gsps" not in made)


def _unchanged(path: str, prediction: Prediction, authorization: str | None) -> bytes:
    """The film's bytes, if they are still those that were assessed."""
    from infmap.core.errors import UnreadableFilm
    from infmap.workflows.addresses import film_bytes

    try:
        data = film_bytes(path, authorization)
    except OSError as error:
        raise UnreadableFilm("the film is gone; run again") from error
    if hashlib.sha256(data).hexdigest() != prediction.radiograph.sha256:
        raise UnreadableFilm("the file was changed while it was assessed; run again")
    return data


def _save(dataset: Dataset, folder: Path, film_id: str) -> None:
    from infmap.report.files import make_folder, write_atomically

    write_atomically(
        make_folder(folder) / f"{film_id}.dcm",
        lambda f: dataset.save_as(f, enforce_file_format=True),
    )
