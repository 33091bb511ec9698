"""Accuracy on films of sources and patients that the model did not learn from.

    python benchmarks/cross_validation.py CONFIG -o FOLDER [--folds 5] [--fold K]

Trains the configuration once a fold, leaving out the fold's films (by patient and near-duplicate
cluster) of every source without official splits, and scores each film by the model that has not
seen it. Operating points are chosen on covid-qu-ex Val. Killed and called again, it goes on.
The weights that the configuration starts from must not have seen those films either.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import reduce
from pathlib import Path

import numpy as np
from accuracy import LUNG_SOURCES, Figures, Scored, figures, score

from infmap.catalog.snapshot import read_scores
from infmap.inference import Predictor
from infmap.training.config import TrainingConfig, read_config
from infmap.training.dataset import join_films, load_films
from infmap.training.run import held_out, is_finished, read_rows, run


def train_fold(config: TrainingConfig, fold: int, folder: Path) -> None:
    """Train the model that does not see a fold, unless it is there."""
    if not is_finished(folder):
        hold_out = config.hold_out.model_copy(update={"fold": fold})
        run(config.model_copy(update={"hold_out": hold_out}), folder, _say)


def joined(parts: list[Scored]) -> Scored:
    """Films scored by different models as one set."""
    return Scored(
        reduce(join_films, [p.films for p in parts]),
        np.concatenate([p.maps for p in parts]),
        np.concatenate([p.probability for p in parts]),
    )


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
    points = []
    for fold in range(given.folds):
        folder = given.out / f"fold-{fold}"
        train_fold(config, fold, folder)
        predictor = Predictor(folder)
        spec = predictor.manifest.preprocessing
        parts.append(
            score(predictor, load_films(held_out(rows, fold), resolve, spec, LUNG_SOURCES))
        )
        points.append(predictor.manifest.thresholds)
    everything = joined(parts)
    infection = float(np.mean([p.infection for p in points]))
    covid = float(np.mean([p.covid for p in points]))
    result: Figures = {"folds": given.folds, "infection_threshold": infection, "covid": covid}
    for source in ("cohen", "radiologist", "chestxray14"):
        part = everything.part(np.array([r["source"] == source for r in everything.films.rows]))
        result[source] = figures(part, scores, infection, 0.5, covid)
    text = json.dumps(result, indent=2)
    print(text)
    (given.out / "accuracy.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
