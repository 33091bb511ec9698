"""A server that is killed at any moment: nothing acknowledged is lost, nothing is done twice.

INFMAP_KILLS=50 kills it fifty times, on both databases, instead of ten and two.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from reading_server import planned, working
from sqlalchemy import func, select
from taking_server import FILMS

from infmap.core.files import sha256
from infmap.serve import events, jobs, results, uploads
from infmap.serve.schema import items, outbox
from infmap.serve.schema import jobs as job_table
from infmap.serve.schema import results as result_table
from infmap.serve.store import Store

HERE = Path(__file__).parent
MOMENTS = int(os.environ.get("INFMAP_KILLS", "10"))
"""Kills of a server on SQLite; a fifth of them on PostgreSQL, all of them if so many are asked for.
"""
# Acknowledgements after which it is killed: during uploads, jobs, reading and commits.
MOST_LINES = 12


class Acknowledged:
    """What a server has said, over all its lives."""

    def __init__(self) -> None:
        self.uploads: set[str] = set()
        self.jobs: set[str] = set()
        self.done: set[str] = set()

    def live(self, command: list[str], moment: int) -> None:
        """Start the server, kill it after so many acknowledgements, and keep what it said."""
        environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1] / 'src'}{os.pathsep}{HERE}"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=environment, text=True
        ) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            lines = [server.stdout.readline() for _ in range(moment)]
            server.kill()
            # It went on while the last line was read: what it said before the signal counts too.
            lines += server.stdout.readlines()
        assert server.returncode == -9
        for line in lines:
            if line.endswith("\n"):
                kind, subject = line.split()
                {"upload": self.uploads, "job": self.jobs, "done": self.done}[kind].add(subject)


def test_nothing_acknowledged_is_lost_or_done_twice(store: Store, url: str | None) -> None:
    said, draw = Acknowledged(), random.Random(0)
    fewer = url is not None and "INFMAP_KILLS" not in os.environ
    for life in range(MOMENTS // 5 if fewer else MOMENTS):
        first = str(life * 1000 * FILMS)
        command = [sys.executable, str(HERE / "taking_server.py"), str(store.folder), url or "-"]
        said.live([*command, first], draw.randint(1, MOST_LINES))
        check_kept(store, said)
    with store.read() as c:
        every = [jobs.get(c, job) for job in c.execute(select(job_table.c.id)).scalars().all()]
    with working(store, url, finished=planned) as (_, changes):
        for job in every:
            changes.until_ended(job)
    check_kept(store, said)
    check_ended_once(store)


def check_kept(store: Store, said: Acknowledged) -> None:
    """Hold the disk and the database against what was acknowledged."""
    with store.read() as c:
        assert uploads.known(c, said.uploads) == said.uploads
        for job in said.jobs:
            assert len(jobs.items(c, job)) == FILMS
        assert all(jobs.get(c, job).state == "done" for job in said.done)
    for digest in said.uploads:
        assert sha256(uploads.path(store, digest)) == digest


def check_ended_once(store: Store) -> None:
    """Every item has one end, one event and one result that is whole."""
    with store.read() as c:
        states = Counter(c.execute(select(items.c.state)).scalars())
        films = c.execute(select(result_table.c.film_id, result_table.c.status)).all()
        plans = Counter(c.execute(select(outbox.c.film_id)).scalars())
        count = c.execute(select(func.count()).select_from(job_table)).scalar_one()
        told = Counter(
            (job, event.kind, str(event.data.get("position")))
            for job in c.execute(select(job_table.c.id)).scalars().all()
            for event in events.after(c, job)
        )
    assert states == {"done": count * (FILMS - 1), "failed": count}
    assert set(told.values()) == {1} and len(told) == count * (FILMS + 1)
    assert plans == Counter(film for film, _ in films) and len(films) == count * FILMS
    for film, status in films:
        if status == "ok":
            assert results.line(store, film)["status"] == "ok"
            assert len(list(results.folder(store, film).iterdir())) == 7
    whole = {path.name for path in store.results.glob("??/*")}
    assert whole == {film for film, status in films if status == "ok"}
    assert not list(store.results.glob(".*")) and not list(store.uploads.glob(".*"))
