"""The lines of a run as they come: one by one, or by the shard from other processes.

A shard is a part of the lines that a worker writes whole, under a name of the run and of the films
in it, to ``shards/`` of the run's folder. Whoever holds the run appends its lines to
``results.jsonl`` and removes it; a run that is stopped in between leaves shards, which the next one
takes over. A film whose lines were appended twice, since a run was stopped between the two steps,
has one line in the end: the last one of an id holds, see ``resume``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from infmap.core.files import replacing
from infmap.report import FilmRow, ResultsWriter, iter_results
from infmap.report.files import make_folder, write_atomically, writing
from infmap.report.lines import PredictionLine, parse
from infmap.workflows.record import noted
from infmap.workflows.resume import Film, InputNotes, State, state_line

FAILURES = "failures.jsonl"
SHARDS = "shards"
TOKEN = "shards"
"""Key of ``run.json``: which run shards of the folder belong to."""


@dataclass(frozen=True)
class Journal:
    """Where lines go.

    Attributes:
        writer: of ``results.jsonl``.
        notes: of ``inputs.jsonl``.
    """

    writer: ResultsWriter
    notes: InputNotes

    def write(self, row: FilmRow) -> PredictionLine:
        """Write a film's line."""
        line = self.writer.write(row)
        self.notes.write(row.id)
        return line

    def take(self, shard: Path) -> list[PredictionLine]:
        """Append a shard's lines and remove it.

        Raises:
            UsageError: the disk is full, read-only or forbidden.
        """
        with writing(shard):
            data = shard.read_bytes()
            states = _states(shard).read_bytes()
        lines = [line for part in data.splitlines(True) if (line := parse(part)) is not None]
        # The states first: a line whose film has none is only hashed again.
        self.notes.append(states)
        self.writer.append(data)
        remove_shard(shard)
        return lines


def shard_of(out: Path, token: str, films: Sequence[Film]) -> Path:
    """The file that the lines of some films go to: the same for the same films of a run."""
    digest = hashlib.sha256(json.dumps(films).encode()).hexdigest()
    return out / SHARDS / f"{token}-{digest[:32]}.jsonl"


def write_shard(
    path: Path, rows: Iterable[FilmRow], states: Iterable[tuple[str, State | None]]
) -> None:
    """Write a shard, whole or not at all.

    Args:
        path: of ``shard_of``.
        rows: of its films.
        states: id to the state that the film's file had before it was read.

    Raises:
        UsageError: the disk is full, read-only or forbidden.
    """
    make_folder(path.parent)
    lines = [json.dumps(row.to_dict(), allow_nan=False).encode() + b"\n" for row in rows]
    known = [state_line(name, state) for name, state in states if state is not None]
    # Whoever sees the lines finds the states; both on the disk, as a machine may lose its power.
    for place, parts in ((_states(path), known), (path, lines)):
        with writing(place), replacing(place, durable=True) as part:
            part.write_bytes(b"".join(parts))


def remove_shard(path: Path) -> None:
    """Remove a shard."""
    with writing(path):
        path.unlink(missing_ok=True)
        _states(path).unlink(missing_ok=True)


def recover(out: Path) -> int:
    """Take over the shards of a run that was stopped.

    Args:
        out: the run's folder, locked; it has a ``results.jsonl``.

    Returns:
        How many. Those of another run than the last, as from a worker that outlived it, are not
        taken: their films may have other ids by now.
    """
    token = noted(out, TOKEN)
    left = sorted((out / SHARDS).glob(f"{token}-*.jsonl")) if token else []
    if left:
        writer = ResultsWriter(out, resume=True)
        with closing(InputNotes(out)) as notes:
            for shard in left:
                Journal(writer, notes).take(shard)
        writer.end()
    clear_shards(out)
    return len(left)


def clear_shards(out: Path) -> None:
    """Remove all shards, also those that a worker of a run long gone wrote."""
    shutil.rmtree(out / SHARDS, ignore_errors=True)


def write_failures(out: Path) -> None:
    """Write ``failures.jsonl``: of each film without figures, what it is and why."""
    write_atomically(out / FAILURES, lambda file: file.writelines(_failures(out)))


def _failures(out: Path) -> Iterator[bytes]:
    for row in iter_results(out):
        if row["status"] != "ok":
            known = {k: row.get(k) for k in ("id", "path", "sha256", "status", "reason")}
            yield json.dumps(known).encode() + b"\n"


def _states(shard: Path) -> Path:
    return shard.with_suffix(".inputs")
