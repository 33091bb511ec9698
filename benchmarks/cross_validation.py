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

import numpy as np
from external import read
from external_tables import nested

from infmap.catalog.groups import film_groups
from infmap.catalog.snapshot import read_scores
from infmap.study.by_source import LEFT_OUT, ScoredFilms, figures
from infmap.study.evaluation import evaluate
from infmap.study.films import FilmTable
from infmap.study.records import FilmRow
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
    parser.add_argument("--cache", type=Path, help="keeps what networks said, by checksum")
    given = parser.parse_args()
    config = read_config(given.config)
    if given.fold is not None:
        train_fold(config, given.fold, given.out / f"fold-{given.fold}")
        return
    rows, _ = read_rows(config.snapshot)
    groups = dict(zip((r["film_id"] for r in rows), film_groups(rows), strict=True))
    found: list[FilmRow] = []
    folds: list[str] = []
    for fold in range(given.folds):
        folder = given.out / f"fold-{fold}"
        train_fold(config, fold, folder)
        for manifest, outputs in read(folder, config.snapshot, held_out(rows, fold), given.cache):
            at = manifest.thresholds, manifest.detection
            found += evaluate(outputs, *at, groups, LEFT_OUT)
            folds += [str(fold)] * len(outputs)
    films = ScoredFilms(FilmTable.of(found), np.array(folds), np.zeros(len(found), np.bool_))
    result = {
        "folds": given.folds,
        "figures": nested(figures(films, read_scores(config.snapshot))),
    }
    text = json.dumps(result, indent=2)
    print(text)
    (given.out / "accuracy.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
