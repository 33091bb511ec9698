"""What a run does with one film: read it, and write all but its line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.core.errors import FilmError, RejectedFilm
from infmap.core.types import Prediction, Radiograph
from infmap.report import PLANES, FilmRow, ThumbStore, remove_film, write_planes
from infmap.workflows.addresses import is_address, read_film
from infmap.workflows.resume import Film

if TYPE_CHECKING:
    from infmap.report.dicom import Kind


@dataclass(frozen=True)
class Run:
    """How films are read and where the results go.

    Attributes:
        out: the results' folder.
        batch_size: films to the network at once.
        workers: films read at once, each by a thread of its own.
        resume: keep the results that still hold.
        title: heading of the report.
        dicom: kinds of DICOM objects that are written of each film.
        fhir: write a FHIR bundle of each film.
        doubt: read each film mirrored as well, and write where both readings disagree.
        pictures: write the planes of each film; without, results are lines and a page.
        authorization: environment variable with the Authorization header for films by address, on
            every machine that reads; see ``infmap.dicom.network.web.authorization``.
        notes: what else ``run.json`` is to say, JSON's values.
    """

    out: Path
    batch_size: int = 4
    workers: int = 1
    resume: bool = False
    title: str = "Chest film report"
    dicom: tuple[Kind, ...] = ()
    fhir: bool = False
    doubt: bool = False
    pictures: bool = True
    authorization: str | None = None
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def planes(self) -> tuple[str, ...]:
        """Folders of the planes that are written."""
        return (PLANES + ("doubt",) * self.doubt) * self.pictures

    @property
    def objects(self) -> tuple[str, ...]:
        """Folders of the DICOM objects and FHIR bundles that are written."""
        return (*self.dicom, *("fhir",) * self.fhir)


@dataclass(frozen=True)
class FilmWork:
    """The work on films of one run, on any thread or machine.

    Attributes:
        run: how and whereto.
        model: name@version, for the line of a rejected film.
        thumbnails: of the page.
        look: called with each film, at its place on this machine, before its file is read.
        folder: what relative paths start from, where that is not the process's own folder.
    """

    run: Run
    model: str
    thumbnails: ThumbStore
    look: Callable[[Film], object]
    folder: str = ""

    def read(self, film: Film) -> Radiograph:
        """Read a film.

        Raises:
            FilmError: it cannot be read, or is none.
        """
        path = self._here(film.path)
        self.look(film._replace(path=path))
        return read_film(path, self.run.authorization)

    def finish(self, film: Film, result: Prediction | FilmError) -> FilmRow:
        """Write a film's planes, picture and objects; what is left is its line."""
        number, film_id, path = film
        run, out = self.run, self.run.out
        shown = number < self.thumbnails.limit
        if isinstance(result, Prediction):
            if run.objects:
                from infmap.workflows.dicom_objects import write_objects

                here = self._here(path)
                notes = write_objects(
                    result,
                    film_id,
                    here,
                    out,
                    run.dicom,
                    fhir=run.fhir,
                    authorization=run.authorization,
                )
                result = replace(result, warnings=(*result.warnings, *notes))
            if run.pictures:
                write_planes(result, film_id, out)
            if shown:
                self.thumbnails.add(film_id, result)
            return FilmRow.of(film_id, path, result)
        # What was written of the file before it was replaced.
        remove_film(out, film_id)
        self.thumbnails.remove(film_id)
        if isinstance(result, RejectedFilm):
            if shown and result.radiograph is not None:
                self.thumbnails.add(film_id, result.radiograph)
            return FilmRow.of_rejection(film_id, path, result, self.model)
        return FilmRow.failed(film_id, path, result.reason, result.sha256)

    def _here(self, path: str) -> str:
        return path if is_address(path) else os.path.join(self.folder, path)
