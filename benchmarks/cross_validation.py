"""Accuracy on films of sources and patients that the model did not learn from.

    python benchmarks/cross_validation.py CONFIG -o FOLDER [--folds 5] [--fold K]

Trains the configuration once a fold, leaving out the fold's films (with their patients and
near-duplicates) of every source without official splits, and scores each film by the model that
has not seen it, at the operating points that this model chose on its validation films. Killed and
called again, it goes on.
The weights that the configuration starts from must not have seen those films either.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from accuracy import Figures, Scored, figures, joined, score

from infmap.catalog.snapshot import read_scores
from infmap.training.config import TrainingConfig, read_config
from infmap.training.parts import held_out
from infmap.training.run import is_finished, run
from infmap.training.snapshot import read_rows


def train_fold(config: TrainingConfig, fold: int, folder: Path) -> None:
    """Train the model that does not see a fold, unless it is there."""
    if not is_finished(folder):
        hold_out = config.hold_out.model_copy(update={"fold": fold})
        run(config.model_copy(update={"hold_out": hold_out}), folder, _say)


def _say(record: dict[str, object]) -> None:
    sys.stderr.write(json.dumps(record) + "\n")


def main() -> None:
    """Train, score, print and write the figures."""
    parser = argparse.ArgumentParser(description="accuracy by cross-validation over patients")
    parser.add_argument("config", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold", type=int, help="only train this one, to score all later")
    given = parser.parse_args()
    config = read_config(given.config)
    if given.fold is not None:
        train_fold(config, given.fold, given.out / f"fold-{given.fold}")
        return
    rows, resolve = read_rows(config.snapshot)
    scores = read_scores(config.snapshot)
    parts: list[Scored] = []
    for fold in range(given.folds):
        folder = given.out / f"fold-{fold}"
        train_fold(config, fold, folder)
        parts.append(score(folder, held_out(rows, fold), rows, resolve))
    everything = joined(parts)
    result: Figures = {"folds": given.folds}
    for source in ("cohen", "general-blockchain", "chestxray14"):
        part = everything.where(everything.table.text["source"] == source)
        if len(part.table):
            result[source] = figures(part, scores)
    text = json.dumps(result, indent=2)
    print(text)
    (given.out / "accuracy.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
