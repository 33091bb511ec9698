"""The study's report: one page that opens offline, and its tables as CSV and LaTeX."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

from jinja2 import Environment

from infmap.core.files import write_text
from infmap.study.films import FilmTable
from infmap.study.grid import Run
from infmap.study.latex import write_latex
from infmap.study.published import PUBLISHED
from infmap.study.records import Cell, Gap, Interval, Line, Machine, Result, Row, Speed, Table
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.study.study import FILMS, Study, read_csv, read_record, write_csv
from infmap.study.tables import activation_rows, pooled_rows


class Picture(TypedDict):
    """A figure of one run, as an address that a page can hold."""

    name: str
    picture: str


class Figures(TypedDict, total=False):
    """The page's figures; one that no run has the films for is absent."""

    panels: list[Picture]
    share: list[Picture]
    roc: str
    recall: str
    calibration: str
    frontier: str
    gaps: str


class ConfusionMatrix(TypedDict):
    """Film counts of one run's decision on some films."""

    name: str
    films: str
    tp: int
    fn: int
    fp: int
    tn: int


SEGMENTATION = {
    "infection_f1": "F1, pooled",
    "infection_iou": "IoU, pooled",
    "infection_sensitivity": "Sensitivity, pooled",
    "infection_precision": "Precision, pooled",
    "infection_dice_positive": "Dice a film, infected",
    "infection_dice_film": "Dice a film, all",
    "infection_nsd_positive": "Surface Dice, infected",
    "infection_false_alarm": "False alarms, healthy",
    "lungs_dice_film": "Lungs, Dice a film",
}
DETECTION = {
    "detection_sensitivity": "Sensitivity",
    "detection_specificity": "Specificity",
    "detection_precision": "Precision",
    "detection_f1": "F1",
    "detection_f2": "F2",
    "detection_accuracy": "Accuracy",
    "detection_auroc": "AUROC",
    "detection_auprc": "AUPRC",
    "detection_brier": "Brier",
    "detection_ece": "ECE",
}
MAP_DETECTION = {
    f"map_{name}": title
    for name, title in DETECTION.items()
    if name.removeprefix("detection_") in ("sensitivity", "specificity", "f1", "f2", "accuracy")
}
SHARE = {
    "share_mae": "Mean absolute error",
    "share_icc": "ICC(2,1)",
    "share_bias": "Bias",
    "share_limit_low": "Lower limit",
    "share_limit_high": "Upper limit",
}
ACTIVATION = {
    "infection_f1": "F1, pooled",
    "infection_dice_positive": "Dice a film, infected",
    "energy_in_infection": "Energy in infection",
    "pointing": "Pointing game",
    "f1_gap": "Infection map minus this, F1",
}


