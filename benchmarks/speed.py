"""Speed of the shipped model on this processor, against eager PyTorch, in one run.

    python benchmarks/speed.py [MODEL_FOLDER] [--films FOLDER]

Peers: the same network in eager float32, and segmentation_models.pytorch's U-Net with a
DenseNet-121 encoder in eager float32, all at the model's input size and batch 16. With --films:
the whole of ``predict`` (decode, infer, write) against inference alone. The peers take turns, and
the median of each is reported, because machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from infmap.api import Model, model_folder
from infmap.inference import Predictor
from infmap.models import create_model
from infmap.models._torchvision import ensure_importable
from infmap.workflows.inputs import find_films
from infmap.workflows.predict import Run, predict_films, workers_for

BATCH = 16


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def network_speed(folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds a film: shipped, the same network eager, smp's U-Net/DenseNet-121 eager."""
    ensure_importable()
    import segmentation_models_pytorch as smp

    predictor = Predictor(folder)
    size = predictor.manifest.preprocessing.size
    spec = predictor.manifest.training.configuration["network"]
    same = create_model(spec["decoder"], spec["encoder"], channels=tuple(spec["channels"])).eval()
    peer = smp.Unet("densenet121", encoder_weights=None, in_channels=1, classes=1).eval()
    planes = np.random.default_rng(0).random((BATCH, size, size), dtype=np.float32)
    films = torch.from_numpy(planes)[:, None]
    runs: dict[str, Callable[[], object]] = {
        "shipped": lambda: predictor.run(planes),
        "same network, eager float32": lambda: same(films),
        "smp U-Net DenseNet-121, eager float32": lambda: peer(films),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for round_ in range(rounds + 1):
            for name, run in runs.items():
                value = timed(run)
                if round_:
                    seconds[name].append(value)
    return {name: 1000.0 * statistics.median(s) / BATCH for name, s in seconds.items()}


def start_up() -> dict[str, float]:
    """Seconds of ``infmap --help``, and of importing, loading and reading one film."""
    command = [sys.executable, "-m", "infmap.cli.main", "--help"]
    first = (
        "import infmap; from infmap.phantom import sample_films; import time; "
        "f = sample_films()[0][1].pixels; t = time.perf_counter(); "
        "infmap.load().predict(f); print(time.perf_counter() - t)"
    )
    helps = [timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in "123"]
    cold = [
        float(subprocess.run([sys.executable, "-c", first], check=True, capture_output=True).stdout)
        for _ in "123"
    ]
    return {"help_s": statistics.median(helps), "first_film_s": statistics.median(cold)}


def whole_predict(folder: Path, films: str) -> dict[str, float]:
    """Films/s of ``predict`` with decoding and writing, and of inference alone, at its fastest."""
    paths = find_films([films])
    workers = workers_for(len(paths))
    one, many = Predictor(folder), Predictor(folder, parallel=workers)
    size = one.manifest.preprocessing.size
    planes = np.random.default_rng(0).random((BATCH, size, size), dtype=np.float32)

    def at_once() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda _: many.run(planes), range(workers)))

    one.run(planes)
    at_once()
    alone = min(
        statistics.median(timed(lambda: one.run(planes)) for _ in range(9)) / BATCH,
        statistics.median(timed(at_once) for _ in range(9)) / BATCH / workers,
    )
    with tempfile.TemporaryDirectory() as out:
        run = Run(Path(out), workers=workers)
        seconds = timed(lambda: predict_films(Model(many), paths, run))
    return {
        "films": len(paths),
        "predict_films_per_s": len(paths) / seconds,
        "inference_films_per_s": 1.0 / alone,
        "ratio": alone * len(paths) / seconds,
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="speed of the shipped model")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--films", help="folder of films for the whole of predict")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    folder = model_folder(given.model)
    ms = network_speed(folder, given.rounds)
    result: dict[str, object] = {
        "ms_per_film": {name: round(value, 2) for name, value in ms.items()},
        "times_faster": {
            name: round(value / ms["shipped"], 1) for name, value in ms.items() if name != "shipped"
        },
        "start": start_up(),
    }
    if given.films:
        result["whole"] = whole_predict(folder, given.films)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
