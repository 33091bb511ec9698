"""Count results that break the rules of docs/decisions/027, recomputed from the planes written.

    python benchmarks/consistency.py MODEL_FOLDER FOLDER...

Every film of the folders is read through the predictor; films that it rejects are counted apart.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from infmap.api import model_folder
from infmap.core.errors import FilmError
from infmap.core.types import Prediction
from infmap.dicom import read_radiograph
from infmap.inference import Predictor
from infmap.inference.manifest import Thresholds
from infmap.inference.postprocess import LEVELS


def violations(p: Prediction, at: Thresholds) -> list[str]:
    """Rules of docs/decisions/027 that a result breaks, recomputed from its planes in 8 bits."""
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


def consistency(folder: Path, roots: list[Path]) -> dict[str, int]:
    """Count broken rules over every film of some folders."""
    predictor = Predictor(folder)
    counts: Counter[str] = Counter({"films with a violation": 0})
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
    return dict(counts)


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    print(json.dumps(consistency(model_folder(given.model), given.folders), indent=2))


if __name__ == "__main__":
    main()
