"""The shipped model among the networks of a study: accuracy over time a film, as a plot.

    python benchmarks/frontier.py STUDY -o docs/study [--rounds 5]

STUDY: after ``infmap study run`` and ``infmap study score STUDY --beside infmap-lite0``; its
exported networks are timed. All are timed in one process, film by film, taking turns, on OpenVINO
with all cores; each keeps its own input size and number format. Writes frontier.csv and
frontier.svg.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.core.spreadsheet import cell
from infmap.inference.manifest import read_manifest
from infmap.inference.runtimes import open_runtime
from infmap.study.figures import draw_frontier
from infmap.study.labels import run_names
from infmap.study.pages import open_pages
from infmap.study.records import Figures
from infmap.study.study import Study

COLUMNS = ("name", "decoder", "size", "precision", "parameters", "ms", "f1", "low", "high")


def networks(study: Study) -> list[dict[str, Any]]:
    """Networks with an infection map, and the shipped model: their figures and folders."""
    pages = open_pages(study)
    if pages is None:
        raise SystemExit(f"{study.folder}: no run is done")
    names = run_names(study.runs)
    rows = [
        {"name": names[run.id], "decoder": run.decoder, "frozen": run.frozen,
         "parameters": int(result["size"]["parameters"]), "folder": study.path(run),
         **f1(pages.inside(result))}
        for run, result in pages.ranked
    ]  # fmt: skip
    for beside in study.beside():
        if beside["model"].startswith(DEFAULT_MODEL):
            rows.append({"name": f"shipped {beside['model']}", "decoder": "shipped",
                         "frozen": False, "parameters": None, "folder": model_folder(),
                         **f1(beside["held_out"][pages.source])})  # fmt: skip
    return rows


def f1(figures: Figures) -> dict[str, float]:
    """Pooled F1 of infection with its interval."""
    found = figures["infection_f1"]
    return {"f1": found["value"], "low": found["low"], "high": found["high"]}


def milliseconds(rows: list[dict[str, Any]], rounds: int) -> None:
    """Time the networks in turns and note the median of each."""
    runs = []
    for row in rows:
        manifest = read_manifest(row["folder"])
        row["size"] = manifest.preprocessing.size
        row["precision"] = manifest.training.precision
        film = np.zeros((1, 1, row["size"], row["size"]), np.float32)
        runtime = open_runtime("openvino", row["folder"])
        runs.append((row, runtime, film, []))
        runtime(film)
    for _ in range(rounds):
        for _, runtime, film, times in runs:
            for _ in range(10):
                began = time.perf_counter()
                runtime(film)
                times.append(time.perf_counter() - began)
    for row, _, _, times in runs:
        row["ms"] = round(1e3 * statistics.median(times), 2)


def main() -> None:
    """Time, write the table, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    matplotlib.use("Agg")
    rows = networks(Study(given.study))
    milliseconds(rows, given.rounds)
    rows.sort(key=lambda row: row["ms"])
    with (given.out / "frontier.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: cell(value) for name, value in row.items()})
    draw_frontier([row | {"runtime": "OpenVINO"} for row in rows]).savefig(
        given.out / "frontier.svg", bbox_inches="tight"
    )
    for row in rows:
        print(f"{row['name']:36} {row['ms']:7.2f} ms  F1 {row['f1']:.3f}")


if __name__ == "__main__":
    main()
