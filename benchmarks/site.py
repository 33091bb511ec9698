"""What a site's own calibration brings, with each external source in the part of a site.

    python benchmarks/site.py SNAPSHOT A=MODEL B=MODEL --cache FOLDER [--seeds 20] [--aim 0.95]

configs/external.yaml (--design) says what the model of each fold was not trained on; every site is
read by one model that saw neither it nor a copy of it. Films are read as ``external.py`` reads
them, in network pixels and without the quality gate; FOLDER keeps what the networks said. Then, for
every seed, 20 healthy patients are drawn (and 20 with COVID-19 for the calibration with labels), a
calibration is fitted, and all other films of the site are scored. Given are means over seeds, with
the 2.5th and 97.5th percentile of the seeds.

ChestX-ray14 and the Radiography database have healthy films only: films of General Blockchain and
of COVID-CXNet, left out by the same model, stand in for COVID-19 there, so their sensitivity is
that on another hospital's films. Cohen has next to no healthy films: those of other diagnoses stand
in their place. General Blockchain alone has too few of both.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from external import DESIGN, read

from infmap.api import model_folder
from infmap.catalog.groups import film_groups
from infmap.catalog.rows import Film
from infmap.inference import read_manifest
from infmap.metrics import brier, ece
from infmap.site import supported_specificity
from infmap.site.calibration import fit_odds
from infmap.site.films import log_odds
from infmap.study.external import External, is_of, left_out, read_external
from infmap.training.calibration import unseen
from infmap.training.origins import training_films
from infmap.training.snapshot import read_rows


class Site(NamedTuple):
    """Films of one site: the fold whose model reads them, and which are healthy or COVID-19."""

    fold: str
    healthy: str
    covid19: str
    label: str
    """What makes a film healthy: ``normal``, or ``covid19`` where it is 0."""


VAL = "covid-qu-ex val"
SITES = {
    "ChestX-ray14": Site("A", "chestxray14", "general-blockchain", "normal"),
    "Radiography": Site("B", "covid19-radiography", "covid-cxnet", "normal"),
    "Cohen": Site("B", "cohen", "cohen", "covid19"),
    "COVID-QU-Ex Val, fold A": Site("A", VAL, VAL, "normal"),
    "COVID-QU-Ex Val, fold B": Site("B", VAL, VAL, "normal"),
}
HEALTHY = SICK = 20
Films = dict[str, np.ndarray]


def probabilities(
    design: External, models: dict[str, Path], snapshot: Path, cache: Path | None
) -> Films:
    """Probability, fold, source, patient and labels of every film of the sites."""
    rows, _ = read_rows(snapshot)
    groups = dict(zip((row["film_id"] for row in rows), film_groups(rows), strict=True))
    found: list[dict[str, Any]] = []
    for fold in design.folds:
        validation = [row for row in rows if _source(row) == VAL]
        trained_on = training_films(models[fold.name])
        # Two lists, so that the outputs are those that external.py keeps.
        for members in (unseen(validation, rows, trained_on), left_out(rows, fold)):
            for manifest, outputs in read(models[fold.name], snapshot, members, cache):
                findings = outputs.findings(manifest.thresholds, manifest.detection)
                for row, finding in zip(outputs.films.rows, findings, strict=True):
                    # PCR-positive patients without visible infection are neither healthy nor sick.
                    if is_of(row, design.known_empty):
                        continue
                    names = ("covid19", "normal")
                    labels = {k: -1 if row[k] is None else int(row[k]) for k in names}
                    about = {"fold": fold.name, "source": _source(row)}
                    about["group"] = groups[row["film_id"]]
                    found.append({"probability": finding.probability, **about, **labels})
    return {name: np.array([film[name] for film in found]) for name in found[0]}


def _source(row: Film) -> str:
    """A film's source, with the published split of COVID-QU-Ex."""
    split = row["official_split"] if row["source"] == "covid-qu-ex" else None
    return " ".join(filter(None, (row["source"], split)))


