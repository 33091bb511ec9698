"""Read films and write all results, going on where an earlier run was stopped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.compute.lock import lock_folder
from infmap.core.errors import FilmError, RejectedFilm, UsageError
from infmap.core.messages import messages_to
from infmap.core.types import Prediction, Radiograph
from infmap.dicom import read_radiograph
from infmap.inference import predict_many
from infmap.report import (
    PLANES,
    FilmRow,
    ResultsWriter,
    ThumbStore,
    iter_results,
    remove_film,
    write_planes,
    write_report,
)
from infmap.report.files import make_folder, writing
from infmap.report.lines import PredictionLine
from infmap.workflows.record import RECORD, Settings, check_same, now, write_record
from infmap.workflows.resume import INPUTS, Film, InputNotes, Plan, plan, put_in_order

if TYPE_CHECKING:
    from infmap.api import Model
    from infmap.report.dicom import Kind

MESSAGES = "messages.txt"
# Threads. Beyond it the network, not decoding, is what films wait for; chosen by hand.
MOST_WORKERS = 8

Track = Callable[[Iterable[FilmRow], int], Iterator[FilmRow]]
"""Passes rows on, of which there are so many, and shows how far it is."""


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
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def planes(self) -> tuple[str, ...]:
        """Folders of the planes that are written."""
        return PLANES + ("doubt",) * self.doubt

    @property
    def objects(self) -> tuple[str, ...]:
        """Folders of the DICOM objects and FHIR bundles that are written."""
        return (*self.dicom, *("fhir",) * self.fhir)


@dataclass(frozen=True)
class Outcome:
    """How a run went.

    Attributes:
        counts: number of films in the table by status: "ok", "rejected", "failed".
        kept: those of them whose results stood already.
        messages: where libraries' own messages lie; None where there are none.
    """

    counts: Mapping[str, int]
    kept: int = 0
    messages: Path | None = None

    @property
    def all_ok(self) -> bool:
        """Whether every film was assessed."""
        return self.counts["ok"] == sum(self.counts.values())


def workers_for(films: int) -> int:
    """Films to read at once on this machine: one a processor, at most eight."""
    # No more threads than films: each would load a batch of its own for nothing.
    return max(1, min(films, os.cpu_count() or 1, MOST_WORKERS))


def predict_films(
    model: Model,
    paths: Sequence[str],
    run: Run,
    *,
    track: Track = lambda rows, total: iter(rows),
    tell: Callable[[PredictionLine], object] = lambda line: None,
) -> Outcome:
    """Read films and write all results.

    Args:
        model: assesses them.
        paths: the films, each file once.
        run: how and whereto.
        track: shows how far it is.
        tell: called with each line of ``results.jsonl`` as it is written.

    Raises:
        UsageError: the folder is written by another run, holds results of other settings, or
            cannot be written.
    """
    out = make_folder(run.out)
    with ExitStack() as held:
        with writing(out):
            held.enter_context(lock_folder(out))
            held.enter_context(messages_to(out / MESSAGES))
        counts, kept = _Workflow(model, run).read(paths, track, tell)
    messages = out / MESSAGES
    return Outcome(counts, kept, messages if messages.exists() else None)


class _Workflow:
    """A run whose folder is locked."""

    def __init__(self, model: Model, run: Run) -> None:
        self.model, self.run, self.out = model, run, run.out
        self.settings, self.started = Settings.of(model), now()

    def read(
        self, paths: Sequence[str], track: Track, tell: Callable[[PredictionLine], object]
    ) -> tuple[dict[str, int], int]:
        going_on = self.run.resume and (self.out / "results.jsonl").exists()
        if going_on:
            check_same(self.out, self.settings)
        else:
            self._begin()
        self.thumbnails = ThumbStore(self.out)
        todo = plan(
            self.out,
            paths,
            pictures=self._has_picture,
            planes=self.run.planes,
            objects=self.run.objects,
        )
        self._only_pictures_of(todo)
        record = dict(self.run.notes) | {"inputs": len(paths), "kept": todo.kept}
        write_record(self.out, self.settings, started=self.started, more=record)
        self.inputs = InputNotes(self.out)
        with closing(self.inputs), ResultsWriter(self.out, resume=going_on) as writer:
            rows = predict_many(
                self.model.predictor,
                todo.todo,
                self._read,
                self._finish,
                batch_size=self.run.batch_size,
                workers=self.run.workers,
                doubt=self.run.doubt,
            )
            for row in track(rows, len(todo.todo)):
                tell(writer.write(row))
                self.inputs.write(row.id)
            if going_on:
                for film_id in todo.dropped:
                    remove_film(self.out, film_id)
                writer.replace(lambda: put_in_order(self.out, todo.ids, paths))
        counts = self._count()
        # Last, of what is on the disk: the page shows what the files say.
        self._report()
        ended = now()
        record["films"] = counts
        write_record(self.out, self.settings, started=self.started, finished=ended, more=record)
        return counts, todo.kept

    def _begin(self) -> None:
        """Start over: nothing of an earlier run stays, and its table goes before its settings."""
        try:
            old = [row["id"] for row in iter_results(self.out)]
        except UsageError:  # damaged: its films are not known, and their files stay
            old = []
        ThumbStore(self.out).clear()
        for film_id in old:
            with suppress(ValueError):  # an id that is not of our making
                remove_film(self.out, film_id)
        for name in ("results.jsonl", "results.csv", "report.html", INPUTS, RECORD):
            with writing(self.out / name):
                (self.out / name).unlink(missing_ok=True)

    def _has_picture(self, number: int, film_id: str) -> bool:
        """Whether the page has a film's picture, or shows none of it."""
        return number >= self.thumbnails.limit or film_id in self.thumbnails

    def _only_pictures_of(self, todo: Plan) -> None:
        """Forget pictures that the page does not show any more: they would take others' room."""
        for film_id in set(self.thumbnails) - set(todo.ids[: self.thumbnails.limit]):
            self.thumbnails.remove(film_id)

    def _read(self, film: Film) -> Radiograph:
        self.inputs.look(film)
        return read_radiograph(film.path)

    def _finish(self, film: Film, result: Prediction | FilmError) -> FilmRow:
        """Write a film's planes; what is left is its line."""
        number, film_id, path = film
        shown = number < self.thumbnails.limit
        if isinstance(result, Prediction):
            if self.run.objects:
                from infmap.workflows.dicom_objects import write_objects

                run = self.run
                notes = write_objects(result, film_id, path, self.out, run.dicom, fhir=run.fhir)
                result = replace(result, warnings=(*result.warnings, *notes))
            write_planes(result, film_id, self.out)
            if shown:
                self.thumbnails.add(film_id, result)
            return FilmRow.of(film_id, path, result)
        # What was written of the file before it was replaced.
        remove_film(self.out, film_id)
        self.thumbnails.remove(film_id)
        if isinstance(result, RejectedFilm):
            return self._rejected(film, result, shown=shown)
        return FilmRow.failed(film_id, path, result.reason, result.sha256)

    def _rejected(self, film: Film, error: RejectedFilm, *, shown: bool) -> FilmRow:
        """What is known of a film that was read: a person must be able to check the gate."""
        known: dict[str, object] = {
            "quality": error.quality,
            "warnings": list(error.warnings),
            "model": self.model.name,
        }
        if error.radiograph is not None:
            known["height"], known["width"] = error.radiograph.shape
            known["side_stated"] = error.radiograph.side_stated
            if shown:
                self.thumbnails.add(film.id, error.radiograph)
        return FilmRow.rejected(film.id, film.path, error.reason, error.sha256, **known)

    def _count(self) -> dict[str, int]:
        counts = Counter(row["status"] for row in iter_results(self.out))
        return {status: counts[status] for status in ("ok", "rejected", "failed")}

    def _report(self) -> None:
        manifest = self.model.predictor.manifest
        write_report(
            self.out,
            iter_results(self.out),
            self.thumbnails,
            model_card=card(self.model),
            title=self.run.title,
            operating_point=manifest.thresholds.covid,
            rules=manifest.operating.sentence() if manifest.operating else None,
        )


def card(model: Model) -> str:
    """The line on the model that stands in every report."""
    manifest = model.predictor.manifest
    sources = ", ".join(manifest.training.sources) or "unknown films"
    site = f", calibrated on {manifest.site}" if manifest.site else ""
    return f"{manifest.label}, trained on {sources}{site}. Research use only."
