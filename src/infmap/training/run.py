"""One training run, from a snapshot to a model folder that predicts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from infmap.core.errors import SnapshotError
from infmap.inference.manifest import MANIFEST, Manifest, Training, read_manifest, write_manifest
from infmap.inference.postprocess import class_log_odds
from infmap.inference.preprocess import Preprocessing
from infmap.training.calibration import calibrate, read_outputs, score, unseen
from infmap.training.checks import check_choice, check_truth
from infmap.training.config import TrainingConfig
from infmap.training.dataset import UNKNOWN, Films, join_films, load_films, render_phantoms
from infmap.training.parts import Row, check_hold_out, select_films
from infmap.training.validation import Score, score_films

FILMS = "films.txt"
"""In a model folder: the film_id of every film learnt from, a line each."""
EXTENT = "geographic_extent"
"""Name of the score that severity is calibrated on."""
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
    """Train, export, and fit operating points and calibrations on films not learnt from.

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
        UsageError: the configuration asks for what does not exist, or for what its films cannot
            teach, see ``infmap.training.checks``.
        MissingExtra: Ray is asked for and not installed.
    """
    from infmap.training.distributed import check_processes, launch
    from infmap.training.export import export
    from infmap.training.loop import starting_loss, starting_network, train
    from infmap.training.pack import find_pack

    check_processes(config, processes, on)
    starting_loss(config)
    _, weights = starting_network(config)
    folder.mkdir(parents=True, exist_ok=True)
    rows, resolve = read_rows(config.snapshot)
    spec = Preprocessing(size=config.size)
    check_hold_out(rows, config)
    chosen = select_films(rows, config)
    check_choice(config, chosen)
    learn, watch = chosen.learn, chosen.validate
    say({"films": len(learn), "validation_films": len(watch), "left_out": chosen.left_out})
    pack = find_pack(config.snapshot, spec)
    films = load_films(learn, resolve, spec, config.lung_sources, pack=pack)
    if config.phantoms:
        rendered = render_phantoms(config.phantoms, spec)
        if not (films.covid19 >= 0).any():  # else the class would be learnt from normals alone
            rendered.classes[:] = UNKNOWN
        films = join_films(films, rendered)
    val = load_films(watch, resolve, spec, config.lung_sources, pack=pack)
    for note in check_truth(config, films, val):
        say({"note": note})
    if processes > 1 or on != "local":
        launch(config, films, val, folder, say, processes, on)
    network = train(config, films, val, folder, say)  # where all is done, reads the checkpoint

    export(network, folder, config.size)
    (folder / FILMS).write_text("".join(f"{r['film_id']}\n" for r in learn), encoding="utf-8")
    training = Training(
        sources=tuple(sorted({row["source"] for row in learn})),
        films=len(learn),
        weights=weights,
        configuration=json.loads(config.model_dump_json()),
    )
    manifest = Manifest(config.name, config.version, spec, training=training)
    write_manifest(folder, manifest)  # it predicts from here on, whatever fails below
    precision = choose_precision(folder, films, val, config, say)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    training = replace(training, precision=precision, finished=today)
    manifest = replace(manifest, training=training)
    extents = read_extents(config.snapshot)
    known = {row["film_id"] for row in watch}
    read = [
        row
        for row in unseen(chosen.free, rows, {row["film_id"] for row in learn})
        if row["film_id"] in extents and row["film_id"] not in known
    ]
    more = load_films(read, resolve, spec, config.lung_sources, pack=pack)
    outputs = read_outputs(folder, join_films(val, more))
    watched = np.arange(len(outputs)) < len(val)
    manifest = calibrate(manifest, outputs, watched, extents)
    figures = score(manifest, outputs.part(watched)).to_dict()
    manifest = replace(manifest, metrics={"validation": figures})
    write_manifest(folder, manifest)
    say({"finished": str(folder), **figures})
    return manifest


def choose_precision(
    folder: Path,
    films: Films,
    val: Films,
    config: TrainingConfig,
    say: Callable[[dict[str, Any]], None],
) -> Literal["int8", "float"]:
    """Replace the model folder's OpenVINO network by its int8 copy if that loses little Dice.

    The copy is calibrated on films learnt from. It is kept if the mean Dice of films with
    infection and of the lungs, on Val, each fall by no more than ``config.int8_loss``.

    Returns:
        "int8", or "float" where the copy lost more, was not asked for, or could not be judged.
    """
    from infmap.training.export import quantize

    if config.int8_loss is None or not len(val):
        return "float"
    before = _raw_score(folder, val)
    chosen = np.random.default_rng(config.seed).permutation(len(films))[:CALIBRATION_FILMS]
    copy = folder / "int8"
    quantize(folder, films.images[chosen].astype(np.float32) / 255.0, copy)
    after = _raw_score(copy, val)
    losses = (before.dice_positive - after.dice_positive, before.dice_lungs - after.dice_lungs)
    loss = max((one for one in losses if np.isfinite(one)), default=None)
    say({"int8_loss_of_dice": loss and round(loss, 5), "allowed": config.int8_loss})
    keep = loss is not None and loss <= config.int8_loss
    for name in ("network.xml", "network.bin"):
        if keep:
            (copy / name).replace(folder / name)
        else:
            (copy / name).unlink()
    copy.rmdir()
    return "int8" if keep else "float"


def _raw_score(folder: Path, films: Films) -> Score:
    outputs = read_outputs(folder, films)
    return score_films(outputs.maps, class_log_odds(outputs.logits), films)


def is_finished(folder: Path) -> bool:
    """Whether a run's model folder is there with all that is fitted on it."""
    return (folder / MANIFEST).exists() and bool(read_manifest(folder).training.finished)


def read_extents(snapshot: Path) -> dict[str, float]:
    """Radiologists' geographic extent, 0 to 8, by film_id: the mean where several read a film."""
    from infmap.catalog.snapshot import read_scores

    read: dict[str, list[float]] = {}
    for row in read_scores(snapshot):
        if row["name"] == EXTENT:
            read.setdefault(row["film_id"], []).append(row["value"])
    return {film_id: sum(values) / len(values) for film_id, values in read.items()}


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
