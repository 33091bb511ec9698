"""Films of the sources into the catalog: each decoded once, measured, hashed, labelled.

Films are measured in chunks, on this machine or on a Ray cluster. What was measured is
kept in ``pending/`` until the commit, so an ingest that is stopped goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.mask_notes import mask_notes
from infmap.catalog.measure import (
    DERIVED,
    MEASURED,
    Item,
    Measured,
    drawn_checksum,
    file_state,
    measure,
)
from infmap.catalog.pending import Pending
from infmap.catalog.renamed import current_source
from infmap.catalog.rows import Failure, Film, film_rows
from infmap.catalog.schema import COLUMNS, MASKS, conform, make_columns, make_frame, polars
from infmap.catalog.store import Catalog
from infmap.compute.parallel import spread
from infmap.core.errors import UsageError
from infmap.dedup.thumbnails import SIDE
from infmap.sources import SOURCES, SourceFailure, SourceRecord
from infmap.sources.own_tables import TruthTable

if TYPE_CHECKING:
    import polars as pl

LABELS = tuple(
    name
    for name in SourceRecord.__dataclass_fields__
    if name in COLUMNS["films"] and name not in MASKS
)
KEPT = ("duplicate_group", "split", "fold")
# Films a task, chosen by hand: few are lost when a run is killed, and the cost of starting a task
# is shared by many.
CHUNK = 64
PROCESSES = 16
"""Chunks from which on processes are started: threads would wait for each other."""
Known = tuple[tuple[int, int], str | None, Callable[[], tuple[Film, NDArray[np.uint8]]]]
"""Size and time of a film's file, checksum of its drawn regions, and what was measured."""


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did to the given sources.

    Attributes:
        films: that are in.
        failures: that could not be read, and masks of films that are in.
        measured: that were decoded now; the others were known.
        notes: source to what its check says.
    """

    films: int
    failures: int
    measured: int
    notes: dict[str, list[str]]


def ingest(
    catalog: Catalog,
    roots: Mapping[str, Path],
    workers: int | None = None,
    on: str = "local",
    progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Read sources into the catalog; what it held of them before is replaced.

    A film ends in ``films`` or in ``failures``; one whose mask cannot be read is in ``films``, its
    mask unknown, and the mask in ``failures``. A film whose file has the size and time it had is
    not decoded again, so doing it again changes nothing. What truth.csv in a source's folder states
    goes before what the source says, see ``infmap.sources.own_tables``.

    Args:
        catalog: where to.
        roots: source name, today's or a former one, to its folder.
        workers: films decoded at a time on this machine; None for one a processor.
        on: "local", "ray", or the "ray://HOST:PORT" of a cluster that sees the same folders.
        progress: called with films done and films to be decoded.

    Raises:
        UsageError: an unknown source, a folder that is missing or not laid out as expected, or a
            truth.csv in it that cannot be meant.
        SnapshotError: another process is writing to the catalog.
    """
    if len(named := {current_source(name): root for name, root in roots.items()}) < len(roots):
        raise UsageError(f"expected each source once, got {', '.join(roots)}")
    for source, root in named.items():
        if source not in SOURCES:
            raise UsageError(f"unknown source {source!r}; expected one of: {', '.join(SOURCES)}")
        if not root.is_dir():
            raise UsageError(f"{root}: expected the folder of {source}, found none")
    with catalog.lock():
        return _Ingest(catalog, named).run(workers or os.cpu_count() or 1, on, progress)


