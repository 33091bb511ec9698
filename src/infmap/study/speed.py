"""Milliseconds a film of a study's networks, one film at a time, all in one process and in turns.

Times that each run would take at its own end do not compare: other runs train beside it. In turns
every network meets the same machine.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import numpy as np

from infmap.api import model_folder
from infmap.core.errors import ModelError, UsageError
from infmap.inference.manifest import read_manifest
from infmap.inference.runtimes import Float32, Runtime, open_runtime
from infmap.study.records import Speeds, Timed
from infmap.study.study import SPEED, Study, write_json
from infmap.study.worker import processor

CALLS = 10
"""Calls of one network before it is the next one's turn: the caches are its own from the second."""


def time_networks(study: Study, rounds: int, beside: str | None = None) -> Speeds:
    """Time every exported network that is done on OpenVINO, and write STUDY/speed.json.

    A model that was scored beside the study is timed with it, at its own input size and in its own
    number format.

    Args:
        study: whose networks.
        rounds: turns of each network, each of ``CALLS`` calls.
        beside: a model folder or name to time with them; shipped models that were scored beside the
            study are timed by their name.

    Raises:
        UsageError: no network was exported.
        ModelError: the model is damaged or unknown.
        MissingExtra: OpenVINO is not installed.
    """
    folders = _networks(study, beside)
    if not folders:
        raise UsageError(f"{study.folder}: no exported network to time; run the study first")
    load = os.getloadavg()[0]  # before this process adds to it
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    timed: dict[str, Timed] = {}
    runs: list[tuple[str, Runtime, Float32]] = []
    for name, folder in folders.items():
        manifest = read_manifest(folder)
        size = manifest.preprocessing.size
        film = np.zeros((1, 1, size, size), np.float32)
        runs.append((name, open_runtime("openvino", folder, threads=threads), film))
        timed[name] = {"ms": 0.0, "size": size, "precision": manifest.training.precision}
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    for _ in range(rounds):
        for name, runtime, film in runs:
            runtime(film)  # after the others it warms up, uncounted
            for _ in range(CALLS):
                began = time.perf_counter()
                runtime(film)
                seconds[name].append(time.perf_counter() - began)
    for name, taken in seconds.items():
        timed[name]["ms"] = round(1e3 * statistics.median(taken), 2)
    found: Speeds = {
        "runtime": "OpenVINO",
        "processor": processor(),
        "threads": threads or 1,
        "load": round(load, 1),
        "calls": rounds * CALLS,
        "networks": timed,
    }
    write_json(study.folder / SPEED, found)
    return found


def _networks(study: Study, beside: str | None) -> dict[str, Path]:
    """Folders of the grid's exported networks by run, and of models beside by their label."""
    folders = {
        run.id: study.path(run)
        for run in study.runs
        if study.result(run) is not None and not study.repeats(run)
    }
    folders = {name: path for name, path in folders.items() if (path / "network.xml").exists()}
    names = [model["model"].partition("@")[0] for model in study.beside()]
    for name in (*names, *((beside,) if beside else ())):
        try:
            folder = model_folder(name)
        except ModelError:
            if name == beside:
                raise
            continue  # scored from a folder that only its user knows
        folders[read_manifest(folder).label] = folder
    return folders
