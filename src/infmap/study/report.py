"""The study's report: one page that opens offline, and its tables as CSV and LaTeX."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup, escape

from infmap.core.files import write_text
from infmap.study.grid import Run
from infmap.study.latex import latex_text, write_latex
from infmap.study.pages import TextTable, open_pages
from infmap.study.pictures import Figures, draw_figures, number, write_pictures
from infmap.study.records import Interval, Line, Machine, Result, Row, Table
from infmap.study.study import ENVIRONMENT, Study, read_record, write_csv
from infmap.study.tables import activation_rows, pooled_rows

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


def write_report(study: Study, texts: Sequence[TextTable]) -> Path:
    """Write STUDY/report: report.html, and every table as CSV and LaTeX.

    Args:
        study: its tables are made from the runs that are done; the rest is listed.
        texts: its ``paper_tables``.

    Returns:
        The page.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: a run's table of films cannot be read.
    """
    folder = study.folder / "report"
    folder.mkdir(parents=True, exist_ok=True)
    done = [(run, result) for run in study.runs if (result := study.result(run)) is not None]
    activations = activation_rows(study, [p for p in done if not study.repeats(p[0])])
    tables = _tables(study, done, activations)
    for text in texts:
        write_csv(folder / f"paper-{text.name}.csv", text.records(), text.head)
        write_text(folder / f"paper-{text.name}.tex", latex_text(text.title, text.head, text.rows))
    pages = open_pages(study)
    drawn = draw_figures(pages, activations) if pages else Figures(panels=[], share=[])
    write_pictures(drawn, folder)
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
            texts=texts,
            figures=drawn,
            environments=_environments(study, done),
        )
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _tables(
    study: Study, done: Sequence[tuple[Run, Result]], activations: Sequence[Row]
) -> list[Table]:
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
    maps_of = [
        (f"{r['source']}, {r['method']}: {r['run']} / {r.get('against', 'no network')}", _nested(r))
        for r in activations
    ]
    out.append(_table("activation-maps", "Activation maps", ACTIVATION, maps_of))
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
            "value": number(row[key]),
            "low": number(row[f"{key}_low"]),
            "high": number(row.get(f"{key}_high")),
        }
        for key in row
        if f"{key}_low" in row
    }


def _flat(row: Line, columns: Mapping[str, str]) -> Row:
    out: Row = {}
    for key in columns:
        figure = row["figures"].get(key) or Interval(value=None, low=None, high=None)
        out |= {key: figure["value"], f"{key}_low": figure["low"], f"{key}_high": figure["high"]}
    return out


def _environments(study: Study, done: Sequence[tuple[Run, Result]]) -> list[str]:
    lines = set()
    for run, _ in done:
        values = read_record(study.path(run) / ENVIRONMENT, Machine)
        packages = ", ".join(f"{k} {v}" for k, v in (values.get("packages") or {}).items())
        where = values.get("gpu") or values.get("processor") or "unknown processor"
        lines.add(f"{where}; Python {values.get('python')}; {packages}")
    return sorted(lines)


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(figure=figure, interval=interval, split_interval=split_interval)
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


def split_interval(text: str) -> Markup:
    """A cell of text, its interval in small print below."""
    value, bracket, rest = text.partition(" [")
    if not bracket or not rest.endswith("]"):
        return escape(text)
    return Markup("{}<small>{}</small>").format(value, rest[:-1].replace(", ", " to "))
