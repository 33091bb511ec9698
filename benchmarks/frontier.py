"""The shipped model among the networks of a study: accuracy over time a film, as a plot.

    python benchmarks/frontier.py STUDY ACCURACY -o docs/study [--rounds 5]

STUDY: after ``infmap study run``; its exported networks are timed. ACCURACY: figures.json that
``benchmarks/external.py score`` wrote of the shipped model. All networks are timed in one process,
film by film, taking turns, on OpenVINO with all cores; each keeps its own input size and number
format. Writes frontier.csv and frontier.svg.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

import infmap
from infmap.core.spreadsheet import cell
from infmap.inference.manifest import read_manifest
from infmap.inference.runtimes import open_runtime
from infmap.study.figures import draw_frontier

COLUMNS = ("name", "decoder", "size", "precision", "parameters", "ms", "f1", "low", "high")


def study_rows(study: Path) -> list[dict[str, Any]]:
    """Runs with an infection map: their figures and folders."""
    with (study / "results.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["infection_f1"]]
    return [
        {
            "name": f"{row['decoder']} {row['encoder']}",
            "decoder": row["decoder"],
            "parameters": int(row["parameters"]),
            "f1": float(row["infection_f1"]),
            "low": float(row["infection_f1_low"]),
            "high": float(row["infection_f1_high"]),
            "folder": study / "runs" / row["run"],
        }
        for row in rows
    ]


def shipped_row(accuracy: Path) -> dict[str, Any]:
    """The shipped model, its figures as its accuracy file states them."""
    figures = json.loads(accuracy.read_text(encoding="utf-8"))["figures"]
    value, low, high, _ = next(v for k, v in figures.items() if k.startswith("validation"))[
        "pooled F1"
    ]
    folder = Path(infmap.__file__).parent / "weights" / "infmap-lite0"
    return {"name": "shipped infmap-lite0", "decoder": "shipped", "parameters": None,
            "f1": value, "low": low, "high": high,
            "folder": folder}  # fmt: skip


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
    parser.add_argument("accuracy", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    matplotlib.use("Agg")
    rows = [*study_rows(given.study), shipped_row(given.accuracy)]
    milliseconds(rows, given.rounds)
    rows.sort(key=lambda row: row["ms"])
    with (given.out / "frontier.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: cell(value) for name, value in row.items()})
    draw_frontier([row | {"frozen": False, "runtime": "OpenVINO"} for row in rows]).savefig(
        given.out / "frontier.svg", bbox_inches="tight"
    )
    for row in rows:
        print(f"{row['name']:32} {row['ms']:7.2f} ms  F1 {row['f1']:.3f}")


if __name__ == "__main__":
    main()
