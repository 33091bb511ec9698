"""Accuracy of a model folder, through the predictor that users run.

    python benchmarks/accuracy.py MODEL_FOLDER SNAPSHOT [-o FILE.json]

Held-out films of the training source (covid-qu-ex Val) stand beside other sources. Films that the
model learnt from, or whose near-duplicate cluster holds one, are left out of the other sources, so
those are unseen; a model that learnt from all of them has none, see cross_validation.py. Films are
scored in network pixels (256 x 256; those of covid-qu-ex are that size). 95 % intervals, by patient
or near-duplicate group, are those of docs/metrics.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap.api import model_folder
from infmap.catalog.groups import film_groups, sharing_with
from infmap.catalog.snapshot import read_scores
from infmap.core import metrics
from infmap.inference import Predictor
from infmap.inference.predictor import bounded_infection, calibrated_probability, two_largest
from infmap.inference.severity import fit_calibration
from infmap.training.dataset import Films, load_films
from infmap.training.run import FILMS, lung_shares, read_rows

Figures = dict[str, Any]
LUNG_SOURCES = ("covid-qu-ex", "radiologist")
EXTENT = "geographic_extent"
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Scored:
    """Films of one source with what the model says of them."""

    films: Films
    maps: NDArray[np.uint8]
    probability: NDArray[np.float64]

    @property
    def groups(self) -> list[str]:
        """Films whose errors count together: of a patient, or near-duplicates of each other."""
        return film_groups(self.films.rows)

    def part(self, keep: NDArray[np.bool_]) -> Scored:
        """Some of the films."""
        index = np.flatnonzero(keep)
        f = self.films
        rows = [f.rows[i] for i in index]
        films = Films(rows, f.images[index], f.masks[index], f.known[index], f.classes[index])
        return Scored(films, self.maps[index], self.probability[index])


def score(predictor: Predictor, films: Films) -> Scored:
    """Run the network over packed films."""
    maps, probability = [], []
    for start in range(0, len(films), 16):
        planes = films.images[start : start + 16].astype(np.float32) / 255.0
        found, logits = predictor.run(planes)
        detection = predictor.manifest.detection
        batch = [calibrated_probability(row, detection) for row in logits]
        for film, bound in zip(found, batch, strict=True):
            film[0] = bounded_infection(film[0], bound)
        maps.append(np.round(found * 255.0).astype(np.uint8))
        probability += batch
    return Scored(films, np.concatenate(maps), np.array(probability))


def with_interval(statistic: Callable[[NDArray[np.int64]], float], groups: list[str]) -> Figures:
    """A statistic of film indices, with its cluster bootstrap interval."""
    value = statistic(np.arange(len(groups)))
    low, high = metrics.bootstrap_interval(statistic, groups)
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def segmentation(scored: Scored, plane: int, threshold: float) -> Figures:
    """Pooled F1 and Dice per film of infection (0), opacity (1) or lungs (2), where known."""
    part = scored.part(scored.films.known[:, plane] > 0)
    if not len(part.films):
        return {"films": 0}
    truth = (part.films.masks & (1 << plane)) > 0
    found = part.maps[:, plane] >= threshold * 255.0
    if plane == 2:
        found = np.stack([two_largest(film) for film in found])
    counts = metrics.confusion(truth, found)
    positive = truth.any(axis=(1, 2))
    figures: Figures = {"films": len(part.films), "positive": int(positive.sum())}
    for name in ("f1", "dice_film", "dice_positive"):
        figures[name] = with_interval(
            lambda i, name=name: metrics.pixel_summary(_take(counts, i))[name], part.groups
        )
    healthy = ~positive
    alarms = found.any(axis=(1, 2))[healthy]
    share = metrics.rate(alarms, np.array(part.groups)[healthy])
    ends = [round(share.low, 4), round(share.high, 4)]
    figures["any_pixel_false_alarms"] = [int(alarms.sum()), share.n, *ends]
    return figures


def _take(counts: metrics.Confusion, index: NDArray[np.int64]) -> metrics.Confusion:
    return metrics.Confusion(*(p[index] for p in (counts.tp, counts.fp, counts.fn, counts.tn)))


def detection(scored: Scored, operating_point: float, threshold: float) -> Figures:
    """COVID-19 against all else, from the class head and by the paper's rule on the map."""
    part = scored.part(scored.films.classes >= 0)
    truth = part.films.classes == 0
    figures: Figures = {"films": len(truth), "positive": int(truth.sum())}
    if truth.all() or not truth.any():
        yes = part.probability >= operating_point
        share = metrics.rate(yes, part.groups)
        ends = [round(share.low, 4), round(share.high, 4)]
        return {**figures, "called_positive": [int(yes.sum()), *ends]}
    area = metrics.auroc_estimate(truth, part.probability, part.groups)
    figures["auroc"] = {name: round(getattr(area, name), 4) for name in ("value", "low", "high")}
    for specificity in (0.99, 0.9988):
        at = metrics.sensitivity_at(truth, part.probability, specificity)
        figures[f"sensitivity_at_{specificity}"] = [round(float(v), 4) for v in at]
    figures["brier"] = round(metrics.brier(truth, part.probability), 4)
    figures["ece_15_bins"] = round(metrics.ece(truth, part.probability), 4)
    figures["operating_point"] = _rates(truth, part.probability >= operating_point, part.groups)
    pixels = (part.maps[:, 0] >= threshold * 255.0).sum(axis=(1, 2))
    for minimum in (1, 64, 256):
        figures[f"map_rule_{minimum}_pixels"] = _rates(truth, pixels >= minimum, part.groups)
    return figures


