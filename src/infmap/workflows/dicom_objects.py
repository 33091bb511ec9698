"""SEG and SR files of one film of a run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

    from infmap.core.types import Prediction

NONE_WRITTEN = "no DICOM objects were written"
"""Stands in each warning that says why; a resumed run does not try such a film again."""
NOT_DICOM = f"not a DICOM film: {NONE_WRITTEN}"


def write_dicom(
    prediction: Prediction, film_id: str, path: str, out: Path, *, seg: bool, sr: bool
) -> tuple[str, ...]:
    """Write ``seg/ID.dcm`` and ``sr/ID.dcm``; the report refers to the segmentation if both.

    Args:
        prediction: what the system says of the film.
        film_id: name of the files.
        path: the film.
        out: the run's folder.
        seg: write the segmentation.
        sr: write the report.

    Returns:
        Warnings: why nothing was written, or what of the film's header was repaired or left out.
        A film that gives none never stops the run.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    from infmap.core.errors import FilmError
    from infmap.dicom import header_notes, infection_seg, read_source, severity_report

    made: dict[str, Dataset] = {}
    try:
        data = _unchanged(path, prediction)
        source = read_source(data)
        if source is None:
            return (NOT_DICOM,)
        segmentation = None
        if seg:
            segmentation = made["seg"] = infection_seg(source, prediction)
        if sr:
            made["sr"] = severity_report(source, prediction, segmentation=segmentation)
        notes = header_notes(source)
    except FilmError as error:
        return (f"{NONE_WRITTEN}: {error.reason}",)
    for folder, dataset in made.items():
        _save(dataset, out / folder, film_id)
    return notes


def _unchanged(path: str, prediction: Prediction) -> bytes:
    """The film's bytes, if they are still those that were assessed."""
    from infmap.core.errors import UnreadableFilm

    try:
        data = Path(path).read_bytes()
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
