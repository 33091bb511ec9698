"""Which results of an earlier run still hold.

A result holds where the film's bytes are the same, the settings are (see ``record``), the film was
read, and its files are there. The bytes are taken to be the same where path, size and time of the
last change are those noted in ``inputs.jsonl`` before the film was read; else they are hashed. A
film that moved is found again by its checksum. What failed is tried again.

``results.jsonl`` is a journal while a run goes on: a film read again gets a new line at the end,
and the last one of an id holds. At the end it is written again in input order.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from infmap.core.files import sha256
from infmap.report import PLANES, FilmIds
from infmap.report.export import iter_lines
from infmap.report.files import write_atomically, writing
from infmap.report.lines import PredictionLine
from infmap.report.planes import FILES
from infmap.workflows.addresses import is_address, name_of
from infmap.workflows.dicom_objects import NO_STATE, NONE_WRITTEN

INPUTS = "inputs.jsonl"
SETTLED = 2.0
"""Seconds a file must be unchanged before its time of change tells it from a later version: the
coarsest clock of a file system (FAT) ticks so."""

State = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


class Film(NamedTuple):
    """An input that is to be read.

    Attributes:
        number: its place among the inputs.
        id: unique within the run.
        path: as given.
    """

    number: int
    id: str
    path: str


class Known(NamedTuple):
    """An input of an earlier run.

    Attributes:
        id: its id.
        status: "ok", "rejected" or "failed".
        sha256: of its bytes.
        read: whether it was decoded.
        without: folders of objects that its line says it has none in, and why.
        state: of the file, before it was read; None where unknown.
    """

    id: str
    status: str
    sha256: str | None
    read: bool
    without: frozenset[str]
    state: State | None


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        ids: of every input, in input order.
        todo: the films to read, in input order.
        dropped: ids of an earlier run whose films are no inputs any more.
    """

    ids: list[str]
    todo: list[Film]
    dropped: list[str] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Number of films whose results stay."""
        return len(self.ids) - len(self.todo)


def plan(
    out: Path,
    paths: Sequence[str],
    *,
    pictures: Callable[[int, str], bool],
    planes: Sequence[str] = PLANES,
    objects: Sequence[str] = (),
) -> Plan:
    """Compare the inputs with the results in a folder.

    Args:
        out: the run's folder.
        paths: the inputs, each file once.
        pictures: place and id of an input to whether the page has its picture, or needs none.
        planes: folders of the planes that each assessed film must have.
        objects: folders of DICOM objects and FHIR bundles that each film must have one in.

    Raises:
        UsageError: ``results.jsonl`` is damaged before its last line.
    """
    known = _known(out)
    ids = FilmIds(film.id for film in known.values())
    given = set(paths)
    lost = {
        film.sha256: path
        for path, film in known.items()
        if path not in given and film.sha256 and film.status != "failed"
    }
    result = Plan([], [])
    for number, path in enumerate(paths):
        film = known.pop(path, None)
        same = film is not None and _is_same(path, film)
        # Hashing is tried only where a film of the earlier run is missing: it reads the whole file.
        if film is None and lost:  # moved, or named in another way
            old = lost.pop(sha256_of(path) or "", None)
            film = known.pop(old) if old else None
            same = film is not None
        name = film.id if film else ids.new(name_of(path))
        result.ids.append(name)
        whole = film is not None and same and _is_whole(out, film, planes, objects)
        if not (film and whole and (not film.read or pictures(number, name))):
            result.todo.append(Film(number, name, path))
    result.dropped.extend(film.id for film in known.values())
    return result


def _known(out: Path) -> dict[str, Known]:
    """Path to what is known of a film; the last line of each holds."""
    states = dict(_states(out))
    return {
        path: Known(
            row["id"],
            row["status"],
            row.get("sha256"),
            row.get("width") is not None,
            _without(row.get("warnings") or ()),
            states.get(row["id"]),
        )
        for row, _ in iter_lines(out)
        if (path := row.get("path")) is not None
    }


def _without(warnings: Iterable[str]) -> frozenset[str]:
    """Folders of objects that a film has none in, by its warnings."""
    said = "\n".join(warnings)
    if NONE_WRITTEN in said:
        return frozenset(folder for folder, ending in FILES if ending != "png")
    return frozenset({"gsps"} if NO_STATE in said else ())


def _states(out: Path) -> Iterator[tuple[str, State]]:
    with suppress(FileNotFoundError), (out / INPUTS).open("rb") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError, OverflowError):  # cut off, or not ours
                values = json.loads(line)
                yield str(values["id"]), (int(values["size"]), int(values["mtime_ns"]))


def state_line(film_id: str, state: State) -> bytes:
    """The line of ``inputs.jsonl`` that says what state a film's file was in."""
    size, changed = state
    return json.dumps({"id": film_id, "size": size, "mtime_ns": changed}).encode() + b"\n"


