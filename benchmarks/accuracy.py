"""Accuracy of a model folder, on the maps that users get.

    python benchmarks/accuracy.py MODEL_FOLDER SNAPSHOT [-o FILE.json]

Held-out films of the training source (covid-qu-ex Val) stand beside other sources. Films that the
model learnt from, or that share a patient or a near-duplicate with one, are left out of the other
sources, so those are unseen; a model that learnt from all has none, see cross_validation.py.
Films are scored in network pixels (256 x 256; those of covid-qu-ex are that size) by the evaluator
of studies. 95 % intervals, by patient or near-duplicate group, are those of docs/metrics.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.api import model_folder
from infmap.catalog.groups import film_groups, sharing_with
from infmap.catalog.snapshot import read_scores
from infmap.inference.manifest import Manifest, read_manifest
from infmap.study.evaluation import contradicts_itself, evaluate
from infmap.study.films import FilmTable, film_figures
from infmap.training.calibration import lung_shares, read_outputs
from infmap.training.dataset import load_films
from infmap.training.extent import Readings, fit_extent
from infmap.training.parts import Row
from infmap.training.refit import LUNG_SOURCES, training_films
from infmap.training.snapshot import EXTENT, read_rows

Figures = dict[str, Any]
FOLDS = 5
CHUNK = 512
"""Films decoded and held at once."""
CLASSES = {"COVID-19": "covid19", "other pneumonia": "pneumonia", "normal": "normal"}


@dataclass(frozen=True, eq=False)
class Scored:
    """Films with what a model folder says of them.

    Attributes:
        table: one row a film, as in a study's films.csv.
        shares: float64 (N, 2), mean opacity probability of the right and the left lung.
        contradictions: films whose result breaks a rule.
    """

    table: FilmTable
    shares: NDArray[np.float64]
    contradictions: int

    def where(self, keep: NDArray[np.bool_]) -> Scored:
        """Some of the films; contradictions are those of all."""
        return Scored(self.table.where(keep), self.shares[keep], self.contradictions)


def score(folder: Path, members: Sequence[Row], rows: list[Row], resolve: Any) -> Scored:
    """Run a model folder's network over films of a snapshot.

    Args:
        folder: the model folder.
        members: the films.
        rows: all films of the snapshot, for its groups.
        resolve: row and path column to the file.
    """
    manifest = read_manifest(folder)
    groups = dict(zip((r["film_id"] for r in rows), film_groups(rows), strict=True))
    table: list[Row] = []
    shares, wrong = [np.empty((0, 2))], 0
    for start in range(0, len(members), CHUNK):
        part = members[start : start + CHUNK]
        films = load_films(part, resolve, manifest.preprocessing, LUNG_SOURCES)
        outputs = read_outputs(folder, films)
        at = manifest.thresholds, manifest.detection
        table += evaluate(outputs, *at, groups, "scored")
        shares.append(lung_shares(outputs, *at))
        wrong += sum(contradicts_itself(found) for found in outputs.findings(*at))
    return Scored(FilmTable.of(table), np.concatenate(shares), wrong)


def joined(parts: Sequence[Scored]) -> Scored:
    """Films scored by different models as one set."""
    tables = [part.table for part in parts]
    columns = [
        {name: np.concatenate([getattr(t, kind)[name] for t in tables]) for name in of}
        for kind, of in (("text", tables[0].text), ("values", tables[0].values))
    ]
    shares = np.concatenate([part.shares for part in parts])
    return Scored(FilmTable(*columns), shares, sum(part.contradictions for part in parts))


def figures(scored: Scored, scores: list[dict[str, Any]]) -> Figures:
    """All figures of one set of films, and of each class of them."""
    found: Figures = {"films": len(scored.table), "contradictions": scored.contradictions}
    found["all"] = metrics.to_dict(film_figures(scored.table))
    for name, label in CLASSES.items():
        part = scored.table.where(scored.table.text["class"] == label)
        if len(part):
            found[name] = {"films": len(part), **metrics.to_dict(film_figures(part))}
    return found | {"severity": severity(scored, scores)}


def severity(scored: Scored, scores: list[dict[str, Any]]) -> Figures:
    """Pearson r of shares and extents with the readers' scores.

    The extent score of a film comes from a calibration on other patients' films.
    """
    readings: dict[tuple[str, str], dict[str, float]] = {}
    for row in scores:
        readings.setdefault((row["name"], row["reader"]), {})[row["film_id"]] = row["value"]
    ids, groups = scored.table.text["film_id"], scored.table.text["group"]
    truths = {
        key: np.array([values.get(film_id, np.nan) for film_id in ids])
        for key, values in sorted(readings.items())
    }
    extents = np.full(len(ids), np.nan)
    for (name, _), truth in truths.items():
        if name == EXTENT:
            extents = extents_by_others(scored.shares, truth, groups)
    figures: Figures = {}
    values = scored.table.values
    for (name, reader), truth in truths.items():
        for what, found in (
            ("infected share", values["infected_share_predicted"]),
            ("opaque share", values["opaque_share_predicted"]),
            ("extent", extents),
        ):
            known = ~np.isnan(found + truth)
            if known.sum() >= 10:
                r, (low, high) = metrics.pearson(
                    found[known], truth[known], metrics.Bootstrap(groups[known])
                )
                figures[f"{name} ({reader}) and {what}"] = [
                    int(known.sum()), round(r, 4), round(low, 4), round(high, 4),
                ]  # fmt: skip
    return figures


def extents_by_others(
    shares: NDArray[np.float64], truth: NDArray[np.float64], groups: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Extent score (N,) of each film, 0 to 8, by a calibration on films of other groups.

    NaN where too few films are scored, or a lung is missing.
    """
    group = np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(group.max(initial=0) + 1)[group] % FOLDS
    extents = np.full(len(truth), np.nan)
    for held in range(FOLDS):
        learn = fold != held
        fitted = fit_extent(
            Readings.known(shares[learn], truth[learn], groups[learn]),
            np.empty((0, 2)),
            population="other groups",
        )
        if fitted.films:
            for i in np.flatnonzero(fold == held):
                extents[i] = sum(fitted.extent(float(share)) for share in shares[i])
    return extents


def parts_of(rows: list[Row], manifest: Manifest, folder: Path) -> dict[str, list[Row]]:
    """Films to score by name: Val, and the unseen films of the other sources."""
    seen = sharing_with(rows, training_films(folder))
    val = [r for r in rows if r["source"] == "covid-qu-ex" and r["official_split"] == "val"]
    parts = {
        "covid-qu-ex val": val,
        "covid-qu-ex val, no patient or near-duplicate learnt from": [
            r for r in val if r["film_id"] not in seen
        ],
    }
    for source in ("cohen", "general-blockchain", "chestxray14"):
        parts[source] = [r for r in rows if r["source"] == source and r["film_id"] not in seen]
    return {name: members for name, members in parts.items() if members}


def main() -> None:
    """Print, and write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    folder = model_folder(given.model)
    manifest = read_manifest(folder)
    rows, resolve = read_rows(given.snapshot)
    scores = read_scores(given.snapshot)
    result: Figures = {"model": manifest.label, "trained_on": list(manifest.training.sources)}
    for name, members in parts_of(rows, manifest, folder).items():
        result[name] = figures(score(folder, members, rows, resolve), scores)
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
