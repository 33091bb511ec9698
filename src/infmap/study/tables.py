"""The study's tables, made again from the runs' own files: the same whatever was killed when.

results.csv holds nothing that depends on the clock; that is in timing.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from infmap import metrics
from infmap.study.films import FilmTable, figures_by_set, films_file
from infmap.study.grid import Run
from infmap.study.records import ActivationFigures, Interval, Result, Row
from infmap.study.study import FILMS, Study, read_csv, write_csv

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
    times = [{**_keys(run), **study.timing(run)} for run, _ in done]
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
            films = [film for run in runs for film in read_csv(study.path(run) / FILMS)
                     if film["set"] == "held-out"]  # fmt: skip
            figures = figures_by_set(films, study.config.draws)["metrics"]
            first = runs[0]
            name = f"{first.cell}-pooled-seed{first.seed}"
            rows.append({**_keys(first), "run": name, "fold": "pooled", **spread(figures)})
    return rows


def activation_rows(study: Study, done: Iterable[tuple[Run, Result]]) -> list[Row]:
    """One row per classifier, method and segmentation run of the same encoder."""
    done = list(done)
    rows = []
    for run, result in done:
        for method, figures in (result.get("activation_maps") or {}).items():
            if not figures:
                continue
            row: Row = {**_keys(run), "method": method, "threshold": figures["threshold"],
                   **spread(figures["segmentation"]), **_localization(figures)}  # fmt: skip
            films = study.path(run) / films_file(method)
            partners = [r for r, _ in done if not r.classifier and _same_base(r, run)]
            for other in partners:
                gap = f1_gap(study.path(other) / FILMS, films, study.config.draws)
                rows.append({**row, "against": other.id, **gap})
            if not partners:
                rows.append(row)
    return rows


def f1_gap(segmentation: Path, activation: Path, draws: int) -> Row:
    """Pooled F1 of a segmentation run minus that of activation maps, paired on their films."""
    first = FilmTable.of(read_csv(segmentation)).known("tp")
    second = FilmTable.of(read_csv(activation)).known("tp")
    first, second = paired(first, second)
    if not len(first):
        return {}
    gaps = metrics.compare_segmentation(
        first.counts, second.counts, metrics.Bootstrap(first.text["group"], draws)
    )
    gap = gaps["f1"]
    return {"f1_gap": gap.value, "f1_gap_low": gap.low, "f1_gap_high": gap.high,
            "f1_gap_p": gap.p, "f1_gap_films": gap.n}  # fmt: skip


def paired(first: FilmTable, second: FilmTable) -> tuple[FilmTable, FilmTable]:
    """The films that both tables hold, in one order."""
    import numpy as np

    _, i, j = np.intersect1d(first.text["film_id"], second.text["film_id"], return_indices=True)
    return first.where(i), second.where(j)


def _same_base(one: Run, other: Run) -> bool:
    names = ("encoder", "frozen", "fold", "seed")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _localization(figures: ActivationFigures) -> Row:
    found = figures["localization"]
    of = {"energy_in_infection": found["energy_in_infection"],
          "energy_in_lungs": found["energy_in_lungs"], "pointing": found["pointing"]}  # fmt: skip
    return spread({name: figure for name, figure in of.items() if figure})
