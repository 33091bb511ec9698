"""What cannot work is refused before the first step of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from infmap.core.errors import UsageError
from infmap.core.types import Truth
from infmap.training.config import Stage, TrainingConfig
from infmap.training.dataset import INFECTION, Films
from infmap.training.parts import Row, RunFilms


def check_choice(config: TrainingConfig, chosen: RunFilms) -> None:
    """Refuse too few films to learn from, and none to validate on; no film is decoded for it.

    Raises:
        UsageError: a stage has fewer films than a step, or there is none to validate on.
    """
    phantoms: list[Row] = [{"source": "phantom"}] * config.phantoms
    for stage in config.stages:
        check_stage(config, stage, (row["source"] for row in chosen.learn + phantoms))
    if not chosen.validate:
        named = config.validation_sources or sorted({s for stage in config.stages for s in
                                                     stage.sources} - {"phantom"})  # fmt: skip
        raise UsageError(
            f"{config.snapshot}: has no film of the part val of {', '.join(named)} that is not "
            "held out; infmap catalog split makes fold 0 that part"
        )


def check_stage(config: TrainingConfig, stage: Stage, sources: Iterable[str]) -> int:
    """Films that a stage sees an epoch, of the sources of all films to learn from.

    Raises:
        UsageError: they are fewer than a step takes.
    """
    there = Counter(sources)
    count = sum(round(repeats * there[source]) for source, repeats in stage.sources.items())
    step = config.batch_size * config.micro_batches
    if count < step:
        raise UsageError(
            f"a stage has {count} films, fewer than a step's {step}: "
            f"are its sources {', '.join(stage.sources)} in the snapshot? else lower batch_size"
        )
    return count


def check_truth(config: TrainingConfig, films: Films, val: Films) -> list[str]:
    """Refuse films of which nothing can be learnt.

    Args:
        config: the run.
        films: to learn from, phantoms among them.
        val: to validate on.

    Returns:
        What the films leave open, a line each: it costs figures, not the run.

    Raises:
        UsageError: a map or the class is to be learnt, and nothing or one side of it is known.
    """
    infection, opacity, lungs = config.loss.map_weights
    known = films.dense
    if not (known & (np.array(config.loss.map_weights) > 0)).any() and infection + opacity + lungs:
        raise UsageError(
            f"none of the {len(films)} films to learn from has a mask; ingest masks, or learn the "
            "class alone with loss.map_weights: [0, 0, 0]"
        )
    shown = ((films.masks & INFECTION) > 0).any(axis=(1, 2)) & known[:, 0]
    if infection and not shown.any():
        raise UsageError(
            f"none of the {len(films)} films to learn from has infection in its mask; ingest such "
            "films, or set the first of loss.map_weights to 0"
        )
    fresh = not Path(config.network.weights).is_dir()  # else the lungs were learnt before
    if lungs and fresh and not known[:, 2].any():
        named = "any source" if config.lung_sources is None else ", ".join(config.lung_sources)
        raise UsageError(
            f"none of the {len(films)} films to learn from has a lung mask of {named}, see "
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
        return ["no film to learn from has a known class: the class is not learnt"]
    if covid19.min() == covid19.max():
        side = "of COVID-19" if covid19[0] else "without COVID-19"
        raise UsageError(
            f"all {len(covid19)} films of known class to learn from are {side}: the class cannot "
            "be learnt from one side; ingest others, or set loss.class_weight: 0"
        )
    return []
