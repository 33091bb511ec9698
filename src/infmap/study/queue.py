"""The driver: starts every run that is due, once, and records how each ended.

What is true of a run lies in its folder, so a driver may be stopped, killed, or joined by another
at any moment: a done run is not repeated, a half-done one goes on from its checkpoint, a failed one
waits for ``retry``. A diverged run is not retried: the same seed would diverge again.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from infmap.study.claim import claim
from infmap.study.grid import Run
from infmap.study.launch import CLAIMED, Exit, Launcher
from infmap.study.study import FINISHED, Status, Study, read_status, write_status


class RunRecord(TypedDict):
    """A run that started or ended, as it is reported; ``finished`` of ``total`` runs have ended."""

    run: str
    state: str
    finished: int
    total: int
    reason: NotRequired[str]


Say = Callable[[RunRecord], None]


@dataclass(frozen=True)
class Summary:
    """Where a study's runs stand.

    Attributes:
        states: state to its number of runs.
        total: number of runs.
        elsewhere: runs that another driver holds.
    """

    states: dict[str, int]
    total: int
    elsewhere: int = 0


def run_study(study: Study, launcher: Launcher, say: Say, *, retry: bool = False) -> Summary:
    """Run what is due, and end when all is finished or in other hands.

    Args:
        study: whose runs.
        launcher: starts the workers.
        say: called with one record whenever a run starts or ends.
        retry: start failed runs too.
    """
    due = [run for run in study.runs if _is_due(study.status(run), retry)]
    elsewhere: list[Run] = []
    under_way: dict[str, tuple[Run, int]] = {}  # with the attempts before this one
    options = ("--retry",) if retry else ()
    try:
        while due or under_way:
            while due and launcher.free() > 0:
                run = due.pop(0)
                under_way[run.id] = run, study.status(run).attempts
                launcher.start(run.id, options)
                say(_record(study, run, "started"))
            for run_id, end in launcher.wait():
                run, before = under_way.pop(run_id)
                if end.code == CLAIMED:
                    elsewhere.append(run)
                    continue
                _settle(study, run, end, before)
                status = study.status(run)
                say(_record(study, run, status.state, status.reason))
    finally:
        launcher.stop()
    return summarize(study, len(elsewhere))


def summarize(study: Study, elsewhere: int = 0) -> Summary:
    """Where all runs stand now."""
    states = Counter(study.status(run).state for run in study.runs)
    return Summary(dict(states), len(study.runs), elsewhere)


def _is_due(status: Status, retry: bool) -> bool:
    return status.state not in FINISHED or (retry and status.state == "failed")


def _settle(study: Study, run: Run, end: Exit, before: int) -> None:
    """Record a worker that ended without saying how its run did.

    Args:
        study: whose run.
        run: which.
        end: how the worker ended.
        before: attempts before this one: a retried run has the status of its last one until its
            worker has begun.
    """
    folder = study.path(run)
    with claim(folder) as mine:
        status = read_status(folder)
        silent = end.code != 0 and status.attempts == before
        if mine and (status.state not in FINISHED or silent):
            host = status.host or socket.gethostname()
            attempts = max(1, status.attempts + silent)
            write_status(folder, Status("failed", end.describe(), attempts, host, status.pid))


def _record(study: Study, run: Run, state: str, reason: str = "") -> RunRecord:
    finished = sum(study.status(r).state in FINISHED for r in study.runs)
    record = RunRecord(run=run.id, state=state, finished=finished, total=len(study.runs))
    if reason:
        record["reason"] = reason
    return record
