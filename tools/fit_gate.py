"""Fit the rule of ``infmap.inference.likeness`` and write its numbers.

    python tools/fit_gate.py ../shared/data

Half of the real films give the principal components. A logistic rule then tells them from half of
the other pictures and of films turned, tilted or negative (``benchmarks/gate_pictures.py``). The
other halves are never seen here; ``benchmarks/gate.py`` measures on them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from gate_pictures import TURNS, mistreated, other_pictures, real_films, sample

from infmap.api import model_folder
from infmap.core.zones import brixia_zones
from infmap.dicom import read_radiograph
from infmap.inference.likeness import FILE, terms
from infmap.inference.lung_figures import measured
from infmap.inference.postprocess import two_largest
from infmap.inference.predictor import Predictor
from infmap.inference.preprocess import to_network

COMPONENTS = 24
PENALTY = 0.1
"""C of scikit-learn's logistic regression; 0.01 and 1 rejected as many or more real films."""
TURNED = 160
"""Films that are turned, tilted and inverted."""
Seen = list[tuple[np.ndarray, dict[str, float]]]


def seen(predictor: Predictor, planes: Iterable[np.ndarray]) -> Seen:
    """Appearance and figures of every plane on which lungs are found."""
    found: Seen = []
    for pixels in planes:
        if min(pixels.shape) < 64:
            continue
        plane, fit = to_network(pixels, predictor.manifest.preprocessing)
        probs = predictor.run(plane[None])[0][0, 2][fit.window]
        zones = brixia_zones(two_largest(probs >= predictor.manifest.thresholds.lungs))
        figures, looks = measured(zones, pixels[fit.field.slices], probs)
        if looks is not None:
            found.append((looks, figures))
    return found


def main() -> None:
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    predictor = Predictor(model_folder())
    from gate_pictures import Picture

    blank = np.zeros((1, 1), np.float32)
    files = [f for s, f in real_films(data) if s != "dicom"]
    files = [f for f in files if not Picture("", f.name, blank).held_out]
    films = seen(predictor, (read_radiograph(f).pixels for f in files))
    turned = [(f.name, read_radiograph(f).pixels) for f in sample(files, TURNED)]
    others = seen(predictor, (p.pixels for p in other_pictures() if not p.held_out))
    others += seen(predictor, (p.pixels for p in mistreated(turned, TURNS)))
    looks = np.stack([look for look, _ in films])
    mean = looks.mean(axis=0)
    _, singular, axes = np.linalg.svd(looks - mean, full_matrices=False)
    # Stored in half precision: weigh what will be read.
    basis = {
        "mean": mean.astype(np.float16).astype(np.float64),
        "components": axes[:COMPONENTS].astype(np.float16).astype(np.float64),
        "variance": singular[:COMPONENTS] ** 2 / len(looks),
    }
    rows = np.stack([terms(look, figures, basis) for look, figures in films + others])
    truth = np.arange(len(rows)) >= len(films)
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    rule = LogisticRegression(C=PENALTY, max_iter=5000, class_weight="balanced")
    rule.fit((rows - centre) / spread, truth)
    weights = rule.coef_[0] / spread
    offset = float(rule.intercept_[0] - weights @ centre)
    origin = (
        f"tools/fit_gate.py on {len(films)} real films and {len(others)} other pictures, "
        f"lungs of {predictor.manifest.label}"
    )
    np.savez_compressed(
        FILE,
        origin=origin,
        mean=basis["mean"].astype(np.float16),
        components=basis["components"].astype(np.float16),
        variance=basis["variance"].astype(np.float32),
        weights=weights,
        offset=np.array([offset]),
    )
    scores = rows @ weights + offset
    print(origin)
    print("films, 99 to 100 %:", np.quantile(scores[~truth], [0.99, 0.998, 0.999, 1]).round(2))
    print("others, 0 to 5 %:", np.quantile(scores[truth], [0, 0.01, 0.02, 0.05]).round(2))


if __name__ == "__main__":
    main()