class _Ingest:
    """One ingest, from the sources' lists to the commit."""

    def __init__(self, catalog: Catalog, roots: Mapping[str, Path]) -> None:
        self.catalog, self.roots = catalog, {s: r.resolve() for s, r in roots.items()}
        self.pending = Pending(catalog.folder / "pending")
        self.old, self.pictures = catalog.frame("films"), catalog.pictures()
        self.failures: list[Failure] = []
        self.records: dict[str, tuple[str, SourceRecord]] = {}
        self.truth = {source: TruthTable(root) for source, root in self.roots.items()}
        for source, root in self.roots.items():
            for record in SOURCES[source].read(root):
                if isinstance(record, SourceFailure):
                    self._fail(source, record.path, record.reason)
                else:
                    self._list(source, self.truth[source].apply(record))

    def _list(self, source: str, record: SourceRecord) -> None:
        """Note a film to come; the name is its identity, so a second one of a name is refused."""
        film_id = f"{source}/{record.film_name}"
        if film_id in self.records:
            first = self.records[film_id][1].path
            self._fail(source, record.path, f"expected each film name once, {first} has this one")
        else:
            self.records[film_id] = source, record

    def _fail(self, source: str, path: str, reason: str, film_id: str | None = None) -> None:
        """Note what cannot be read: a film, or a mask of one that is in."""
        row: Failure = {"source": source, "path": path, "reason": reason, "film_id": film_id}
        self.failures.append(row)

    def run(
        self, workers: int, on: str, progress: Callable[[int, int], None] | None
    ) -> IngestReport:
        items = list(self._to_measure())
        # Checking a source lists its folders again; it waits for the disk while films are decoded.
        with ThreadPoolExecutor(1) as beside:
            check = beside.submit(self._check)
            self._measure(items, workers, on, progress)
            notes = check.result()
        films, notes = self._commit(notes)
        self.pending.clear()
        return IngestReport(films, len(self.failures), len(items), notes)

    def _check(self) -> dict[str, list[str]]:
        return {
            source: SOURCES[source].check(root) + self.truth[source].findings()
            for source, root in self.roots.items()
        }

    def _measure(
        self,
        items: Sequence[Item],
        workers: int,
        on: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Measure films into ``pending``; those that cannot be read become failures."""
        chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
        done = 0
        try:
            for measured in _measure_all(chunks, workers, on):
                self.pending.add(measured)
                for film_id, reason in measured.reasons.items():
                    source, record = self.records.pop(film_id)
                    self._fail(source, record.path, reason)
                for film_id, masks in measured.lost.items():
                    for path, reason in masks.items():
                        self._fail(self.records[film_id][0], path, reason, film_id)
                done += len(measured.films) + len(measured.reasons)
                if progress:
                    progress(done, len(items))
        finally:  # what is measured is kept, also where this is stopped
            self.pending.flush()

    def _to_measure(self) -> Iterator[Item]:
        """Films that are new or changed, and those whose drawn regions are."""
        known = self._known()
        for film_id, (source, record) in self.records.items():
            root = self.roots[source]
            drawn = drawn_checksum(root, record)
            path = f"{root}/{record.path}"
            state, was, found = known.get(film_id, (None, None, None))
            # Size and time stand for the content: hashing every file again would take as long as
            # reading it.
            same = state is not None and state == file_state(path)
            if not same or drawn != was:
                again = found() if found and same else None
                yield Item(film_id, path, drawn, again, (root, record) if drawn else None)

    def _known(self) -> dict[str, Known]:
        """What is known of films from before."""
        films: dict[str, Known] = {}

        def note(frame: pl.DataFrame, picture: Callable[[int], NDArray[np.uint8]]) -> None:
            def found(index: int) -> tuple[Film, NDArray[np.uint8]]:
                return film_rows(frame[index].select(MEASURED))[0], picture(index)

            rows = frame.select("film_id", "size", "modified", "drawn").iter_rows()
            for index, (film_id, size, modified, drawn) in enumerate(rows):
                films[film_id] = (size, modified), drawn, partial(found, index)

        note(self.old, lambda index: np.asarray(self.pictures[index]))
        for part in self.pending.parts():
            note(part.drop("picture"), _pictures(part).__getitem__)
        return films

    def _commit(self, checked: Mapping[str, list[str]]) -> tuple[int, dict[str, list[str]]]:
        """Put labels and measurements together and replace the tables at once.

        Returns:
            Films that are in of the sources, and their notes with those on their masks.
        """
        module = polars()
        columns = ("film_id", *MEASURED, *DERIVED)
        measured = module.concat([self.old.select(columns), *self.pending.parts(columns)]).unique(
            "film_id", keep="last"
        )
        stays = self.old.filter(~module.col("source").is_in(list(self.roots)))
        kept = self.old.select("film_id", "bytes_hash", *KEPT)
        films = (
            self._labels()
            .join(measured, on="film_id")
            # By the bytes as well: a film that was replaced under its name keeps no verdict and no
            # split.
            .join(kept, on=["film_id", "bytes_hash"], how="left")
        )
        films = conform("films", films)
        notes = {
            source: found + mask_notes(films.filter(films["source"] == source))
            for source, found in checked.items()
        }
        films = module.concat([stays, films]).sort("film_id")
        self.catalog.commit(
            {"films": films, **self._others(films)},
            pictures=self._arrange(films["film_id"].to_list()),
            roots=self.catalog.roots | {s: str(r) for s, r in self.roots.items()},
            sources=self.catalog.sources | notes,
        )
        return len(films) - len(stays), notes

    def _labels(self) -> pl.DataFrame:
        records = [record for _, record in self.records.values()]
        columns: dict[str, list[object]] = {
            "film_id": list(self.records),
            "source": [source for source, _ in self.records.values()],
        }
        columns |= {name: [getattr(record, name) for record in records] for name in LABELS}
        return make_columns("films", columns)

    def _others(self, films: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Scores, boxes, duplicates and failures that go with the films."""
        module = polars()
        theirs = list(self.roots)
        stays = films.filter(~module.col("source").is_in(theirs)).select("film_id")
        tables = {}
        for table, of in (("scores", "scores"), ("boxes", "boxes")):
            rows = [
                {"film_id": film_id} | vars(value)
                for film_id, (_, record) in self.records.items()
                for value in getattr(record, of)
            ]
            old = self.catalog.frame(table).join(stays, on="film_id", how="semi")
            tables[table] = module.concat([old, make_frame(table, rows)])
        same = films.join(self.old, on=["film_id", "bytes_hash"], how="semi").select("film_id")
        pairs = self.catalog.frame("duplicates")
        for column in ("film_a", "film_b"):
            pairs = pairs.join(same, left_on=column, right_on="film_id", how="semi")
        failures = self.catalog.frame("failures")
        failures = failures.filter(~module.col("source").is_in(theirs))
        now = make_frame("failures", self.failures)
        return tables | {"duplicates": pairs, "failures": module.concat([failures, now])}

    def _arrange(self, film_ids: list[str]) -> NDArray[np.uint8] | Path | None:
        """Thumbnails in the order of the films, in a file; None where they are as they were."""
        if self.pending.empty and film_ids == self.old["film_id"].to_list():
            return None
        shape = (len(film_ids), SIDE, SIDE)
        if not film_ids:
            return np.zeros(shape, np.uint8)  # nothing cannot be mapped
        place = {film_id: index for index, film_id in enumerate(film_ids)}
        path = self.catalog.folder / "pending" / "pictures.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        out = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        kept = [
            (place[film_id], index)
            for index, film_id in enumerate(self.old["film_id"])
            if film_id in place
        ]
        # 4,096 thumbnails are 16 MB: the copy needs no memory of the whole catalog's size.
        for start in range(0, len(kept), 4096):
            to, of = zip(*kept[start : start + 4096], strict=True)
            out[list(to)] = self.pictures[list(of)]
        for part in self.pending.parts(("film_id", "picture")):
            films = [(n, film_id) for n, film_id in enumerate(part["film_id"]) if film_id in place]
            at = [place[film_id] for _, film_id in films]
            out[at] = _pictures(part)[[n for n, _ in films]]
        out.flush()  # on the disk before a commit names them
        return path


def _pictures(part: pl.DataFrame) -> NDArray[np.uint8]:
    """Thumbnails of a part, uint8 (N, 64, 64)."""
    return np.frombuffer(b"".join(part["picture"]), np.uint8).reshape(-1, SIDE, SIDE)


def _measure_all(chunks: Sequence[Sequence[Item]], workers: int, on: str) -> Iterator[Measured]:
    """Films measured, chunk by chunk, here or on a cluster."""
    if not chunks:
        return iter(())
    if on == "local":
        return spread(measure, chunks, workers, processes=len(chunks) >= PROCESSES)
    from infmap.catalog.cluster import measure_on

    return measure_on(on, chunks)