def write_report(study: Study) -> Path:
    """Write STUDY/report: report.html, and every table as CSV and LaTeX.

    Args:
        study: its tables are made from the runs that are done; the rest is listed.

    Returns:
        The page.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: a run's table of films cannot be read.
    """
    folder = study.folder / "report"
    folder.mkdir(parents=True, exist_ok=True)
    done = [(run, result) for run in study.runs if (result := study.result(run)) is not None]
    tables = _tables(study, done)
    for table in tables:
        rows = [{"run": r["name"], **_flat(r, table["columns"])} for r in table["rows"]]
        write_csv(folder / f"{table['name']}.csv", rows, ("run",))
        write_latex(folder / f"{table['name']}.tex", table)
    page = (
        _environment()
        .from_string(files("infmap.study").joinpath("report.html.j2").read_text("utf-8"))
        .render(
            study=study.config,
            folds=study.folds,
            written=time.strftime("%Y-%m-%d %H:%M"),
            total=len(study.runs),
            done=len(done),
            tables={table["name"]: table for table in tables},
            externals=[t for t in tables if t["name"].startswith("external-")],
            figures=_figures(study, done, tables),
            confusions=_confusions(study, done),
            networks=_networks(study, done),
            published=[asdict(p) for p in PUBLISHED],
            unfinished=[
                {"name": run.id, **asdict(status)}
                for run in study.runs
                if (status := study.status(run)).state != "done"
            ],
            environments=_environments(study, done),
        )
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _tables(study: Study, done: Sequence[tuple[Run, Result]]) -> list[Table]:
    maps: list[tuple[str, Mapping[str, Interval]]] = [
        (run.id, result.get("metrics", {})) for run, result in done if not run.classifier
    ]
    every: list[tuple[str, Mapping[str, Interval]]] = [
        (run.id, result.get("metrics", {})) for run, result in done
    ]
    pooled = [(str(row["run"]), _nested(row)) for row in pooled_rows(study)]
    out = [
        _table("segmentation", "Infection, held-out films", SEGMENTATION, maps),
        _table("detection", "COVID-19 by the class, held-out films", DETECTION, every),
        _table("map-detection", "COVID-19 by any pixel of the map", MAP_DETECTION, maps),
        _table("share", "Lung involvement, fraction of lung area", SHARE, maps),
        _table("pooled-segmentation", "Infection, pooled over folds", SEGMENTATION, pooled),
        _table("pooled-detection", "COVID-19, pooled over folds", DETECTION, pooled),
    ]
    sources = sorted({source for _, result in done for source in result.get("external", {})})
    for source in sources:
        rows = [(run.id, result["external"].get(source, {})) for run, result in done]
        name, title = f"external-{source}", f"{source}: left out of training"
        out.append(_table(f"{name}-segmentation", f"{title}, infection", SEGMENTATION, rows))
        out.append(_table(f"{name}-detection", f"{title}, COVID-19", DETECTION, rows))
    activations = [
        (f"{row['method']}: {row['run']} / {row.get('against', 'no network')}", _nested(row))
        for row in activation_rows(study, done)
    ]
    out.append(_table("activation-maps", "Activation maps", ACTIVATION, activations))
    return [table for table in out if table["rows"]]


def _table(
    name: str,
    title: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[str, Mapping[str, Interval]]],
) -> Table:
    """Columns that no run has a figure for are left out, and so are runs without any figure."""
    kept = {
        key: text
        for key, text in columns.items()
        if any(_is_known(figures.get(key)) for _, figures in rows)
    }
    shown: list[Line] = [
        {"name": label, "figures": {key: figures.get(key) for key in kept}}
        for label, figures in rows
        if any(_is_known(figures.get(key)) for key in kept)
    ]
    return {"name": name, "title": title, "columns": kept, "rows": shown}


def _is_known(figure: Interval | None) -> bool:
    return figure is not None and figure["value"] is not None


def _nested(row: Row) -> dict[str, Interval]:
    """Figures of a flat row of results.csv."""
    return {
        key: {
            "value": _number(row[key]),
            "low": _number(row[f"{key}_low"]),
            "high": _number(row.get(f"{key}_high")),
        }
        for key in row
        if f"{key}_low" in row
    }


def _number(cell: Cell) -> float | None:
    return None if cell is None else float(cell)


def _flat(row: Line, columns: Mapping[str, str]) -> Row:
    out: Row = {}
    for key in columns:
        figure = row["figures"].get(key) or Interval(value=None, low=None, high=None)
        out |= {key: figure["value"], f"{key}_low": figure["low"], f"{key}_high": figure["high"]}
    return out


def _held_out(study: Study, run: Run) -> FilmTable:
    return FilmTable.of(read_csv(study.path(run) / FILMS)).part(HELD_OUT)


def _figures(study: Study, done: Sequence[tuple[Run, Result]], tables: Sequence[Table]) -> Figures:
    from infmap.study import figures

    panels: list[Picture] = []
    shares: list[Picture] = []
    out: Figures = {"panels": panels, "share": shares}
    detected = {}
    for run, _ in done:
        part = _held_out(study, run).with_class().known("covid_probability")
        if part.covid.any() and not part.covid.all():
            detected[run.id] = part
    if detected:
        out["roc"], out["recall"] = figures.curves(detected)
        out["calibration"] = figures.calibration(detected)
    ranked = sorted(
        ((run, result) for run, result in done if not run.classifier),
        key=lambda pair: -_f1(pair[1]),
    )
    for run, _ in ranked[:4]:
        file = study.path(run) / "panel.npz"
        if file.exists():
            panels.append({"name": run.id, "picture": figures.panel(file)})
        part = _held_out(study, run).known("infected_share_true", "infected_share_predicted")
        if len(part) >= 3:
            picture = figures.bland_altman(part, study.config.draws)
            shares.append({"name": run.id, "picture": picture})
    speeds = [row for run, result in ranked if (row := _speed(study, run, result))]
    if speeds:
        out["frontier"] = figures.frontier(speeds)
    gaps = [gap for row in activation_rows(study, done) if (gap := _gap(row))]
    if gaps:
        out["gaps"] = figures.gaps(gaps)
    return out


