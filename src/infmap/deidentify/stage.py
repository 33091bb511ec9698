"""Where a run is prepared, beside its results, so that one that was stopped or killed goes on.

Films are written there and checked, and what is known of each is noted in a journal. The results
appear all at once, by a rename, when everything is in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from infmap.compute.lock import LOCK, lock_folder
from infmap.core.errors import InfmapError
from infmap.core.files import sha256, write_text
from infmap.deidentify.boxes import Box
from infmap.deidentify.look import Look
from infmap.deidentify.report import FilmReport

_JOB, _JOURNAL, _RESULTS = "job", "journal.jsonl", "results"


@dataclass(frozen=True)
class Decision:
    """What was decided on a film.

    Attributes:
        number: of the film.
        sha256: of its bytes.
        boxes: to paint; None where it is held.
    """

    number: int
    sha256: str
    boxes: tuple[Box, ...] | None


@dataclass(frozen=True)
class Written:
    """A film among the results.

    Attributes:
        sha256: of the film's bytes as it came.
        made: SHA-256 of the file that was made of it.
        report: what became of it.
    """

    sha256: str
    made: str
    report: FilmReport


@dataclass(frozen=True)
class _Line:
    """One line of the journal: one of these."""

    look: Look | None = None
    decision: Decision | None = None
    written: Written | None = None


_LINES = TypeAdapter(_Line)


class Stage:
    """A run's own folder, and what it and those before it know.

    Args:
        folder: exists, and is held by this process.

    Attributes:
        results: folder of the films.
    """

    def __init__(self, folder: Path) -> None:
        self.results = folder / _RESULTS
        self.results.mkdir(exist_ok=True)
        self.ended = False
        self._journal = folder / _JOURNAL
        self._looks: dict[int, Look] = {}
        self._decisions: dict[int, Decision] = {}
        self._films: dict[int, Written] = {}
        if self._journal.exists():
            for line in self._journal.read_bytes().splitlines():
                with suppress(ValueError, InfmapError):  # what a killed process half wrote
                    self._learn(_LINES.validate_json(line))

    def look(self, number: int, path: Path) -> Look | None:
        """What is known of a film, if its bytes are still the same."""
        known = self._looks.get(number)
        with suppress(OSError):
            if known and path.is_file() and sha256(path) == known.sha256:
                return replace(known, path=path)
        return None

    def looked(self, look: Look) -> None:
        """Note a film; its path may name its patient and is left out."""
        self._note(_Line(look=replace(look, path=Path())))

    def decisions(self, looks: Sequence[Look]) -> dict[int, tuple[Box, ...] | None]:
        """What was decided on these films, by number; None: held."""
        found = ((look, self._decisions.get(look.number)) for look in looks)
        return {k.number: d.boxes for k, d in found if d is not None and d.sha256 == k.sha256}

    def decided(self, look: Look, boxes: tuple[Box, ...] | None) -> None:
        """Note a decision; the last one of a film holds."""
        self._note(_Line(decision=Decision(look.number, look.sha256, boxes)))

    def written(self, look: Look, boxes: tuple[Box, ...]) -> Written | None:
        """A film among the results that holds for what was decided, whole."""
        known = self._films.get(look.number)
        if known is None or (known.sha256, known.report.blanked) != (look.sha256, boxes):
            return None
        path = self.results / str(known.report.file)
        return known if path.is_file() and sha256(path) == known.made else None

    def wrote(self, written: Written) -> None:
        """Note a film that is among the results."""
        self._note(_Line(written=written))

    def sweep(self, files: set[str]) -> None:
        """Remove what is among the results and none of these: what a killed process left."""
        for path in sorted(self.results.rglob("*"), reverse=True):  # folders after their files
            if path.is_dir():
                with suppress(OSError):  # not empty
                    path.rmdir()
            elif path.relative_to(self.results).as_posix() not in files:
                path.unlink()

    def publish(self, out: Path) -> None:
        """Move the results to their place: nothing, or an empty folder."""
        if out.exists():  # a rename does not replace a folder on every system
            out.rmdir()
        self.results.rename(out)
        self.ended = True

    def _note(self, line: _Line) -> None:
        self._learn(line)
        text = _LINES.dump_json(line, exclude_defaults=True)
        with self._journal.open("ab") as stream:
            # A line of its own, also after one that a killed process did not end.
            stream.write(b"\n" + text + b"\n")

    def _learn(self, line: _Line) -> None:
        if line.look:
            self._looks[line.look.number] = line.look
        if line.decision:
            self._decisions[line.decision.number] = line.decision
        if line.written:
            self._films[line.written.report.number] = line.written


@contextmanager
def staged(out: Path, job: str, spoilt: type[Exception]) -> Iterator[Stage]:
    """The stage of a run, held until the body ends.

    It is removed once the results are published, or where the body raises ``spoilt``; it stays
    where it is stopped otherwise, for the next run of the same job. That of another job is emptied.

    Args:
        out: folder for results.
        job: tells one job from another.
        spoilt: what makes the results worthless.

    Raises:
        UsageError: another process prepares results for the same place.
        OSError: the folder cannot be made.
    """
    folder = stage_of(out)
    folder.mkdir(parents=True, exist_ok=True)
    ended = False
    try:
        with lock_folder(folder):
            if not (folder / _JOB).exists() or (folder / _JOB).read_text() != job:
                _empty(folder)
                write_text(folder / _JOB, job)
            stage = Stage(folder)
            yield stage
            ended = stage.ended
    except spoilt:
        ended = True
        raise
    finally:
        if ended:
            shutil.rmtree(folder, ignore_errors=True)


def stage_of(out: Path) -> Path:
    """The folder of a stage: beside the results, so that the rename is within one file system."""
    target = out.absolute()
    return target.with_name(f".{target.name}.deidentify")


def _empty(folder: Path) -> None:
    # The name of the job goes first: a stage that is half emptied is of no job.
    (folder / _JOB).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()
