"""The study's report: one page that opens offline, and its tables as CSV and LaTeX."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment

from infmap.core.files import write_text
from infmap.study.films import FilmTable
from infmap.study.grid import Run
from infmap.study.latex import write_latex
from infmap.study.published import PUBLISHED
from infmap.study.splits import EXTERNAL, HELD_OUT
from infmap.study.study import FILMS, TIMING, Study, read_csv, read_json, write_csv
from infmap.study.tables import activation_rows, pooled_rows

Row = dict[str, Any]

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


def _tables(study: Study, done: Sequence[tuple[Run, Row]]) -> list[Row]:
    maps = [(run.id, result.get("metrics", {})) for run, result in done if not run.classifier]
    every = [(run.id, result.get("metrics", {})) for run, result in done]
    pooled = [(row["run"], _nested(row)) for row in pooled_rows(study)]
    out = [
        _table("segmentation", "Infection, held-out films", SEGMENTATION, maps),
        _table("detection", "COVID-19 by the class, held-out films", DETECTION, every),
        _table("map-detection", "COVID-19 by any pixel of the map", MAP_DETECTION, maps),
        _table("share", "Infected share of the lungs", SHARE, maps),
        _table("pooled-segmentation", "Infection, pooled over folds", SEGMENTATION, pooled),
        _table("pooled-detection", "COVID-19, pooled over folds", DETECTION, pooled),
    ]
    sources = sorted({source for _, result in done for source in result.get("external", {})})
    for source in sources:
        rows = [(run.id, result["external"].get(source, {})) for run, result in done]
        name, title = f"external-{source}", f"{source}: not learnt from"
        out.append(_table(f"{name}-segmentation", f"{title}, infection", SEGMENTATION, rows))
        out.append(_table(f"{name}-detection", f"{title}, COVID-19", DETECTION, rows))
    activations = [
        (f"{row['method']}: {row['run']} / {row.get('against', 'no network')}", _nested(row))
        for row in activation_rows(study, done)
    ]
    out.append(_table("activation-maps", "Activation maps", ACTIVATION, activations))
    return [table for table in out if table["rows"]]


def _table(
    name: str, title: str, columns: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, Any]]]
) -> Row:
    """Columns that no run has a figure for are left out, and so are runs without any figure."""
    kept = {
        key: text
        for key, text in columns.items()
        if any((figures.get(key) or {}).get("value") is not None for _, figures in rows)
    }
    shown = [
        {"name": label, "figures": {key: figures.get(key) for key in kept}}
        for label, figures in rows
        if any((figures.get(key) or {}).get("value") is not None for key in kept)
    ]
    return {"name": name, "title": title, "columns": kept, "rows": shown}


def _nested(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Figures of a flat row of results.csv."""
    return {
        key: {"value": row[key], "low": row.get(f"{key}_low"), "high": row.get(f"{key}_high")}
        for key in row
        if f"{key}_low" in row
    }


def _flat(row: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    out: Row = {}
    for key in columns:
        figure = row["figures"].get(key) or {}
        out |= {key: figure.get("value"), f"{key}_low": figure.get("low")}
        out[f"{key}_high"] = figure.get("high")
    return out


def _held_out(study: Study, run: Run) -> FilmTable:
    return FilmTable.of(read_csv(study.path(run) / FILMS)).part(HELD_OUT)


def _figures(study: Study, done: Sequence[tuple[Run, Row]], tables: Sequence[Row]) -> Row:
    from infmap.study import figures

    out: Row = {"panels": [], "share": []}
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
        key=lambda pair: -_value(pair[1], "infection_f1"),
    )
    for run, _ in ranked[:4]:
        file = study.path(run) / "panel.npz"
        if file.exists():
            out["panels"].append({"name": run.id, "picture": figures.panel(file)})
        part = _held_out(study, run).known("infected_share_true", "infected_share_predicted")
        if len(part) >= 3:
            picture = figures.bland_altman(part, study.config.draws)
            out["share"].append({"name": run.id, "picture": picture})
    speeds = [row for run, result in ranked if (row := _speed(study, run, result))]
    if speeds:
        out["frontier"] = figures.frontier(speeds)
    gaps = [row for row in activation_rows(study, done) if "f1_gap" in row]
    if gaps:
        out["gaps"] = figures.gaps(gaps)
    return out


def _value(result: Mapping[str, Any], name: str) -> float:
    value = (result.get("metrics", {}).get(name) or {}).get("value")
    return -1.0 if value is None else float(value)


def _speed(study: Study, run: Run, result: Mapping[str, Any]) -> Row | None:
    timing = read_json(study.path(run) / TIMING) or {}
    figure = result.get("metrics", {}).get("infection_f1") or {}
    key = "openvino_ms" if "openvino_ms" in timing else "torch_ms"
    if key not in timing or figure.get("value") is None:
        return None
    f1 = float(figure["value"])
    low, high = (f1 if figure[end] is None else figure[end] for end in ("low", "high"))
    runtime = "OpenVINO on the CPU" if key == "openvino_ms" else "torch"
    return {"name": run.id, "decoder": run.decoder, "frozen": run.frozen, "ms": timing[key],
            "f1": f1, "low": low, "high": high, "runtime": runtime}  # fmt: skip


def _confusions(study: Study, done: Sequence[tuple[Run, Row]]) -> list[Row]:
    """Film counts of the decision, held-out films and each external source apart."""
    out = []
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


def _networks(study: Study, done: Sequence[tuple[Run, Row]]) -> list[Row]:
    return [
        {
            "name": run.id,
            **result.get("size", {}),
            **result.get("budget", {}),
            **(read_json(study.path(run) / TIMING) or {}),
        }
        for run, result in done
    ]


def _environments(study: Study, done: Sequence[tuple[Run, Row]]) -> list[str]:
    lines = set()
    for run, _ in done:
        values = read_json(study.path(run) / "environment.json") or {}
        packages = ", ".join(f"{k} {v}" for k, v in (values.get("packages") or {}).items())
        where = values.get("gpu") or values.get("processor") or "unknown processor"
        lines.add(f"{where}; Python {values.get('python')}; {packages}")
    return sorted(lines)


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(figure=figure, interval=interval, count=count)
    return environment


def figure(value: Mapping[str, Any] | None) -> str:
    """A figure with three decimals; a dash where there is none."""
    if not value or value.get("value") is None or math.isnan(value["value"]):
        return "\N{EN DASH}"
    return f"{value['value']:.3f}"


def interval(value: Mapping[str, Any] | None) -> str:
    """Its interval, or nothing."""
    low, high = ((value or {}).get(end) for end in ("low", "high"))
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
