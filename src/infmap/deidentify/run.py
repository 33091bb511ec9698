"""A run over many films: all are written, or none where a check finds something left.

A run that is stopped or killed is prepared on a stage beside the results, see ``stage``: the same
run again goes on from there.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from infmap import __version__
from infmap.core.errors import FilmError, InfmapError, UnreadableFilm, UsageError
from infmap.core.files import write_bytes
from infmap.core.spreadsheet import cell
from infmap.deidentify.boxes import Box
from infmap.deidentify.candidates import Lungs
from infmap.deidentify.film import Clean, blank_film, clean_film
from infmap.deidentify.key import Key
from infmap.deidentify.look import Look, look_at
from infmap.deidentify.options import Options
from infmap.deidentify.report import Confirmed, FilmReport, write_report
from infmap.deidentify.stage import Stage, Written, stage_of, staged

Item = TypeVar("Item")
Decisions = Mapping[int, tuple[Box, ...]]
"""By number of a film: boxes to paint. A film without an entry is held."""
Note = Callable[[Look, tuple[Box, ...] | None], None]
"""Keeps a decision, None for a film that is held, should the run be stopped before it ends."""
Decide = Callable[[Sequence[Look], Key, Note], Decisions]
HELD = (
    "expected a person's word on what may be text over the lungs; take --review page for this film"
)


class ResidueError(InfmapError):
    """A check found something of a patient left; nothing was written."""


class Track(Protocol):
    """Passes things on, and shows how far it is."""

    def __call__(self, items: Iterable[Item], total: int, text: str, /) -> Iterator[Item]:
        """Of ``total`` things, under a line of text."""


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        films: paths in order.
        out: folder for results: absent or empty.
        key: path of the key; made where there is none.
        options: what is kept; with ``pixels``, text is looked for.
        linking: path of a CSV that tells which file became which, outside ``out``; None for none.
    """

    films: Sequence[str]
    out: Path
    key: Path
    options: Options
    linking: Path | None = None


@dataclass(frozen=True)
class Pixelwise:
    """What becomes of burned-in text.

    Attributes:
        lungs: finds lungs.
        decide: says what is painted.
        confirmed: who that is.
    """

    lungs: Lungs
    decide: Decide
    confirmed: Confirmed


def accept(looks: Sequence[Look], key: Key, note: Note | None = None) -> Decisions:
    """All that was found is painted, on films where nothing of it may lie over the lungs."""
    return {look.number: look.boxes for look in looks if not look.over_lungs}


def run(job: Job, pixelwise: Pixelwise | None, track: Track) -> list[FilmReport]:
    """De-identify films into a new folder, or go on with what a run that was stopped left of it.

    Args:
        job: what to do.
        pixelwise: what becomes of text; None where it is not looked for.
        track: passes things on and shows progress.

    Returns:
        What became of each film, in order.

    Raises:
        UsageError: a path does not do.
        ResidueError: a check failed; the folder for results is as it was.
    """
    _check(job)
    key = Key.read_or_make(job.key)
    with staged(job.out, _name_of(job, key, pixelwise), ResidueError) as stage:
        return _run(job, key, pixelwise, track, stage)


def _run(
    job: Job, key: Key, pixelwise: Pixelwise | None, track: Track, stage: Stage
) -> list[FilmReport]:
    reports: dict[int, FilmReport] = {}
    looks = []
    numbered = list(enumerate(map(Path, job.films), 1))
    for number, path in track(numbered, len(numbered), "looking at films"):
        try:
            look = stage.look(number, path)
            if look is None:
                look = look_at(number, path, key, pixelwise.lungs if pixelwise else None)
                stage.looked(look)
            looks.append(look)
        except FilmError as error:
            reports[number] = FilmReport(number, "failed", error.reason)
    writer = _Writer(stage, job.options, key, pixelwise, _decisions(looks, key, pixelwise, stage))
    for look in track(looks, len(looks), "writing films"):
        reports[look.number] = writer.film(look)
    ordered = [reports[number] for number, _ in numbered]
    stage.sweep({report.file for report in ordered if report.file})
    write_report(stage.results, job.options, ordered)
    if job.linking is not None:  # before the folder is there: films without it are half a run
        _link(job.linking, job.films, ordered)
    stage.publish(job.out)
    return ordered


