"""Runs without a result, by name, with the hours they need."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from infmap.study.grid import Run
from infmap.study.study import Study


@dataclass(frozen=True)
class Missing:
    """A run that has no result yet.

    Attributes:
        run: which.
        state: see ``Status``.
        reason: why it failed or diverged.
        hours: of training it needs; None where no run is done.
        from_runs: the runs whose training times it is the median of, in words.
    """

    run: Run
    state: str
    reason: str
    hours: float | None
    from_runs: str


def missing_runs(study: Study) -> list[Missing]:
    """Every run without a result, in the study's order.

    Its hours are the median of the runs that are done: of the same encoder and regime, else of the
    same encoder, else of all.
    """
    times = {
        run: seconds / 3600.0
        for run in study.runs
        if study.result(run) is not None and (seconds := study.timing(run).get("train_s"))
    }
    return [
        Missing(run, status.state, status.reason, *_hours(run, times))
        for run in study.runs
        if study.result(run) is None and (status := study.status(run))
    ]


def _hours(run: Run, times: dict[Run, float]) -> tuple[float | None, str]:
    encoder = {other: h for other, h in times.items() if other.encoder == run.encoder}
    both = {other: h for other, h in encoder.items() if other.frozen == run.frozen}
    for words, known in (
        ("of the same encoder and regime", both),
        ("of the same encoder", encoder),
        ("of other encoders", times),
    ):
        if known:
            return statistics.median(known.values()), f"{len(known)} {words}"
    return None, ""