def _is_same(path: str, film: Known) -> bool:
    return film.status != "failed" and (
        # An object on a server never changes under its UID.
        is_address(path)
        or (film.state is not None and state_of(path) == film.state)
        or (film.sha256 is not None and sha256_of(path) == film.sha256)
    )


def _is_whole(out: Path, film: Known, planes: Sequence[str], objects: Sequence[str]) -> bool:
    """Whether all files of a film are there."""
    if film.status != "ok":
        return True
    files = [out / folder / f"{film.id}.png" for folder in planes]
    endings = dict(FILES)
    files += [
        out / name / f"{film.id}.{endings[name]}" for name in objects if name not in film.without
    ]
    try:
        return all(os.stat(file).st_size > 0 for file in files)
    except OSError:
        return False


def state_of(path: str) -> State | None:
    """Size and time of change of a file; None where it is not there, or changed just now."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if time.time() - found.st_mtime < SETTLED:
        return None
    return found.st_size, found.st_mtime_ns


def sha256_of(path: str) -> str | None:
    """Hexadecimal digest of a file's bytes; None where it cannot be read."""
    try:
        if not os.path.isfile(path):
            return None
        return sha256(Path(path))
    except (OSError, ValueError):
        return None


class InputNotes:
    """Appends to ``inputs.jsonl`` what a film's file was like before it was read.

    Args:
        out: the run's folder.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / INPUTS
        self._states: dict[str, State | None] = {}
        with writing(self._path):
            self._file: IO[bytes] = self._path.open("ab", buffering=0)

    def look(self, film: Film) -> None:
        """Note a file's state, on any thread, before it is read."""
        self._states[film.id] = state_of(film.path)

    def write(self, film_id: str) -> None:
        """Write the state of a film whose line is written."""
        state = self._states.pop(film_id, None)
        if state is not None:
            with writing(self._path):
                self._file.write(state_line(film_id, state))

    def append(self, lines: bytes) -> None:
        """Append whole lines that another process made."""
        with writing(self._path):
            self._file.write(lines)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def put_in_order(out: Path, ids: Sequence[str], paths: Sequence[str]) -> None:
    """Write ``results.jsonl`` and ``inputs.jsonl`` again: the last line of each input, in order.

    Args:
        out: the run's folder.
        ids: of the inputs, in order; each has a line.
        paths: of the inputs, which may have moved since their line was written.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    places: dict[str, tuple[int, int]] = {}
    start = 0
    for row, end in iter_lines(out):
        places[row["id"]] = start, end
        start = end
    source = out / "results.jsonl"
    with source.open("rb") as table:
        write_atomically(source, lambda to: _copy(table, to, places, ids, paths))
    states = dict(_states(out))
    lines = (state_line(name, states[name]) for name in ids if name in states)
    write_atomically(out / INPUTS, lambda to: to.writelines(lines))


def _copy(
    table: IO[bytes],
    to: IO[bytes],
    places: dict[str, tuple[int, int]],
    ids: Iterable[str],
    paths: Iterable[str],
) -> None:
    for name, path in zip(ids, paths, strict=True):
        start, end = places[name]
        table.seek(start)
        line = table.read(end - start)
        row: PredictionLine = json.loads(line)
        to.write(line if row["path"] == path else json.dumps(row | {"path": path}).encode() + b"\n")
