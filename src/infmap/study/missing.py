"""Runs without a result, by name, with the hours they need."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from infmap.study.grid import Run
from infmap.study.study import Study
from infmap.study.training_log import TRAINING_LOG, read_training_log


@dataclass(frozen=True)
class Missing:
    """A run that has no result yet.

    Attributes:
        run: which.
        state: see ``Status``.
        reason: why it failed or diverged.
        hours: of training it needs; None where none has begun.
        from_runs: the runs whose training times it is the median of, in words.
    """

    run: Run
    state: str
    reason: str
    hours: float | None
    from_runs: str


def missing_runs(study: Study) -> list[Missing]:
    """Every run without a result, in the study's order.

    Its hours are those at its own pace where it has begun, else the median of the runs like it
    that are done or have begun: the decoder costs more than the encoder, and it more than the
    regime.
    """
    times = {run: hours for run in study.runs if (hours := _hours(study, run)) is not None}
    return [
        Missing(run, status.state, status.reason, *_hours_of_runs_like(run, times))
        for run in study.runs
        if study.result(run) is None and (status := study.status(run))
    ]


def projected_seconds(study: Study, run: Run) -> float | None:
    """Seconds that all of a run's training takes at the pace it had, from its log.

    Returns:
        None where it has not said its pace yet.
    """
    timing = study.timing(run)
    if "projected_s" in timing:  # collected: the log stayed where it was
        return timing["projected_s"]
    try:
        said = [r for r in read_training_log(study.path(run) / TRAINING_LOG) if "films_per_s" in r]
    except OSError:
        return None
    if not said:
        return None
    training = study.config.training
    films = said[-1]["steps"] * training.batch_size * training.micro_batches
    return round(films / statistics.median(record["films_per_s"] for record in said), 1)


def _hours(study: Study, run: Run) -> float | None:
    done = study.result(run) is not None
    seconds = study.timing(run).get("train_s") if done else projected_seconds(study, run)
    return seconds / 3600.0 if seconds else None


def _hours_of_runs_like(run: Run, times: dict[Run, float]) -> tuple[float | None, str]:
    if run in times:
        return times[run], "its own pace"
    decoder = {other: h for other, h in times.items() if other.decoder == run.decoder}
    encoder = {other: h for other, h in times.items() if other.encoder == run.encoder}
    for words, known in (
        ("of the same decoder and encoder", decoder.keys() & encoder.keys()),
        ("of the same decoder and regime", _of_regime(run, decoder)),
        ("of the same decoder", decoder.keys()),
        ("of the same encoder and regime", _of_regime(run, encoder)),
        ("of the same encoder", encoder.keys()),
        ("of other networks", times.keys()),
    ):
        if known:
            return statistics.median(times[other] for other in known), f"{len(known)} {words}"
    return None, ""


def _of_regime(run: Run, times: dict[Run, float]) -> set[Run]:
    return {other for other in times if other.frozen == run.frozen}