def of_site(films: Films, name: str) -> Films:
    """Films of one site: healthy and COVID-19 ones."""
    fold, clear, sick, label = SITES[name]
    mine = films["fold"] == fold
    healthy = mine & (films["source"] == clear)
    healthy &= (films["normal"] == 1) if label == "normal" else (films["covid19"] == 0)
    keep = healthy | (mine & (films["source"] == sick) & (films["covid19"] == 1))
    groups = np.unique(films["group"][keep], return_inverse=True)[1].reshape(-1)
    return {
        "odds": log_odds(films["probability"][keep].astype(float)),
        "healthy": healthy[keep],
        "groups": groups,
    }


def played(site: Films, point: float, aim: float, seed: int, labels: bool) -> dict[str, float]:
    """One draw of calibration films, and the figures of all others."""
    random = np.random.default_rng(seed)
    healthy, groups, odds = site["healthy"], site["groups"], site["odds"]
    drawn = random.permutation(np.unique(groups[healthy]))[:HEALTHY]
    used = healthy & np.isin(groups, drawn)
    if labels:
        drawn = random.permutation(np.unique(groups[~healthy & ~np.isin(groups, drawn)]))[:SICK]
        used |= ~healthy & np.isin(groups, drawn)
    covid19 = np.where(healthy, 0, 1).astype(np.int8)
    fitted = fit_odds(odds[used], covid19[used], healthy[used], groups[used], point, aim)
    rest = ~np.isin(groups, groups[used])
    found: dict[str, float] = {"bound": supported_specificity(HEALTHY, aim)}
    for when, z, at in (
        ("before", odds, point),
        ("after", fitted.slope * odds + fitted.intercept, fitted.point),
    ):
        p = 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0)))
        found[f"specificity {when}"] = float((p < at)[rest & healthy].mean())
        found[f"sensitivity {when}"] = float((p >= at)[rest & ~healthy].mean())
        found[f"brier {when}"] = brier(~healthy[rest], p[rest])
        found[f"ece {when}"] = ece(~healthy[rest], p[rest])
    return found


def summary(draws: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Mean over seeds, and the 2.5th and 97.5th percentile."""
    rows = list(draws)
    held = [row["specificity after"] >= row["bound"] for row in rows]
    figures: dict[str, Any] = {"bound held": round(float(np.mean(held)), 2)}
    for name in (name for name in rows[0] if name != "bound"):
        values = np.array([row[name] for row in rows])
        ends = np.quantile(values, (0.025, 0.975))
        figures[name] = [round(float(v), 3) for v in (values.mean(), *ends)]
    return figures


def main() -> None:
    """Play every site and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("models", nargs="+", metavar="FOLD=MODEL")
    parser.add_argument("--design", type=Path, default=DESIGN, help="what each fold leaves out")
    parser.add_argument("--cache", type=Path, help="of external.py: what networks said")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--aim", type=float, default=0.95)
    given = parser.parse_args()
    design = read_external(given.design)
    pairs = (text.partition("=") for text in given.models)
    models = {name: model_folder(folder) for name, _, folder in pairs}
    if set(models) != {fold.name for fold in design.folds}:
        parser.error(f"expected one model a fold: {[fold.name for fold in design.folds]}")
    films = probabilities(design, models, given.snapshot, given.cache)
    points = {name: read_manifest(folder).thresholds.covid for name, folder in models.items()}
    for name in SITES:
        site, point = of_site(films, name), points[SITES[name].fold]
        counts = int(site["healthy"].sum()), int((~site["healthy"]).sum())
        for labels in (False, True):
            draws = (played(site, point, given.aim, s, labels) for s in range(given.seeds))
            line = {"site": name, "healthy": counts[0], "covid19": counts[1], "labels": labels}
            sys.stdout.write(json.dumps(line | summary(draws)) + "\n")


if __name__ == "__main__":
    main()