def _f1(result: Result) -> float:
    """Pooled F1 of infection; -1 where it is not known."""
    figure = result.get("metrics", {}).get("infection_f1")
    return -1.0 if figure is None or figure["value"] is None else figure["value"]


def _speed(study: Study, run: Run, result: Result) -> Speed | None:
    timing = study.timing(run)
    figure = result.get("metrics", {}).get("infection_f1")
    deployed = timing.get("openvino_ms")
    ms = timing.get("torch_ms") if deployed is None else deployed
    if ms is None or figure is None or figure["value"] is None:
        return None
    f1 = figure["value"]
    low, high = (f1 if end is None else end for end in (figure["low"], figure["high"]))
    runtime = "torch" if deployed is None else "OpenVINO on the CPU"
    return {"name": run.id, "decoder": run.decoder, "frozen": run.frozen, "ms": ms,
            "f1": f1, "low": low, "high": high, "runtime": runtime}  # fmt: skip


def _gap(row: Row) -> Gap | None:
    f1, gap = _number(row.get("infection_f1")), _number(row.get("f1_gap"))
    if f1 is None or gap is None:
        return None
    low, high = _number(row["f1_gap_low"]), _number(row["f1_gap_high"])
    return {"label": f"{row['method']}, {row['against']}", "f1": f1, "gap": gap,
            "low": low, "high": high}  # fmt: skip


def _confusions(study: Study, done: Sequence[tuple[Run, Result]]) -> list[ConfusionMatrix]:
    """Film counts of the decision, held-out films and each external source apart."""
    out: list[ConfusionMatrix] = []
    for run, _ in done:
        table = FilmTable.of(read_csv(study.path(run) / FILMS)).with_class()
        parts = [("held-out films", table.part(HELD_OUT))]
        external = table.part(EXTERNAL)
        for source in sorted(set(external.text["source"].tolist())):
            parts.append((str(source), external.part(EXTERNAL, source)))
        for name, part in parts:
            yes = part.values["covid_detected"] > 0
            if len(part):
                out.append({
                    "name": run.id, "films": name,
                    "tp": int((part.covid & yes).sum()), "fn": int((part.covid & ~yes).sum()),
                    "fp": int((~part.covid & yes).sum()), "tn": int((~part.covid & ~yes).sum()),
                })  # fmt: skip
    return out


def _networks(study: Study, done: Sequence[tuple[Run, Result]]) -> list[dict[str, object]]:
    return [
        {
            "name": run.id,
            **result.get("size", {}),
            **result.get("budget", {}),
            **study.timing(run),
        }
        for run, result in done
    ]


def _environments(study: Study, done: Sequence[tuple[Run, Result]]) -> list[str]:
    lines = set()
    for run, _ in done:
        values = read_record(study.path(run) / "environment.json", Machine)
        packages = ", ".join(f"{k} {v}" for k, v in (values.get("packages") or {}).items())
        where = values.get("gpu") or values.get("processor") or "unknown processor"
        lines.add(f"{where}; Python {values.get('python')}; {packages}")
    return sorted(lines)


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(figure=figure, interval=interval, count=count)
    return environment


def figure(value: Interval | None) -> str:
    """A figure with three decimals; a dash where there is none."""
    found = value["value"] if value else None
    return "\N{EN DASH}" if found is None or math.isnan(found) else f"{found:.3f}"


def interval(value: Interval | None) -> str:
    """Its interval, or nothing."""
    low, high = (value["low"], value["high"]) if value else (None, None)
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{low:.3f}\N{EN DASH}{high:.3f}"


def count(value: float | None) -> str:
    """A count in millions, thousands or ones."""
    if value is None:
        return "\N{EN DASH}"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value:,.0f}"