def _decisions(
    looks: Sequence[Look], key: Key, pixelwise: Pixelwise | None, stage: Stage
) -> Decisions:
    """On films that were decided on before a run was stopped nobody is asked again."""
    if pixelwise is None:
        return {look.number: () for look in looks}
    known = stage.decisions(looks)
    undecided = [look for look in looks if look.number not in known]
    decided = {number: boxes for number, boxes in known.items() if boxes is not None}
    return {**decided, **pixelwise.decide(undecided, key, stage.decided)}


def _name_of(job: Job, key: Key, pixelwise: Pixelwise | None) -> str:
    """Another film, option, key or version is another job; the name tells nothing of them."""
    confirmed = pixelwise.confirmed if pixelwise else None
    parts = [__version__, list(job.films), asdict(job.options), confirmed]
    return key.digest("job", json.dumps(parts)).hex()


def _check(job: Job) -> None:
    out = job.out.absolute()
    if job.out.exists() and (not job.out.is_dir() or any(job.out.iterdir())):
        # Of a run that was killed after its last step; a stage whose results are there is empty.
        if not (stage_of(job.out) / "results").exists():
            shutil.rmtree(stage_of(job.out), ignore_errors=True)
        raise UsageError(f"{job.out}: expected a new or empty folder; name another one")
    for path, what in ((job.key, "key"), (job.linking, "linking table")):
        if path is not None and path.absolute().is_relative_to(out):
            raise UsageError(
                f"{path}: expected the {what} outside the results, for it leads back to patients"
            )


@dataclass(frozen=True)
class _Writer:
    """The second pass: films into the folder, each once."""

    stage: Stage
    options: Options
    key: Key
    pixelwise: Pixelwise | None
    decisions: Decisions
    digests: dict[str, str] = field(default_factory=dict)

    def film(self, look: Look) -> FilmReport:
        """Write one film, unless it is held or fails."""
        found = len(look.candidates) if self.pixelwise else None
        if look.number not in self.decisions:
            return FilmReport(look.number, "held", HELD, found=found)
        boxes = self.decisions[look.number]
        before = self.stage.written(look, boxes)
        if before is not None:
            self.digests[str(before.report.file)] = before.made
            return before.report
        try:
            source = look.open(self.key)
            if self.pixelwise:
                blank_film(source, boxes)
            clean = clean_film(source, self.options, self.key)
            made = self._write(clean, look)
        except FilmError as error:
            return FilmReport(look.number, "failed", error.reason, found=found)
        done = clean.record.done.items()
        elements = {str(what): dict(sorted(names.items())) for what, names in done}
        report = FilmReport(
            look.number,
            "ok",
            file=clean.name,
            elements=elements,
            private=clean.record.removed_private,
            found=found,
            blanked=boxes,
            confirmed=self.pixelwise.confirmed if self.pixelwise else None,
        )
        self.stage.wrote(Written(look.sha256, made, report))
        return report

    def _write(self, clean: Clean, look: Look) -> str:
        if clean.residue:
            raise ResidueError(
                f"{look.path}: something is left after de-identification ({clean.residue[0]}; "
                f"{len(clean.residue)} findings); nothing was written. Leave film {look.number} out"
            )
        digest = hashlib.sha256(clean.data).hexdigest()
        if self.digests.setdefault(clean.name, digest) != digest:
            raise UnreadableFilm(
                "expected one film a SOP Instance UID, got another film of the same one; "
                "keep the right one"
            )
        target = self.stage.results / clean.name
        target.parent.mkdir(exist_ok=True)
        write_bytes(target, clean.data)
        return digest


def _link(path: Path, films: Sequence[str], reports: Sequence[FilmReport]) -> None:
    """Which file became which, readable by its owner alone."""
    stream = io.StringIO()
    # A file's name is its sender's choice, and may read as a formula.
    pairs = [
        (cell(films[report.number - 1]), cell(report.file)) for report in reports if report.file
    ]
    csv.writer(stream).writerows([("film", "file"), *pairs])
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(stream.getvalue(), encoding="utf-8")
