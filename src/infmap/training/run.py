"""One training run, from a snapshot to a model folder that predicts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infmap.core.errors import SnapshotError
from infmap.core.zones import brixia_zones
from infmap.inference.manifest import Manifest, Thresholds, write_manifest
from infmap.inference.predictor import bounded_infection, calibrated_probability, two_largest
from infmap.inference.preprocess import Preprocessing
from infmap.inference.runtimes import open_runtime
from infmap.inference.severity import Calibration, affected_shares, fit_calibration
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films, join_films, load_films, render_phantoms
from infmap.training.parts import Row, check_hold_out, held_out, select_films, split_rows

__all__ = ["choose_precision", "deployed_outputs", "fit_detection", "held_out", "lung_shares",
           "read_rows", "run", "split_rows"]  # fmt: skip
FILMS = "films.txt"
"""In a model folder: the film_id of every film learnt from, a line each."""
CALIBRATION_FILMS = 200
"""Films that an int8 network's ranges are measured on."""


def run(
    config: TrainingConfig,
    folder: Path,
    say: Callable[[dict[str, Any]], None],
    *,
    processes: int = 1,
    on: str = "local",
) -> Manifest:
    """Train, choose the operating points on Val, export, and describe.

    Args:
        config: the run.
        folder: the model folder to be; a checkpoint in it is gone on from.
        say: called with one record at a time, for logs and progress.
        processes: that train together.
        on: where they run, see ``infmap.training.distributed.launch``.

    Raises:
        SnapshotError: the snapshot is missing or damaged, or a film cannot be loaded.
        ModelError: the folder holds a run of another configuration, or the weights to start
            from cannot be read.
        UsageError: the configuration asks for what does not exist.
        MissingExtra: Ray is asked for and not installed.
    """
    from infmap.training.distributed import check_processes, launch
    from infmap.training.export import export
    from infmap.training.loop import starting_loss, starting_network, train
    from infmap.training.pack import find_pack
    from infmap.training.validation import score_films

    check_processes(config, processes, on)
    starting_loss(config)
    _, weights = starting_network(config)
    folder.mkdir(parents=True, exist_ok=True)
    rows, resolve = read_rows(config.snapshot)
    spec = Preprocessing(size=config.size)
    check_hold_out(rows, config)
    chosen = select_films(rows, config)
    learn, watch = chosen.learn, chosen.validate
    say({"films": len(learn), "validation_films": len(watch), "left_out": chosen.left_out})
    pack = find_pack(config.snapshot, spec)
    films = load_films(learn, resolve, spec, config.lung_sources, pack=pack)
    if config.phantoms:
        films = join_films(films, render_phantoms(config.phantoms, spec))
    val = load_films(watch, resolve, spec, config.lung_sources, pack=pack)
    if processes > 1 or on != "local":
        launch(config, films, val, folder, say, processes, on)
    network = train(config, films, val, folder, say)  # where all is done, reads the checkpoint

    severity = _severity(chosen.free, resolve, config, network, spec)
    export(network, folder, config.size)
    (folder / FILMS).write_text("".join(f"{r['film_id']}\n" for r in learn), encoding="utf-8")
    precision = choose_precision(folder, films, val, config, say)
    maps, logits = deployed_outputs(folder, val)
    detection, covid = fit_detection(logits, val.classes)
    for film, row in zip(maps, logits, strict=True):
        bound = calibrated_probability(row, detection)
        film[0] = np.round(bounded_infection(film[0] / np.float32(255.0), bound) * 255.0)
    score = score_films(maps, logits, val)
    manifest = Manifest(
        name=config.name,
        version=config.version,
        preprocessing=spec,
        thresholds=Thresholds(infection=score.threshold, opacity=0.5, lungs=0.5, covid=covid),
        detection=detection,
        severity=severity.to_dict(),
        training={
            "sources": sorted({row["source"] for row in learn}),
            "films": len(learn),
            "weights": weights,
            "precision": precision,
            "configuration": json.loads(config.model_dump_json()),
            "finished": time.strftime("%Y-%m-%d", time.gmtime()),
        },
        metrics={"validation": score.to_dict()},
    )
    write_manifest(folder, manifest)
    say({"finished": str(folder), **score.to_dict()})
    return manifest


