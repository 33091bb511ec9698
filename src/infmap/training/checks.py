"""What cannot work is refused before the first step of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from infmap.catalog.rows import Film
from infmap.core.errors import UsageError
from infmap.core.types import Truth
from infmap.training.config import PARTS, Stage, TrainingConfig, split_part
from infmap.training.dataset import INFECTION, Films, film_class
from infmap.training.parts import RunFilms


def check_choice(config: TrainingConfig, chosen: RunFilms) -> None:
    """Refuse too few training films, and none to validate on; no film is decoded for it.

    Raises:
        UsageError: a stage has fewer films than a step, or there is none to validate on.
    """
    # Half of the phantoms are normal, see ``render_phantoms``; of the others nothing is known.
    phantoms = [("phantom", PARTS[2 + i % 2]) for i in range(config.phantoms)]
    labels = [film_label(row) for row in chosen.learn] + phantoms
    for stage in config.stages:
        check_stage(config, stage, labels)
    if not chosen.validate:
        named = config.validation_sources or sorted(
            {source for stage in config.stages for source in stage.source_names} - {"phantom"}
        )
        raise UsageError(
            f"{config.snapshot}: has no film of the part val of {', '.join(named)} that is not "
            "held out; infmap catalog split makes fold 0 that part"
        )


def check_stage(config: TrainingConfig, stage: Stage, labels: Iterable[tuple[str, str]]) -> int:
    """Films that a stage sees an epoch.

    Args:
        config: the run.
        stage: one of its stages.
        labels: source and class of all training films, see ``film_label``.

    Raises:
        UsageError: they are fewer than a step takes.
    """
    there = Counter(labels)
    count = sum(
        round(repeats * sum(n for label, n in there.items() if matches(name, label)))
        for name, repeats in stage.sources.items()
    )
    step = config.batch_size * config.micro_batches
    if count < step:
        raise UsageError(
            f"a stage has {count} films, fewer than a step's {step}: "
            f"are its sources {', '.join(stage.sources)} in the snapshot? else lower batch_size"
        )
    return count


def film_label(row: Film) -> tuple[str, str]:
    """Source and class, one of ``PARTS``, of a snapshot row."""
    return row["source"], class_name(film_class(row))


def class_name(index: int) -> str:
    """One of ``PARTS`` for a class of ``Films``."""
    return PARTS[index] if index >= 0 else PARTS[-1]


def matches(name: str, label: tuple[str, str]) -> bool:
    """Whether a key of ``Stage.sources`` names a film of this source and class."""
    source, part = split_part(name)
    return source == label[0] and part in (None, label[1])


def check_truth(config: TrainingConfig, films: Films, val: Films) -> list[str]:
    """Refuse films that nothing can be trained on.

    Args:
        config: the run.
        films: for training, phantoms among them.
        val: to validate on.

    Returns:
        What the films leave open, a line each: it costs figures, not the run.

    Raises:
        UsageError: a map or the class is to be trained, and nothing or one side of it is known.
    """
    infection, opacity, lungs = config.loss.map_weights
    known = films.dense
    if not (known & (np.array(config.loss.map_weights) > 0)).any() and infection + opacity + lungs:
        raise UsageError(
            f"none of the {len(films)} training films has a mask; ingest masks, or train the "
            "class alone with loss.map_weights: [0, 0, 0]"
        )
    shown = ((films.masks & INFECTION) > 0).any(axis=(1, 2)) & known[:, 0]
    if infection and not shown.any():
        raise UsageError(
            f"none of the {len(films)} training films has infection in its mask; ingest such "
            "films, or set the first of loss.map_weights to 0"
        )
    fresh = not Path(config.network.weights).is_dir()  # else the lungs were trained before
    if lungs and fresh and not known[:, 2].any():
        named = "any source" if config.lung_sources is None else ", ".join(config.lung_sources)
        raise UsageError(
            f"none of the {len(films)} training films has a lung mask of {named}, see "
            "lung_sources; without lungs nothing is predicted; phantoms: 100 adds rendered ones"
        )
    notes = []
    some = (films.truth == Truth.SOMEWHERE).sum(axis=0)
    if config.loss.somewhere_weight and some.any():
        notes.append(f"somewhere in the lungs: infection on {some[0]} films, opacity on {some[1]}")
    if config.loss.class_weight:
        notes += _check_classes(films)
    for sure, what in ((val.dense[:, 0], "infection"), (val.covid19 >= 0, "class")):
        if not sure.any():
            notes.append(f"no validation film has a known {what}: its operating point stays as is")
    if config.patience is not None and not (val.dense[:, 0]).any():
        raise UsageError("patience needs validation films whose infection is known; set it to null")
    return notes


def _check_classes(films: Films) -> list[str]:
    # Phantoms are known to be normal, but would teach what is a phantom, not what is a class.
    real = np.array([row["source"] != "phantom" for row in films.rows], np.bool_)
    covid19 = films.covid19[real & (films.covid19 >= 0)]
    if not real.any():
        return []
    if not len(covid19):
        return ["no training film has a known class: the class is not trained"]
    if covid19.min() == covid19.max():
        side = "of COVID-19" if covid19[0] else "without COVID-19"
        raise UsageError(
            f"all {len(covid19)} training films of known class are {side}: the class cannot "
            "be learned from one side; ingest others, or set loss.class_weight: 0"
        )
    return []
