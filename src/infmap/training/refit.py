"""Fit a model folder's operating points again, on films that some network was not trained on.

A model that was trained on all films there are has none left to be calibrated on. Networks of a
cross-validation of the same recipe stand in for it: each film is read by one that was trained on no
film of its patient or near-duplicates (``benchmarks/cross_validation.py`` trains them). They run as
the model does: in int8 where the model ships in int8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infmap.catalog.groups import VAL, own_part
from infmap.catalog.renamed import current_source
from infmap.catalog.rows import Film
from infmap.catalog.truth import mask_paths
from infmap.core.errors import ModelError
from infmap.inference.manifest import Manifest, read_manifest, verify_files, write_manifest
from infmap.training.calibration import Outputs, calibrate, read_outputs, unseen
from infmap.training.dataset import Films, film_class, join_films, load_films
from infmap.training.export import quantize
from infmap.training.int8 import CALIBRATION_FILMS
from infmap.training.log import Log
from infmap.training.operating import labelled_films
from infmap.training.origins import training_films
from infmap.training.pack import find_pack
from infmap.training.scoring import area_errors, scored
from infmap.training.snapshot import read_extents, read_rows

LUNG_SOURCES = ("covid-qu-ex", "general-blockchain")
"""Sources whose lung masks are drawn on the film itself."""


def refit(
    folder: Path,
    snapshot: Path,
    folds: Sequence[Path],
    say: Log,
    *,
    work: Path,
    version: str | None = None,
) -> Manifest:
    """Fit thresholds, detection and severity of a model folder, and write its manifest.

    Args:
        folder: the model folder; the same films and folds give the same manifest again.
        snapshot: films to fit on; those that ``validated_on`` names decide on detection.
        folds: model folders of a cross-validation, may be none.
        say: called with one record at a time.
        work: folder for int8 copies of the folds' networks.
        version: of the model from now on; as it is without.

    Raises:
        ModelError: a model folder is damaged, or does not say what it was trained on.
        SnapshotError: the snapshot is missing or damaged.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    rows, _ = read_rows(snapshot)
    extents = read_extents(snapshot)
    labelled = labelled_films(rows)
    wanted = [
        row
        for row, val in zip(rows, validated_on(manifest, rows), strict=True)
        if val or _useful(row) or row["film_id"] in extents or row["film_id"] in labelled
    ]
    outputs = out_of_fold(folder, manifest, snapshot, wanted, folds, say, work=work)
    validation = validated_on(manifest, outputs.films.rows)
    fitted = calibrate(manifest, outputs, validation, extents)
    fitted, _ = scored(fitted, outputs.part(validation))
    fitted = replace(fitted, version=version or fitted.version)
    write_manifest(folder, fitted)
    return fitted


def measure_areas(folder: Path, snapshot: Path, say: Log) -> Manifest:
    """Measure how far a model folder's areas are from drawn ones, and write its manifest.

    Nothing is fitted: every other field stays as it is. Films are those of the validation set that
    share no patient or near-duplicate with a training image of the model.

    Args:
        folder: the model folder.
        snapshot: films to measure on, see ``validated_on``.
        say: called with one record at a time.

    Raises:
        ModelError: the model folder is damaged, does not say what it was trained on, or was trained
            on every film.
        SnapshotError: the snapshot is missing or damaged.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    rows, _ = read_rows(snapshot)
    validation = validated_on(manifest, rows)
    wanted = [row for row, val in zip(rows, validation, strict=True) if val]
    outputs = out_of_fold(folder, manifest, snapshot, wanted, (), say, work=folder)
    manifest = replace(manifest, areas=area_errors(manifest, outputs))
    write_manifest(folder, manifest)
    return manifest


def validated_on(manifest: Manifest, rows: Sequence[Film]) -> NDArray[np.bool_]:
    """Films on which detection is decided, bool (N,): those of a part ``val``.

    Of the sources that the model's configuration validates on; else, where a publisher names
    validation films, of those alone.
    """
    sources = manifest.training.configuration.get("validation_sources")
    named = {row["source"] for row in rows if row["official_split"] == VAL}
    wanted = set(map(current_source, sources or named or {row["source"] for row in rows}))
    return np.array([own_part(row) == VAL and row["source"] in wanted for row in rows], np.bool_)


def out_of_fold(
    folder: Path,
    manifest: Manifest,
    snapshot: Path,
    films: Sequence[Film],
    folds: Sequence[Path],
    say: Log,
    *,
    work: Path,
) -> Outputs:
    """Read films of a snapshot, each by a network that was trained on no film of its group.

    The model itself reads what it can, then each fold in turn; films that all of them were trained
    on are left out. All films are brought to the network by the model's own preprocessing.
    """
    rows, resolve = read_rows(snapshot)
    spec = manifest.preprocessing

    def load(some: Sequence[Film]) -> Films:
        return load_films(some, resolve, spec, LUNG_SOURCES, pack=find_pack(snapshot, spec))

    left = list(films)
    parts = []
    for network in (folder, *folds):
        trained_on = training_films(network)
        read = unseen(left, rows, trained_on)
        if not read:
            continue
        deployed = network
        if network != folder and manifest.training.precision == "int8":
            deployed = int8_copy(
                network, [r for r in rows if r["film_id"] in trained_on], load, work
            )
        parts.append(read_outputs(deployed, load(read)))
        done = {row["film_id"] for row in read}
        left = [row for row in left if row["film_id"] not in done]
        say({"network": network.name, "films": len(read), "left": len(left)})
    if not parts:
        raise ModelError(f"{folder}: was trained on every film of {snapshot}; give folds")
    return join_outputs(parts)


def _useful(row: Film) -> bool:
    """Whether the opacity threshold or the severity can be decided on a film."""
    return film_class(row) == 2 or mask_paths(row)[1] is not None


def int8_copy(
    folder: Path, trained_on: Sequence[Film], load: Callable[[Sequence[Film]], Films], work: Path
) -> Path:
    """A folder with the int8 copy of a fold's network, made once, as ``infmap train`` makes it."""
    target = work / f"{folder.name}-int8"
    if not (target / "network.xml").is_file():
        seed = int(read_manifest(folder).training.configuration.get("seed", 0))
        chosen = np.random.default_rng(seed).permutation(len(trained_on))[:CALIBRATION_FILMS]
        films = load([trained_on[i] for i in chosen])
        quantize(folder, films.images.astype(np.float32) / 255.0, target)
    return target


def join_outputs(parts: Sequence[Outputs]) -> Outputs:
    """Outputs of several networks as one set."""
    return Outputs(
        reduce(join_films, [part.films for part in parts]),
        np.concatenate([part.maps for part in parts]),
        np.concatenate([part.logits for part in parts]),
    )
