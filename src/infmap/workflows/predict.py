"""Read films and write all results, going on where an earlier run was stopped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from infmap.compute.lock import lock_folder
from infmap.core.errors import UsageError
from infmap.core.messages import messages_to
from infmap.inference import predict_many
from infmap.report import ResultsWriter, ThumbStore, iter_results, remove_film, write_report
from infmap.report.files import make_folder, writing
from infmap.report.lines import PredictionLine
from infmap.workflows.film_work import FilmWork, Run
from infmap.workflows.journal import (
    FAILURES,
    Journal,
    clear_shards,
    recover,
    write_failures,
)
from infmap.workflows.record import RECORD, Settings, check_same, now, write_record
from infmap.workflows.resume import INPUTS, Film, InputNotes, Plan, plan, put_in_order

if TYPE_CHECKING:
    from infmap.api import Model

__all__ = ["Outcome", "Place", "Run", "Track", "card", "predict_films", "workers_for"]

MESSAGES = "messages.txt"
# Threads. Beyond it the network, not decoding, is what films wait for; chosen by hand.
MOST_WORKERS = 8

Track = Callable[[Iterable[PredictionLine], int], Iterator[PredictionLine]]
"""Passes lines on, of which there are so many, and shows how far it is."""


class Place(Protocol):
    """Where films are read, other than on threads of this process."""

    def begin(self, out: Path) -> Mapping[str, object]:
        """Called before anything is read: what ``run.json`` is to say of it."""
        ...

    def read(
        self, model: Model, run: Run, films: Sequence[Film], journal: Journal
    ) -> Generator[PredictionLine, None, None]:
        """Read films, write all of each and its line, and hand the line on; in any order."""
        ...


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


def workers_for(films: int = MOST_WORKERS) -> int:
    """Films to read at once on this machine: one a processor, at most eight."""
    # No more workers than films: each would load a batch of its own for nothing.
    return max(1, min(films, os.cpu_count() or 1, MOST_WORKERS))


def predict_films(
    model: Model,
    paths: Sequence[str],
    run: Run,
    *,
    place: Place | None = None,
    track: Track = lambda lines, total: iter(lines),
    tell: Callable[[PredictionLine], object] = lambda line: None,
) -> Outcome:
    """Read films and write all results.

    Args:
        model: assesses them.
        paths: the films, each file once.
        run: how and whereto.
        place: where they are read; on ``run.workers`` threads of this process without it.
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
        counts, kept = _Workflow(model, run, place).read(paths, track, tell)
    messages = out / MESSAGES
    return Outcome(counts, kept, messages if messages.exists() else None)


class _Workflow:
    """A run whose folder is locked."""

    def __init__(self, model: Model, run: Run, place: Place | None) -> None:
        self.model, self.run, self.out, self.place = model, run, run.out, place
        self.settings, self.started = Settings.of(model), now()

    def read(
        self, paths: Sequence[str], track: Track, tell: Callable[[PredictionLine], object]
    ) -> tuple[dict[str, int], int]:
        going_on = self.run.resume and (self.out / "results.jsonl").exists()
        if going_on:
            check_same(self.out, self.settings)
            recover(self.out)
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
        record |= self.place.begin(self.out) if self.place else {}
        write_record(self.out, self.settings, started=self.started, more=record)
        with (
            closing(InputNotes(self.out)) as notes,
            ResultsWriter(self.out, resume=going_on) as writer,
        ):
            journal = Journal(writer, notes)
            lines = (
                self.place.read(self.model, self.run, todo.todo, journal)
                if self.place
                else self._read(todo.todo, journal)
            )
            # Closed here: what a caller stops half way must not go on behind the next run.
            with closing(lines):
                for line in track(lines, len(todo.todo)):
                    tell(line)
            if going_on or self.place:
                for film_id in todo.dropped:
                    remove_film(self.out, film_id)
                writer.replace(lambda: put_in_order(self.out, todo.ids, paths))
        if self.place:
            clear_shards(self.out)
        counts = self._count()
        # Last, of what is on the disk: the page shows what the files say.
        write_failures(self.out)
        self._report()
        ended = now()
        record["films"] = counts
        write_record(self.out, self.settings, started=self.started, finished=ended, more=record)
        return counts, todo.kept

    def _read(
        self, films: Sequence[Film], journal: Journal
    ) -> Generator[PredictionLine, None, None]:
        """Read films on threads of this process; lines in input order."""
        work = FilmWork(self.run, self.model.name, self.thumbnails, journal.notes.look)
        rows = predict_many(
            self.model.predictor,
            films,
            work.read,
            work.finish,
            batch_size=self.run.batch_size,
            workers=self.run.workers,
            doubt=self.run.doubt,
        )
        return (journal.write(row) for row in rows)

    def _begin(self) -> None:
        """Start over: nothing of an earlier run stays, and its table goes before its settings."""
        try:
            old = [row["id"] for row in iter_results(self.out)]
        except UsageError:  # damaged: its films are not known, and their files stay
            old = []
        ThumbStore(self.out).clear()
        clear_shards(self.out)
        for film_id in old:
            with suppress(ValueError):  # an id that is not of our making
                remove_film(self.out, film_id)
        for name in ("results.jsonl", "results.csv", "report.html", FAILURES, INPUTS, RECORD):
            with writing(self.out / name):
                (self.out / name).unlink(missing_ok=True)

    def _has_picture(self, number: int, film_id: str) -> bool:
        """Whether the page has a film's picture, or shows none of it."""
        return number >= self.thumbnails.limit or film_id in self.thumbnails

    def _only_pictures_of(self, todo: Plan) -> None:
        """Forget pictures that the page does not show any more: they would take others' room."""
        for film_id in set(self.thumbnails) - set(todo.ids[: self.thumbnails.limit]):
            self.thumbnails.remove(film_id)

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
            areas=manifest.areas.sentences() if manifest.areas else (),
        )


def card(model: Model) -> str:
    """The line on the model that stands in every report."""
    manifest = model.predictor.manifest
    sources = ", ".join(manifest.training.sources) or "unknown films"
    site = f", calibrated on {manifest.site}" if manifest.site else ""
    return f"{manifest.label}, trained on {sources}{site}. Research use only."