def _rates(truth: NDArray[np.bool_], yes: NDArray[np.bool_], groups: list[str]) -> Figures:
    figures: Figures = {}
    for name, part, right in (("sensitivity", truth, yes), ("specificity", ~truth, ~yes)):
        share = metrics.rate(right[part], np.array(groups)[part])
        figures[name] = [round(v, 4) for v in (share.value, share.low, share.high)]
    return figures


def severity(scored: Scored, scores: list[dict[str, Any]]) -> Figures:
    """Pearson r with the readers' scores, for both maps: of the affected share, and of the extent.

    The extent score of a film comes from a calibration on other patients' films.
    """
    figures: Figures = {}
    readings: dict[tuple[str, str], dict[str, float]] = {}
    for row in scores:
        readings.setdefault((row["name"], row["reader"]), {})[row["film_id"]] = row["value"]
    read = {film_id for values in readings.values() for film_id in values}
    scored = scored.part(np.array([r["film_id"] in read for r in scored.films.rows]))
    if not len(scored.films):
        return figures
    for plane, label in ((0, "infection"), (1, "opacity")):
        shares = lung_shares(scored.maps, plane)
        extents = extents_by_others(scored, shares, readings)
        for (name, reader), values in sorted(readings.items()):
            truth = np.array([values.get(r["film_id"], np.nan) for r in scored.films.rows])
            for what, found in (("share", np.nanmean(shares, axis=1)), ("extent", extents)):
                known = ~np.isnan(found + truth)
                if known.sum() >= 10:
                    groups = np.array(scored.groups)[known]
                    r, (low, high) = metrics.pearson(found[known], truth[known], groups)
                    figures[f"{name} ({reader}) and {what} from {label}"] = [
                        int(known.sum()), round(r, 4), round(low, 4), round(high, 4),
                    ]  # fmt: skip
    return figures


def extents_by_others(
    scored: Scored,
    shares: NDArray[np.float64],
    readings: Mapping[tuple[str, str], dict[str, float]],
) -> NDArray[np.float64]:
    """Extent score (N,) of each film, 0 to 8, by a calibration on films of other patients.

    NaN where too few films are scored, or a lung is missing.
    """
    known = {k: v for (name, _), of in readings.items() if name == EXTENT for k, v in of.items()}
    truth = np.array([known.get(r["film_id"], np.nan) for r in scored.films.rows])
    patient = np.unique(scored.groups, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(patient.max(initial=0) + 1)[patient] % FOLDS
    extents = np.full(len(truth), np.nan)
    if np.isfinite(truth).sum() < 20:
        return extents
    for held in range(FOLDS):
        learn = np.isfinite(truth) & (fold != held)
        groups = [scored.groups[i] for i in np.flatnonzero(learn)]
        fitted = fit_calibration(shares[learn], truth[learn], groups=groups, method="cross")
        for i in np.flatnonzero(fold == held):
            extents[i] = sum(fitted.extent(float(share)) for share in shares[i])
    return extents


def figures(
    scored: Scored, scores: list[dict[str, Any]], infection: float, opacity: float, covid: float
) -> Figures:
    """All figures of one set of films, at the operating points given."""
    return {
        "infection": segmentation(scored, 0, infection),
        "infection of COVID-19 films": segmentation(
            scored.part(scored.films.classes == 0), 0, infection
        ),
        "opacity": segmentation(scored, 1, opacity),
        "opacity of other films": segmentation(scored.part(scored.films.classes == 1), 1, opacity),
        "lungs": segmentation(scored, 2, 0.5),
        "lungs by class": {
            name: segmentation(scored.part(scored.films.classes == n), 2, 0.5)
            for n, name in enumerate(("COVID-19", "other pneumonia", "normal"))
        },
        "detection": detection(scored, covid, infection),
        "severity": severity(scored, scores),
    }


def main() -> None:
    """Print, and write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    folder = model_folder(given.model)
    predictor = Predictor(folder)
    manifest = predictor.manifest
    rows, resolve = read_rows(given.snapshot)
    learnt = set((folder / FILMS).read_text(encoding="utf-8").splitlines())
    seen = sharing_with(rows, learnt)
    val = [r for r in rows if r["official_split"] == "val"]
    parts = {
        "covid-qu-ex val": val,
        "covid-qu-ex val, without near-duplicates of train": [
            r for r in val if r["film_id"] not in seen
        ],
    }
    for source in ("cohen", "radiologist", "chestxray14"):
        unseen = [r for r in rows if r["source"] == source and r["film_id"] not in seen]
        if unseen:
            parts[source] = unseen
    at = manifest.thresholds
    scores = read_scores(given.snapshot)
    result: Figures = {"model": manifest.label, "trained_on": manifest.training.get("sources")}
    for name, members in parts.items():
        films = load_films(members, resolve, manifest.preprocessing, LUNG_SOURCES)
        result[name] = figures(score(predictor, films), scores, at.infection, at.opacity, at.covid)
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
