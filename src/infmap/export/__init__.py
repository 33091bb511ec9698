"""Films of a catalog or a snapshot in the layouts that other software reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from infmap.catalog.groups import UNUSED
from infmap.core.errors import UsageError
from infmap.core.files import replacing_folder
from infmap.export import coco, folders, huggingface, monai, nnunet, qata
from infmap.export.exporter import Exporter, Job
from infmap.export.films import ExportFilm, SplitColumn, collect
from infmap.export.manifest import (
    ExportManifest,
    ExportOptions,
    licence_line,
    write_licences,
    write_manifest,
)
from infmap.export.sheet import Entry, LeftOut, Link, Sheet

EXPORTS: dict[str, Exporter] = {
    "coco": coco.EXPORTER,
    "nnunet": nnunet.EXPORTER,
    "monai": monai.EXPORTER,
    "huggingface": huggingface.EXPORTER,
    "folders": folders.EXPORTER,
    "qata": qata.EXPORTER,
}
"""Format to its exporter."""

__all__ = ["EXPORTS", "Exporter", "Link", "SplitColumn", "export"]

_DIVIDED = "it shares a patient or a near-duplicate with a film of a stronger part"
Outcome = tuple[ExportFilm, Entry | LeftOut, Counter[str]]


def export(
    folder: Path,
    kind: str,
    out: Path,
    *,
    where: str | None = None,
    split: SplitColumn = "split",
    link: Link = "copy",
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> ExportManifest:
    """Write films, masks and tables in a format; ``out`` is there whole or not at all.

    Args:
        folder: a catalog or a snapshot.
        kind: the format, one of ``EXPORTS``.
        out: a folder that does not exist or is empty.
        where: which films, a condition as after WHERE in SQL; None for all.
        split: the column whose split holds.
        link: how films that are fit as they are get there. Hard links that the disk refuses become
            copies.
        workers: films written at a time.
        progress: called with films done and films in all.

    Returns:
        What export.json holds: counts of films, and of those left out by reason.

    Raises:
        UsageError: an unknown format or option, ``out`` is not empty or not writable, a wrong
            condition, or no film is fit for the format.
        SnapshotError: the folder is no catalog or snapshot, or is damaged.
        MissingExtra: an optional package is not installed.
    """
    for name, given, known in (
        ("format", kind, tuple(EXPORTS)),
        ("split", split, get_args(SplitColumn)),
        ("link", link, get_args(Link)),
    ):
        if given not in known:
            raise UsageError(f"{name}: expected one of {', '.join(known)}, got {given!r}")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: expected a new or empty folder, got one with files; name another")
    films, origin = collect(folder, where, split)
    if not films:
        raise UsageError(f"--where {where}: selects no film; try it with infmap catalog query")
    exporter = EXPORTS[kind]
    lungs = any({"infection", "lungs"} <= film.masks.keys() for film in films)
    with _whole(out) as part:

        def one(film: ExportFilm) -> Outcome:
            if film.split == UNUSED:
                return film, LeftOut(_DIVIDED), Counter()
            sheet = Sheet(film, part, exporter.grey_png, link, lungs)
            try:
                return film, exporter.film(sheet), sheet.notes
            except LeftOut as error:
                sheet.undo()
                return film, error, Counter()

        entries: list[Entry] = []
        left_out: list[tuple[ExportFilm, LeftOut]] = []
        notes: Counter[str] = Counter()
        for done, (film, found, more) in enumerate(_side_by_side(one, films, workers), 1):
            notes += more
            if isinstance(found, LeftOut):
                left_out.append((film, found))
            else:
                entries.append(found)
            if progress:
                progress(done, len(films))
        if not entries:
            raise UsageError(f"no film is fit for {kind}: {_reasons(left_out)}")
        exporter.finish(Job(part, lungs, licence_line(e.film for e in entries)), entries)
        options: ExportOptions = {"format": kind, "where": where, "split": split, "link": link}
        write_licences(part, entries)
        return write_manifest(part, options, origin, entries, left_out, notes)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that takes its place at the end, or is removed."""
    try:
        with replacing_folder(out) as part:
            yield part
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot write {out}: {reason}; correct that or name another") from error


def _side_by_side(
    one: Callable[[ExportFilm], Outcome], films: list[ExportFilm], workers: int
) -> Iterator[Outcome]:
    """Outcomes in the order of the films; those not begun are dropped when one fails."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(one, films)
    finally:
        pool.shutdown(cancel_futures=True)


def _reasons(left_out: list[tuple[ExportFilm, LeftOut]]) -> str:
    counts = Counter(error.reason for _, error in left_out)
    return "; ".join(f"{reason} (films: {n})" for reason, n in counts.most_common())
