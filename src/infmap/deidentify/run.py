"""A run over many films: all are written, or none where a check finds something left."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infmap.core.errors import FilmError, InfmapError, UnreadableFilm, UsageError
from infmap.core.files import replacing_folder, write_bytes
from infmap.deidentify.film import Clean, clean_film, open_film
from infmap.deidentify.key import Key
from infmap.deidentify.options import Options
from infmap.deidentify.report import FilmReport, write_report

Track = Callable[[Iterable[str], int], Iterator[str]]


class ResidueError(InfmapError):
    """A check found something of a patient left; nothing was written."""


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        films: paths in order.
        out: folder for results: absent or empty.
        key: path of the key; made where there is none.
        options: what is kept.
        linking: path of a CSV that tells which file became which, outside ``out``; None for none.
    """

    films: Sequence[str]
    out: Path
    key: Path
    options: Options
    linking: Path | None = None


def run(job: Job, track: Track) -> list[FilmReport]:
    """De-identify films into a new folder.

    Args:
        job: what to do.
        track: passes paths on and shows progress.

    Returns:
        What became of each film.

    Raises:
        UsageError: a path does not do.
        ResidueError: a check failed; the folder for results is as it was.
    """
    _check(job)
    key = Key.read_or_make(job.key)
    reports: list[FilmReport] = []
    written: dict[str, bytes] = {}
    links: list[tuple[str, str]] = []
    with replacing_folder(job.out) as folder:
        for number, path in enumerate(track(job.films, len(job.films)), 1):
            try:
                clean = _one(Path(path), job.options, key)
                _write(folder, clean, written, path, number)
            except FilmError as error:
                reports.append(FilmReport(number, "failed", error.reason))
                continue
            links.append((path, clean.name))
            reports.append(_ok(number, clean))
        write_report(folder, job.options, reports)
    if job.linking is not None:
        _link(job.linking, links)
    return reports


def _check(job: Job) -> None:
    out = job.out.absolute()
    if job.out.exists() and (not job.out.is_dir() or any(job.out.iterdir())):
        raise UsageError(f"{job.out}: expected a new or empty folder; name another one")
    for path, what in ((job.key, "key"), (job.linking, "linking table")):
        if path is not None and path.absolute().is_relative_to(out):
            raise UsageError(
                f"{path}: expected the {what} outside the results, for it leads back to patients"
            )


def _one(path: Path, options: Options, key: Key) -> Clean:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFilm(
            f"expected a readable file, the system says {type(error).__name__}; check the path"
        ) from error
    return clean_film(open_film(data, key), options, key)


def _write(folder: Path, clean: Clean, written: dict[str, bytes], path: str, number: int) -> None:
    import hashlib

    if clean.residue:
        raise ResidueError(
            f"{path}: something is left after de-identification ({clean.residue[0]}; "
            f"{len(clean.residue)} findings); nothing was written. Leave film {number} out"
        )
    digest = hashlib.sha256(clean.data).digest()
    if written.setdefault(clean.name, digest) != digest:
        raise UnreadableFilm(
            "expected one film a SOP Instance UID, got another film of the same one; "
            "keep the right one"
        )
    target = folder / clean.name
    target.parent.mkdir(exist_ok=True)
    write_bytes(target, clean.data)


def _ok(number: int, clean: Clean) -> FilmReport:
    elements = {str(what): dict(sorted(names.items())) for what, names in clean.record.done.items()}
    return FilmReport(number, "ok", None, clean.name, elements, clean.record.removed_private)


def _link(path: Path, links: list[tuple[str, str]]) -> None:
    """Which file became which, readable by its owner alone."""
    stream = io.StringIO()
    csv.writer(stream).writerows([("film", "file"), *links])
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(stream.getvalue(), encoding="utf-8")
