"""Figures of a model folder out of fold, on the maps that users get.

    python benchmarks/out_of_fold.py MODEL_FOLDER SNAPSHOT [--folds FOLDER] [-o FILE.json]
    python benchmarks/out_of_fold.py MODEL_FOLDER --consistency FOLDER...

Films whose patient or near-duplicates the model was trained on are read by networks of a
cross-validation (fold-0, fold-1, ... of cross_validation.py), each by one that was not, at the
model's own operating points; without --folds they are left out. Films are scored in network pixels.
95 % intervals, by patient or near-duplicate group, are those of docs/metrics.md.

--consistency reads every film of the folders through the predictor and counts results that break
the rules of docs/decisions/017, recounted from the planes as they are written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap import metrics
from infmap.api import model_folder
from infmap.catalog.snapshot import read_scores
from infmap.core.errors import FilmError
from infmap.core.types import Prediction
from infmap.inference import Predictor
from infmap.inference.manifest import PlattScaling, Thresholds, read_manifest
from infmap.inference.postprocess import LEVELS
from infmap.inference.predictor import WIDE_OPACITY
from infmap.training.calibration import Outputs
from infmap.training.dataset import Films
from infmap.training.extent import Readings, fit_extent
from infmap.training.refit import LUNG_SOURCES, out_of_fold
from infmap.training.snapshot import EXTENT, read_rows

__all__ = ["LUNG_SOURCES", "Figures", "Scored", "figures", "scored_films"]

Figures = dict[str, Any]
FOLDS = 5
SOURCES = (
    "covid-qu-ex",
    "cohen",
    "general-blockchain",
    "chestxray14",
    "covid19-radiography",
    "covid-cxnet",
    "kermany",
)
"""Sources that figures are given of."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Films with what users get of them, on the network's grid.

    Attributes:
        films: the films.
        maps: uint8 (N, 3, S, S), infection, opacity, lungs (0 or 255).
        probability: float64 (N,), of COVID-19.
        shares: float64 (N, 2), mean opacity probability of the right and left lung.
    """

    films: Films
    maps: NDArray[np.uint8]
    probability: NDArray[np.float64]
    shares: NDArray[np.float64]

    @property
    def groups(self) -> list[str]:
        """Who must not be torn apart by a bootstrap: the patient, else the near-duplicate group."""
        return [str(r["patient_id"] or r["duplicate_group"]) for r in self.films.rows]

    def part(self, keep: NDArray[np.bool_]) -> Scored:
        """Some of the films."""
        films = self.films.part(keep)
        return Scored(films, self.maps[keep], self.probability[keep], self.shares[keep])


def scored_films(outputs: Outputs, thresholds: Thresholds, scaling: PlattScaling) -> Scored:
    """What users get of films."""
    maps = np.zeros_like(outputs.maps)
    probability, shares = np.zeros(len(outputs)), np.zeros((len(outputs), 2))
    for i, found in enumerate(outputs.findings(thresholds, scaling)):
        maps[i] = found.infection, found.opacity, np.where(found.lungs, LEVELS, 0)
        probability[i] = found.probability
        shares[i] = found.mean_opacity("ABC"), found.mean_opacity("DEF")
    return Scored(outputs.films, maps, probability, shares)


def with_interval(statistic: Callable[[NDArray[np.int64]], float], groups: list[str]) -> Figures:
    """A statistic of film indices, with its cluster bootstrap interval."""
    value = statistic(np.arange(len(groups)))
    low, high = metrics.bootstrap_interval(statistic, metrics.Bootstrap(groups))
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def segmentation(scored: Scored, plane: int, threshold: float) -> Figures:
    """Pooled F1 and Dice per film of infection (0), opacity (1) or lungs (2), where known."""
    part = scored.part(scored.films.dense[:, plane])
    if not len(part.films):
        return {"films": 0}
    truth = (part.films.masks & (1 << plane)) > 0
    found = part.maps[:, plane] >= threshold * 255.0
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


def involvement(scored: Scored, threshold: float) -> Figures:
    """Opaque share of the lungs, found (in the lungs found) and drawn (in those drawn).

    Of films with drawn opacities and lungs: the means, the mean of the differences and of their
    size, and Dice.
    """
    known = scored.films.dense[:, 1:].all(axis=1)
    part = scored.part(known)
    if not len(part.films):
        return {"films": 0}
    lungs, drawn = (part.films.masks & 4) > 0, (part.films.masks & 2) > 0
    opaque, found = part.maps[:, 1] >= threshold * 255.0, part.maps[:, 2] > 0
    truth = (drawn & lungs).sum((1, 2)) / np.maximum(lungs.sum((1, 2)), 1)
    share = opaque.sum((1, 2)) / np.maximum(found.sum((1, 2)), 1)
    off = share - truth
    figures = {"found": share.mean(), "true": truth.mean(), "mean_difference": off.mean(),
               "mean_absolute_difference": np.abs(off).mean(),
               "warned": (share >= WIDE_OPACITY).mean()}  # fmt: skip
    return {"films": len(part.films), **{k: round(float(v), 4) for k, v in figures.items()}}


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
    """Pearson r with the readers' scores: of the opaque share, and of the extent score.

    The extent score of a film, and the interval whose coverage is given, come from a calibration on
    other patients' films and on all normal ones.
    """
    figures: Figures = {}
    readings: dict[tuple[str, str], dict[str, float]] = {}
    for row in scores:
        readings.setdefault((row["name"], row["reader"]), {})[row["film_id"]] = row["value"]
    healthy = scored.shares[scored.films.classes == 2]
    read = {film_id for values in readings.values() for film_id in values}
    scored = scored.part(np.array([r["film_id"] in read for r in scored.films.rows], bool))
    if not len(scored.films):
        return figures
    extents, covered = extents_by_others(scored, healthy, readings)
    if covered is not None:
        figures["interval_coverage_by_patient"] = covered
    for (name, reader), values in sorted(readings.items()):
        truth = np.array([values.get(r["film_id"], np.nan) for r in scored.films.rows])
        for what, found in (("share", np.nanmean(scored.shares, axis=1)), ("extent", extents)):
            known = ~np.isnan(found + truth)
            if known.sum() >= 10:
                groups = np.array(scored.groups)[known]
                r, (low, high) = metrics.pearson(
                    found[known], truth[known], metrics.Bootstrap(groups)
                )
                figures[f"{name} ({reader}) and {what}"] = [
                    int(known.sum()), round(r, 4), round(low, 4), round(high, 4),
                ]  # fmt: skip
    return figures


def extents_by_others(
    scored: Scored,
    healthy: NDArray[np.float64],
    readings: Mapping[tuple[str, str], dict[str, float]],
) -> tuple[NDArray[np.float64], float | None]:
    """Extent score (N,) of each film, 0 to 8, by a calibration on films of other patients.

    NaN where too few films are scored, or a lung is missing. And the coverage of the calibration's
    interval on patients left out.
    """
    known = {k: v for (name, _), of in readings.items() if name == EXTENT for k, v in of.items()}
    truth = np.array([known.get(r["film_id"], np.nan) for r in scored.films.rows])
    groups = np.array(scored.groups)
    patient = np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(0).permutation(patient.max(initial=0) + 1)[patient] % FOLDS
    extents = np.full(len(truth), np.nan)
    for held in range(FOLDS):
        learn = fold != held
        given = Readings.known(scored.shares[learn], truth[learn], groups[learn])
        fitted = fit_extent(given, healthy, population="other patients")
        for i in np.flatnonzero(fold == held) if fitted.films else ():
            extents[i] = sum(fitted.extent(float(share)) for share in scored.shares[i])
    everything = Readings.known(scored.shares, truth, groups)
    return extents, fit_extent(everything, healthy, population="all").coverage


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
        "involvement": involvement(scored, opacity),
        "involvement of other films": involvement(scored.part(scored.films.classes == 1), opacity),
        "widely opaque normal films": _wide(scored, opacity),
        "lungs": segmentation(scored, 2, 0.5),
        "lungs by class": {
            name: segmentation(scored.part(scored.films.classes == n), 2, 0.5)
            for n, name in enumerate(("COVID-19", "other pneumonia", "normal"))
        },
        "detection": detection(scored, covid, infection),
        "severity": severity(scored, scores),
    }


def _wide(scored: Scored, threshold: float) -> Figures:
    """Normal films of whose lungs a tenth or more is read as opaque."""
    part = scored.part(scored.films.classes == 2)
    area = (part.maps[:, 2] > 0).sum((1, 2))
    wide = (part.maps[:, 1] >= threshold * 255.0).sum((1, 2)) >= WIDE_OPACITY * np.maximum(area, 1)
    return {"films": len(wide), "share": round(float(wide.mean()), 4) if len(wide) else None}


def violations(p: Prediction, at: Thresholds) -> list[str]:
    """Rules of docs/decisions/017 that a result breaks, recounted from its planes in 8 bits."""
    levels = {k: np.rint(getattr(p, k) * LEVELS).astype(np.uint8) for k in ("infection", "opacity")}
    infection, opacity = levels["infection"], levels["opacity"]
    area = int(p.lungs.sum())
    infected, opaque = infection >= at.infection * LEVELS, opacity >= at.opacity * LEVELS
    line = p.to_dict()
    zones = [(line["zone_areas"][z], line["zones"][z]) for z in line["zones"]]
    whole = sum(weight * share for weight, share in zones if weight)
    rules = {
        "infection above opacity": bool((infection > opacity).any()),
        "map outside the lungs": bool(infection[~p.lungs].any() or opacity[~p.lungs].any()),
        "infected is not the map": not np.array_equal(infected, p.infected),
        "opaque is not the map": not np.array_equal(opaque, p.opaque),
        "infected, not opaque": bool((p.infected & ~p.opaque).any()),
        "infected share": abs(line["infected_fraction"] - infected.sum() / area) > 1e-5,
        "opaque share": abs(line["opacity_fraction"] - opaque.sum() / area) > 1e-5,
        "more infected than opaque": line["infected_fraction"] > line["opacity_fraction"],
        "zones do not add up": abs(whole - line["infected_fraction"]) > 1e-5,
        "detected without infection": p.covid_detected != bool(infected.any()),
        "detected with a share of 0": p.covid_detected != (line["infected_fraction"] > 0),
        "detected below the operating point": p.covid_detected != (p.covid_probability >= at.covid),
        "grade not in its interval": p.severity.grade not in p.severity.grades,
    }
    return [rule for rule, broken in rules.items() if broken]


def consistency(folder: Path, roots: list[Path]) -> Figures:
    """Count broken rules over every film of some folders."""
    from infmap.dicom import read_radiograph

    predictor = Predictor(folder)
    counts: Counter[str] = Counter()
    for path in sorted(p for root in roots for p in root.rglob("*") if p.is_file()):
        try:
            result = predictor.predict(read_radiograph(path))
        except FilmError:
            counts["rejected or no film"] += 1
            continue
        counts["films"] += 1
        broken = violations(result, predictor.manifest.thresholds)
        counts["films with a violation"] += bool(broken)
        counts.update(broken)
    counts.setdefault("films with a violation", 0)
    return dict(counts)


def main() -> None:
    """Print, and write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("snapshot", type=Path, nargs="?")
    parser.add_argument("--folds", type=Path, help="folder of a cross-validation's model folders")
    parser.add_argument("--work", type=Path, help="keeps int8 copies of the folds' networks")
    parser.add_argument("--consistency", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    folder = model_folder(given.model)
    manifest = read_manifest(folder)
    at, scaling = manifest.thresholds, manifest.detection
    result: Figures = {"model": manifest.label, "trained_on": manifest.training.sources}
    if given.consistency:
        result["consistency"] = consistency(folder, given.consistency)
    if given.snapshot:
        folds = (
            sorted(p.parent for p in given.folds.glob("fold-*/manifest.json"))
            if given.folds
            else []
        )
        rows, _ = read_rows(given.snapshot)
        wanted = [r for r in rows if r["official_split"] != "train" and r["source"] in SOURCES]
        with tempfile.TemporaryDirectory() as temporary:
            outputs = out_of_fold(
                folder, manifest, given.snapshot, wanted, folds,
                lambda record: print(json.dumps(record), file=sys.stderr),
                work=given.work or Path(temporary),
            )  # fmt: skip
        scored = scored_films(outputs, at, scaling)
        scores = read_scores(given.snapshot)
        for source in SOURCES:
            part = scored.part(np.array([r["source"] == source for r in scored.films.rows], bool))
            if len(part.films):
                result[source] = figures(part, scores, at.infection, at.opacity, at.covid)
        result["severity, normal films of all sources"] = severity(scored, scores)
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