def choose_precision(
    folder: Path,
    films: Films,
    val: Films,
    config: TrainingConfig,
    say: Callable[[dict[str, Any]], None],
) -> str:
    """Replace the model folder's OpenVINO network by its int8 copy if that loses little Dice.

    The copy is calibrated on films learnt from. It is kept if the mean Dice of films with
    infection and of the lungs, on Val, each fall by no more than ``config.int8_loss``.

    Returns:
        "int8", or "float" where the copy lost more, was not asked for, or could not be judged.
    """
    from infmap.training.export import quantize
    from infmap.training.validation import score_films

    if config.int8_loss is None or not len(val):
        return "float"
    before = score_films(*deployed_outputs(folder, val), val)
    chosen = np.random.default_rng(config.seed).permutation(len(films))[:CALIBRATION_FILMS]
    copy = folder / "int8"
    quantize(folder, films.images[chosen].astype(np.float32) / 255.0, copy)
    after = score_films(*deployed_outputs(copy, val), val)
    loss = max(before.dice_positive - after.dice_positive, before.dice_lungs - after.dice_lungs)
    say({"int8_loss_of_dice": round(loss, 5), "allowed": config.int8_loss})
    keep = loss <= config.int8_loss
    for name in ("network.xml", "network.bin"):
        if keep:
            (copy / name).replace(folder / name)
        else:
            (copy / name).unlink()
    copy.rmdir()
    return "int8" if keep else "float"


def deployed_outputs(folder: Path, films: Films) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What the exported network says: maps uint8 (N, 3, S, S) and class logits (N, 3)."""
    runtime = open_runtime("openvino", folder)
    maps = np.zeros((len(films), 3, *films.images.shape[1:]), np.uint8)
    logits = np.zeros((len(films), 3), np.float32)
    for start in range(0, len(films), 16):
        part = slice(start, start + 16)
        found, logits[part] = runtime(films.images[part, None].astype(np.float32) / 255.0)
        maps[part] = np.round(found * 255.0)
    return maps, logits


def fit_detection(
    logits: NDArray[np.float32], classes: NDArray[np.int64]
) -> tuple[tuple[float, float], float]:
    """Platt scaling of the log-odds, and the operating point at specificity 0.99.

    Args:
        logits: float32 (N, 3) class logits.
        classes: int64 (N,), 0 is COVID-19, -1 unknown.

    Returns:
        (slope, intercept), and the probability that one in a hundred of the other films exceeds.
    """
    from scipy.optimize import minimize

    known = classes >= 0
    odds = logits[known, 0].astype(float) - np.logaddexp(logits[known, 1], logits[known, 2])
    truth = (classes[known] == 0).astype(float)
    if truth.min(initial=1.0) == truth.max(initial=0.0):
        return (1.0, 0.0), 0.5

    def negative_log_likelihood(p: NDArray[np.float64]) -> float:
        z = p[0] * odds + p[1]
        return float(np.mean(np.logaddexp(0.0, z) - truth * z) + 1e-4 * p[0] ** 2)

    slope, intercept = minimize(negative_log_likelihood, np.array([1.0, 0.0])).x
    probability = 1.0 / (1.0 + np.exp(-(slope * odds + intercept)))
    healthy = np.sort(probability[truth == 0])
    cut = healthy[max(0, int(np.ceil(0.99 * len(healthy))) - 1)]
    return (float(slope), float(intercept)), float(np.nextafter(cut, 1.0))


def lung_shares(maps: NDArray[np.uint8], plane: int) -> NDArray[np.float64]:
    """Affected share (N, 2) of the right and left lung, from maps uint8 (N, 3, S, S)."""
    shares = np.full((len(maps), 2), np.nan)
    for index, film in enumerate(maps):
        zones = brixia_zones(two_largest(film[2] >= 128))
        shares[index] = affected_shares(film[plane] / np.float32(255.0), zones)
    return shares


def _severity(
    rows: list[Row],
    resolve: Callable[[Row, str], Path],
    config: TrainingConfig,
    network: Any,
    spec: Preprocessing,
) -> Calibration:
    """Calibrate the extent score where the snapshot has radiologists' readings of it."""
    from infmap.catalog.snapshot import read_scores
    from infmap.training.loop import predict_films

    scores = {
        s["film_id"]: s["value"]
        for s in read_scores(config.snapshot)
        if s["name"] == "geographic_extent"
    }
    scored = [row for row in rows if row["film_id"] in scores]
    if len(scored) < 20:
        return Calibration()
    films: Films = load_films(scored, resolve, spec, ())
    maps, _ = predict_films(network, films, config)
    return fit_calibration(
        lung_shares(maps, 1),
        np.array([scores[row["film_id"]] for row in scored]),
        groups=[row["patient_id"] for row in scored],
        method="cross",
    )


def read_rows(snapshot: Path) -> tuple[list[Row], Callable[[Row, str], Path]]:
    """Rows of a snapshot, and how a row and one of its paths become a file.

    Raises:
        SnapshotError: the snapshot is missing or damaged.
    """
    from infmap.catalog.snapshot import read_snapshot
    from infmap.catalog.store import locate

    frame, roots = read_snapshot(snapshot)
    missing = set(frame["source"]) - set(roots)
    if missing:
        raise SnapshotError(f"{snapshot}: no folder for source {min(missing)}")
    return frame.to_dicts(), partial(locate, roots)
