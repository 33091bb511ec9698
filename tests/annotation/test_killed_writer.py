"""A writing process that is killed at any moment: nothing answered is lost or doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from infmap.annotation import audit, outcomes, schema
from infmap.annotation.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station  # noqa: E402

HERE = Path(__file__).parent
# Answers after which the process is killed: while it draws, decides and takes the next film.
MOMENTS = (1, 2, 4, 5, 6, 9, 10, 11, 14, 15)
FILMS = 60


def answers_before_kill(command: list[str], moment: int) -> list[list[str]]:
    """Run a writer, kill it after so many answers, and return all that it had said."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        lines = [writer.stdout.readline() for _ in range(moment)]
        writer.kill()
        # It went on while the last line was read: what it said before the signal counts too.
        lines += writer.stdout.readlines()
    assert writer.returncode == -9
    return [line.split() for line in lines if line.endswith("\n")]


def test_nothing_answered_is_lost_or_doubled(
    store: Store, url: str | None, station: Station
) -> None:
    for k in range(FILMS):
        station.film(f"film {k}")
    station.plan()
    command = [sys.executable, str(HERE / "writer_process.py"), str(store.folder), url or "-"]
    command += [station.project, "ann"]
    strokes: set[tuple[str, int, str]] = set()
    decisions: set[str] = set()
    for moment in MOMENTS:
        for kind, subject, *rest in answers_before_kill(command, moment):
            if kind == "stroke":
                answered = (subject, int(rest[0]), rest[1])
                assert answered not in strokes
                strokes.add(answered)
            else:
                assert kind == "decision" and subject not in decisions
                decisions.add(subject)
        check(store, station, strokes, decisions)
    assert len(decisions) >= len(MOMENTS)


def check(
    store: Store, station: Station, strokes: set[tuple[str, int, str]], decisions: set[str]
) -> None:
    s, d, r = schema.strokes, schema.drafts, schema.revisions
    with store.read() as c:
        kept = [tuple(row) for row in c.execute(select(s.c.draft_id, s.c.seq, s.c.uuid))]
        last = {row.id: row.seq for row in c.execute(select(d))}
        revisions = c.execute(select(r)).all()
        counting = outcomes.every(c, station.project)
        chain = audit.verify(c)
        log = [e.detail["revision"] for e in audit.entries(c, most=10_000) if e.verb == "decide"]
    assert strokes <= set(kept) and len(kept) == len(set(kept))
    # Numbers without a gap, up to the one that the draft says: none is half there.
    for draft, seq in last.items():
        assert sorted(n for of, n, _ in kept if of == draft) == list(range(1, seq + 1))
    ids = [row.id for row in revisions]
    assert decisions <= set(ids)
    assert len(ids) == len({row.task_id for row in revisions}) == len(counting)
    assert chain.broken is None and sorted(log) == sorted(ids)
