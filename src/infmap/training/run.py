"""One training run, from a snapshot to a model folder that predicts."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from infmap.inference.manifest import MANIFEST, Manifest, Training, read_manifest, write_manifest
from infmap.inference.preprocess import Preprocessing
from infmap.training.calibration import (
    calibrate,
    read_outputs,
    unseen,
    unseen_readings,
)
from infmap.training.checks import check_choice, check_truth
from infmap.training.config import TrainingConfig
from infmap.training.dataset import (
    UNKNOWN,
    join_films,
    load_films,
    render_phantoms,
    with_weak_labels,
)
from infmap.training.export import export
from infmap.training.int8 import choose_precision
from infmap.training.launch import check_processes, launch
from infmap.training.log import Log
from infmap.training.loop import train
from infmap.training.origins import inherited_films, write_training_films
from infmap.training.pack import find_pack
from infmap.training.parts import check_hold_out, select_films
from infmap.training.regions import with_lungs
from infmap.training.scoring import scored
from infmap.training.snapshot import read_extents, read_rows
from infmap.training.start import starting_loss, starting_network


def run(
    config: TrainingConfig,
    folder: Path,
    say: Log,
    *,
    processes: int = 1,
    on: str = "local",
) -> Manifest:
    """Train, export, and fit operating points and calibrations on films that were not trained on.

    Args:
        config: the run.
        folder: the model folder to be; a checkpoint in it is gone on from.
        say: called with one record at a time, for logs and progress.
        processes: that train together.
        on: where they run, see ``infmap.training.launch.launch``.

    Raises:
        SnapshotError: the snapshot is missing or damaged, or a film cannot be loaded.
        ModelError: the folder holds a run of another configuration, or the weights to start
            from cannot be read.
        UsageError: the configuration asks for what does not exist, or for what its films cannot
            teach, see ``infmap.training.checks``.
        MissingExtra: Ray is asked for and not installed.
    """
    check_processes(config, processes, on)
    starting_loss(config)
    start = starting_network(config)
    folder.mkdir(parents=True, exist_ok=True)
    rows, resolve = read_rows(config.snapshot)
    spec = Preprocessing(size=config.size)
    check_hold_out(rows, config)
    chosen = select_films(rows, config)
    inherited, notes = inherited_films(config, rows, chosen)
    # What an origin learned from says nothing of how good this network is on films it never saw.
    chosen = replace(chosen, validate=unseen(chosen.validate, rows, inherited))
    check_choice(config, chosen)
    learn, validate = chosen.learn, chosen.validate
    say({"films": len(learn), "validation_films": len(validate), "left_out": chosen.left_out})
    pack = find_pack(config.snapshot, spec)
    films = load_films(learn, resolve, spec, config.lung_sources, pack=pack)
    films = with_weak_labels(films, config.somewhere)
    if start.has_maps:  # it knows lungs; an encoder alone does not
        films = with_lungs(films, start.network, config)
    if config.phantoms:
        rendered = render_phantoms(config.phantoms, spec)
        if not (films.covid19 >= 0).any():  # else the class would be trained on normals alone
            rendered.classes[:] = UNKNOWN
        films = join_films(films, rendered)
    val = load_films(validate, resolve, spec, config.lung_sources, pack=pack)
    for note in notes + check_truth(config, films, val):
        say({"note": note})
    if processes > 1 or on != "local":
        launch(config, films, val, folder, say, processes, on)
    network = train(config, films, val, folder, say)  # where all is done, reads the checkpoint

    export(network, folder, config.size, config.second_reading)
    trained_on = {row["film_id"] for row in learn} | inherited
    write_training_films(folder, trained_on)
    training = Training(
        sources=tuple(sorted({row["source"] for row in learn})),
        films=len(learn),
        weights=start.weights,
        configuration=json.loads(config.model_dump_json()),
    )
    manifest = Manifest(config.name, config.version, spec, training=training)
    write_manifest(folder, manifest)  # it predicts from here on, whatever fails below
    precision = choose_precision(folder, films, val, config, say)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    training = replace(training, precision=precision, finished=today)
    manifest = replace(manifest, training=training)
    extents = read_extents(config.snapshot)
    read = unseen_readings(chosen, rows, trained_on, extents)
    more = load_films(read, resolve, spec, config.lung_sources, pack=pack)
    outputs = read_outputs(folder, join_films(val, more))
    validation = np.arange(len(outputs)) < len(val)
    manifest = calibrate(manifest, outputs, validation, extents)
    manifest, figures = scored(manifest, outputs.part(validation))
    write_manifest(folder, manifest)
    say({"finished": str(folder), **figures.to_dict()})
    return manifest


def is_finished(folder: Path) -> bool:
    """Whether a run's model folder is there with all that is fitted on it."""
    return (folder / MANIFEST).exists() and bool(read_manifest(folder).training.finished)
