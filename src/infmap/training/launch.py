"""Where the processes of a run are started: on this machine, or on a Ray cluster."""

from __future__ import annotations

from pathlib import Path

import torch

from infmap.compute.cluster import require_ray
from infmap.core.errors import UsageError
from infmap.training.cluster import launch_on_ray
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.distributed import launch_here
from infmap.training.group import uses_cuda
from infmap.training.log import Log


def check_processes(config: TrainingConfig, processes: int, on: str) -> None:
    """Refuse early what cannot be launched.

    Raises:
        UsageError: the micro-batches cannot be shared evenly, there are too few GPUs, or the
            place is unknown.
        MissingExtra: Ray is asked for and not installed.
    """
    if processes < 1 or config.micro_batches % processes:
        raise UsageError(
            f"{config.micro_batches} micro-batches cannot be shared evenly among {processes} "
            f"processes: choose micro_batches as a multiple of the processes"
        )
    if on == "local":
        if processes > 1 and uses_cuda(config) and torch.cuda.device_count() < processes:
            raise UsageError(
                f"{processes} processes need a GPU each, found {torch.cuda.device_count()}: "
                f"fewer processes, or device: cpu"
            )
    elif on == "ray" or on.startswith("ray://"):
        require_ray("infmap train", "ray.train.torch")
    else:
        raise UsageError(f"--on {on}: expected local, ray, or ray://HOST:PORT")


def launch(
    config: TrainingConfig,
    films: Films,
    val: Films,
    folder: Path,
    log: Log,
    processes: int,
    on: str,
) -> None:
    """Train with several processes; the finished run is the folder's checkpoint.

    Args:
        config: the whole run.
        films: training films.
        val: validation films.
        folder: where the checkpoint is kept; with Ray, on storage that every machine sees.
        log: called in this process with the records of rank 0.
        processes: how many; on GPUs one each.
        on: "local" for this machine, "ray" for the running cluster or else a new one on this
            machine, "ray://HOST:PORT" for a cluster's client port.

    Raises:
        InfmapError: what a rank raised, or that one was killed.
    """
    check_processes(config, processes, on)
    if on == "local":
        launch_here(config, films, val, folder, log, processes)
    else:
        launch_on_ray(config, films, val, folder, log, processes, on)
