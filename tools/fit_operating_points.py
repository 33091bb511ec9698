"""Fit a model folder's thresholds, calibrations and severity on films it was not trained on.

    python tools/fit_operating_points.py MODEL --snapshot SNAPSHOT [--folds FOLDER] [--version V]

    python tools/fit_operating_points.py MODEL --snapshot SNAPSHOT --areas-only

FOLDER holds fold-0, fold-1, ... of benchmarks/cross_validation.py. Writes MODEL/manifest.json, and
prints the lines of the model card. Again on the same films: the same manifest. With --areas-only
nothing is fitted: how far the model's areas are from drawn ones is measured, on films of the
validation set without a near-duplicate among its training images.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from infmap.api import model_folder
from infmap.training.calibration import card_lines
from infmap.training.log import Record
from infmap.training.refit import measure_areas, refit
from infmap.training.scoring import area_lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model")
    parser.add_argument("--snapshot", type=Path, required=True)
    parser.add_argument("--folds", type=Path, help="folder of a cross-validation's model folders")
    parser.add_argument("--version", help="of the model from now on")
    parser.add_argument("--work", type=Path, help="keeps int8 copies of the folds' networks")
    parser.add_argument("--areas-only", action="store_true", help="fit nothing")
    given = parser.parse_args()
    if given.areas_only:
        manifest = measure_areas(model_folder(given.model), given.snapshot, _tell)
        print("\n".join(area_lines(manifest.areas)))
        return
    folds = sorted(given.folds.glob("fold-*")) if given.folds else []
    folds = [fold for fold in folds if (fold / "manifest.json").is_file()]
    with tempfile.TemporaryDirectory() as temporary:
        manifest = refit(
            model_folder(given.model),
            given.snapshot,
            folds,
            _tell,
            work=given.work or Path(temporary),
            version=given.version,
        )
    print("\n".join([*card_lines(manifest), *area_lines(manifest.areas)]))


def _tell(record: Record) -> None:
    print(json.dumps(record), file=sys.stderr)


if __name__ == "__main__":
    main()
