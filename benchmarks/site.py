"""What a site's own calibration brings, with each external source in the part of a site.

    python benchmarks/site.py MODEL SNAPSHOT --cache FILE [--seeds 20] [--aim 0.95]

MODEL has seen no film of the sources below. Each film is read once, as ``infmap calibrate`` reads
it; its probability stays in FILE. Then, for every seed, 20 healthy patients are drawn (and 20 with
COVID-19 for the calibration with labels), a calibration is fitted, and all other films of the site
are scored. Given are means over seeds, with the 2.5th and 97.5th percentile of the seeds.

ChestX-ray14 and the Radiography database have healthy films only: films of COVID-CXNet stand in for
COVID-19 there, so their sensitivity is that on another hospital's films. Cohen and General
Blockchain are one site here, with films of other diagnoses in the place of healthy ones, because
they have next to no healthy ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from infmap.api import model_folder
from infmap.catalog.groups import film_groups
from infmap.core.errors import FilmError
from infmap.dicom import read_radiograph
from infmap.inference import Predictor, read_manifest
from infmap.metrics import brier, ece
from infmap.site import supported_specificity
from infmap.site.calibration import fit_odds
from infmap.site.films import log_odds

SITES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "ChestX-ray14": (("chestxray14",), ("covid-cxnet",), "normal"),
    "Radiography": (("covid19-radiography",), ("covid-cxnet",), "normal"),
    "Cohen and General Blockchain": (
        ("cohen", "radiologist"),
        ("cohen", "radiologist"),
        "covid19",
    ),
    "COVID-QU-Ex Val": (("covid-qu-ex val",), ("covid-qu-ex val",), "normal"),
}
"""Site to sources of healthy films, sources of COVID-19, and which label makes a film healthy."""
HEALTHY = SICK = 20
Films = dict[str, np.ndarray]


def read(model: Path, snapshot: Path, cache: Path) -> Films:
    """Probability, source, patient and labels of every film of the sites."""
    if cache.is_file():
        with np.load(cache) as file:
            return {name: file[name] for name in file.files}
    from infmap.training.run import read_rows

    rows, resolve = read_rows(snapshot)
    wanted = {name for left, right, _ in SITES.values() for name in left + right}
    found: list[dict[str, Any]] = []
    predictor = Predictor(model)
    for row, group in zip(rows, film_groups(rows), strict=True):
        source = " ".join(filter(None, (row["source"], row["official_split"])))
        source = source if source in wanted else row["source"]
        if source not in wanted:
            continue
        try:
            p = predictor.predict(read_radiograph(resolve(row, "path"))).covid_probability
        except FilmError:
            continue
        labels = {k: -1 if row[k] is None else int(row[k]) for k in ("covid19", "normal")}
        found.append({"probability": p, "source": source, "group": str(group), **labels})
    films = {name: np.array([film[name] for film in found]) for name in found[0]}
    np.savez(cache, **films)
    return films


def of_site(films: Films, name: str) -> Films:
    """Films of one site: healthy and COVID-19 ones."""
    clear, sick, label = SITES[name]
    healthy = np.isin(films["source"], clear)
    healthy &= (films["normal"] == 1) if label == "normal" else (films["covid19"] == 0)
    keep = healthy | (np.isin(films["source"], sick) & (films["covid19"] == 1))
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
    parser.add_argument("model")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--aim", type=float, default=0.95)
    given = parser.parse_args()
    folder = model_folder(given.model)
    films = read(folder, given.snapshot, given.cache)
    point = read_manifest(folder).thresholds.covid
    for name in SITES:
        site = of_site(films, name)
        counts = int(site["healthy"].sum()), int((~site["healthy"]).sum())
        for labels in (False, True):
            draws = (played(site, point, given.aim, s, labels) for s in range(given.seeds))
            line = {"site": name, "healthy": counts[0], "covid19": counts[1], "labels": labels}
            sys.stdout.write(json.dumps(line | summary(draws)) + "\n")


if __name__ == "__main__":
    main()
