"""The study's tables, made again from the runs' own files: the same whatever was killed when.

results.csv holds nothing that depends on the clock; that is in timing.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from infmap import metrics
from infmap.metrics import Difference
from infmap.study.films import FilmTable, figures_by_set
from infmap.study.grid import Run
from infmap.study.records import ActivationFigures, Interval, Result, Row, Speeds
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.study.study import Study, write_csv

RESULTS, POOLED, TIMES, ACTIVATION = (
    "results.csv",
    "pooled.csv",
    "timing.csv",
    "activation_maps.csv",
)


def write_tables(study: Study) -> Path:
    """Write results.csv, timing.csv, and, where there is something to say, the other two.

    Returns:
        The file of results.csv.
    """
    done = [(run, result) for run in study.runs if (result := study.result(run)) is not None]
    write_csv(study.folder / RESULTS, [_result_row(r, v) for r, v in done], ("run", *KEYS))
    timed = (study.speeds() or Speeds()).get("networks", {})
    times = [
        {**_keys(run), **study.timing(run), "ms": timed[run.id]["ms"] if run.id in timed else None}
        for run, _ in done
    ]
    write_csv(study.folder / TIMES, times, ("run", *KEYS))
    for name, rows in ((POOLED, pooled_rows(study)), (ACTIVATION, activation_rows(study, done))):
        if rows:
            write_csv(study.folder / name, rows)
        else:
            (study.folder / name).unlink(missing_ok=True)
    return study.folder / RESULTS


KEYS = ("decoder", "encoder", "frozen", "fold", "seed")


def _keys(run: Run) -> Row:
    return {"run": run.id, **{name: getattr(run, name) for name in KEYS}}


def spread(figures: Mapping[str, Interval], prefix: str = "") -> Row:
    """Figures as name, name_low, name_high."""
    row: Row = {}
    for name, figure in figures.items():
        row[f"{prefix}{name}"] = figure["value"]
        row[f"{prefix}{name}_low"], row[f"{prefix}{name}_high"] = figure["low"], figure["high"]
    return row


def _result_row(run: Run, result: Result) -> dict[str, object]:
    row: Row = {**_keys(run), **spread(result.get("metrics", {}))}
    inside = result.get("held_out", {})
    for source, figures in inside.items() if len(inside) > 1 else ():
        row |= spread(figures, f"held_out_{source}_")
    for source, figures in result.get("external", {}).items():
        row |= spread(figures, f"external_{source}_")
    if chosen := result.get("thresholds"):
        row |= {"threshold_infection": chosen["infection"], "threshold_covid": chosen["covid"],
                "threshold_chosen_on": chosen["chosen_on"]}  # fmt: skip
    return {**row, **result.get("size", {}), **result.get("budget", {})}


def pooled_rows(study: Study) -> list[Row]:
    """One row per network and seed over all folds: each film scored by the run that held it out.

    Only for the scheme 'folds', with more than one fold, where all folds are done.
    """
    if study.config.split.scheme != "folds" or len(study.folds) < 2:
        return []
    cells: dict[tuple[str, int], list[Run]] = {}
    for run in study.runs:
        cells.setdefault((run.cell, run.seed), []).append(run)
    rows = []
    for runs in cells.values():
        if all(study.status(run).state == "done" for run in runs):
            films = FilmTable.joined([study.films(run).part(HELD_OUT) for run in runs])
            figures = figures_by_set(films, study.config.draws)["metrics"]
            first = runs[0]
            name = f"{first.cell}-pooled-seed{first.seed}"
            rows.append({**_keys(first), "run": name, "fold": "pooled", **spread(figures)})
    return rows


def activation_rows(study: Study, done: Iterable[tuple[Run, Result]]) -> list[Row]:
    """One row per classifier, method, source and segmentation run of the same encoder."""
    done = list(done)
    return [
        row
        for run, result in done
        for method, figures in result.get("activation_maps", {}).items()
        if "held_out" in figures  # one of scoring version 1 has to be scored again
        for row in _method_rows(study, done, run, method, figures)
    ]


def _method_rows(
    study: Study,
    done: Sequence[tuple[Run, Result]],
    run: Run,
    method: str,
    figures: ActivationFigures,
) -> Iterator[Row]:
    partners = [r for r, _ in done if not r.classifier and same_base(r, run)]
    maps = study.films(run, method)
    for part, by_source in ((HELD_OUT, figures["held_out"]), (EXTERNAL, figures["external"])):
        for source, found in by_source.items():
            row: Row = {**_keys(run), "method": method, "source": source, "set": part,
                        "threshold": figures["threshold"], **spread(found)}  # fmt: skip
            mine = maps.part(part, source)
            for other in partners:
                gap = f1_gap(study.films(other).part(part, source), mine, study.config.draws)
                yield {**row, "against": other.id, **gap}
            if not partners:
                yield row


def f1_gap(segmentation: FilmTable, activation: FilmTable, draws: int) -> Row:
    """Pooled F1 of a segmentation run minus that of activation maps, paired on their films."""
    gap = paired_f1(segmentation, activation, draws)
    if gap is None:
        return {}
    return {"f1_gap": gap.value, "f1_gap_low": gap.low, "f1_gap_high": gap.high,
            "f1_gap_p": gap.p, "f1_gap_films": gap.n}  # fmt: skip


def paired_f1(first: FilmTable, second: FilmTable, draws: int) -> Difference | None:
    """Pooled F1 of first minus second on the films of both; None where they share none."""
    first, second = paired(first.known("tp"), second.known("tp"))
    if not len(first):
        return None
    bootstrap = metrics.Bootstrap(first.text["group"], draws)
    return metrics.compare_segmentation(first.counts, second.counts, bootstrap)["f1"]


def paired(first: FilmTable, second: FilmTable) -> tuple[FilmTable, FilmTable]:
    """The films that both tables hold, in one order."""
    _, i, j = np.intersect1d(first.text["film_id"], second.text["film_id"], return_indices=True)
    return first.where(i), second.where(j)


def same_base(one: Run, other: Run) -> bool:
    """Whether two runs differ in nothing but the decoder."""
    names = ("encoder", "frozen", "fold", "seed")
    return all(getattr(one, name) == getattr(other, name) for name in names)
