"""Several processes that train one network: on this machine, or on a Ray cluster.

The loop talks to a ``Group`` and does not know how many it is. One process is ``Alone`` and never
touches torch.distributed. Of several, each holds the whole network and works on its share of a
step's micro-batches; rank 0 alone looks at Val, logs and writes the checkpoint.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from infmap.compute.processes import begin_worker
from infmap.core.errors import InfmapError, UsageError
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films

Item = TypeVar("Item")
Log = Callable[[dict[str, Any]], None]
FILMS = "films-in-training"
"""Folder, in the model folder to be, of the arrays that a machine's processes map."""
_ARRAYS = ("images", "masks", "known", "classes")
# The others wait for rank 0 while it looks at Val; a rank that died is noticed at once anyway.
WAIT = timedelta(hours=12)
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


class Group(Protocol):
    """The processes that train together."""

    @property
    def rank(self) -> int:
        """This one's number; 0 leads."""

    @property
    def size(self) -> int:
        """How many they are."""

    @property
    def device(self) -> torch.device:
        """Where this one computes."""

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the group, in place.

        Args:
            tensors: floating point, of the same shapes in the same order on every rank.
        """

    def share(self, value: Item) -> Item:
        """Rank 0's value, on every rank; those that come early wait."""


@dataclass(frozen=True)
class Alone:
    """A group of one process."""

    device: torch.device
    rank: int = 0
    size: int = 1

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Nothing to do: one value is its own mean."""

    def share(self, value: Item) -> Item:
        """The value itself."""
        return value


@dataclass(frozen=True)
class Together:
    """A rank of an initialised torch.distributed group."""

    device: torch.device
    rank: int
    size: int

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Sum all tensors in one message and divide."""
        flat = torch.cat([t.detach().reshape(-1).float() for t in tensors])  # (all elements,)
        torch.distributed.all_reduce(flat)
        flat.div_(self.size)
        parts = flat.split([t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def share(self, value: Item) -> Item:
        """Broadcast rank 0's value."""
        box: list[Any] = [value if self.rank == 0 else None]
        torch.distributed.broadcast_object_list(box, src=0)
        shared: Item = box[0]
        return shared


def alone(config: TrainingConfig) -> Alone:
    """The group of one process, on the configuration's device.

    Raises:
        UsageError: the device does not exist.
    """
    return Alone(torch.device("cuda" if _uses_cuda(config) else "cpu"))


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
        if processes > 1 and _uses_cuda(config) and torch.cuda.device_count() < processes:
            raise UsageError(
                f"{processes} processes need a GPU each, found {torch.cuda.device_count()}: "
                f"fewer processes, or device: cpu"
            )
    elif on == "ray" or on.startswith("ray://"):
        from infmap.compute.cluster import require_ray

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
        films: films to learn from.
        val: films to watch the run by.
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
        _launch_here(config, films, val, folder, log, processes)
    else:
        from infmap.training.cluster import launch_on_ray

        launch_on_ray(config, films, val, folder, log, processes, on)


def _uses_cuda(config: TrainingConfig) -> bool:
    found = torch.cuda.is_available()
    if config.device == "cuda" and not found:
        raise UsageError("device 'cuda' was asked for, but torch sees no CUDA device: use 'auto'")
    return found and config.device != "cpu"


def train_rank(
    config: TrainingConfig, films: Films, val: Films, folder: Path, group: Group, put: Any
) -> None:
    """One rank's work; records of rank 0 and errors of any rank go to ``put``."""
    from infmap.training.loop import train

    def log(record: dict[str, Any]) -> None:
        put(("record", record))

    try:
        train(config, films, val, folder, log, group)
    except InfmapError as error:
        put(("error", (type(error).__name__, str(error))))
        raise


def deliver(item: tuple[str, Any], log: Log, errors: list[InfmapError]) -> None:
    """Pass on what a rank put: a record to the log, an error to the list."""
    kind, value = item
    if kind == "record":
        log(value)
    else:
        from infmap.core import errors as tree

        name, message = value
        error = InfmapError.__new__(getattr(tree, name))
        error.args = (message,)
        errors.append(error)


def _launch_here(
    config: TrainingConfig, films: Films, val: Films, folder: Path, log: Log, processes: int
) -> None:
    """Start the ranks and pass on their records until all have ended.

    The films are written once and mapped by every rank, so that a machine holds them once, in
    its page cache, without a limit like that of shared memory in containers.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

    arrays = folder / FILMS
    for name, part in (("learn", films), ("val", val)):
        _write_films(part, arrays / name)
    queue: Any = torch.multiprocessing.get_context("spawn").SimpleQueue()
    errors: list[InfmapError] = []

    def drain() -> None:
        while not queue.empty():
            deliver(queue.get(), log, errors)

    with tempfile.TemporaryDirectory() as meeting:
        store = Path(meeting) / "ranks"
        arguments = (config, arrays, folder, processes, store, torch.get_num_threads(), queue)
        ranks: Any = spawn(_work_here, arguments, processes, join=False)
        try:
            while not ranks.join(timeout=0.1):
                drain()
            drain()
        except ProcessRaisedException:
            drain()
            if errors:
                raise errors[0] from None
            raise
        except ProcessExitedException as error:
            raise InfmapError(
                f"a training process was ended from outside ({error}), perhaps for want of "
                f"memory: go on with --resume"
            ) from error
        finally:
            for process in ranks.processes:
                if process.is_alive():
                    process.terminate()
            shutil.rmtree(arrays, ignore_errors=True)


def _work_here(
    rank: int,
    config: TrainingConfig,
    arrays: Path,
    folder: Path,
    size: int,
    store: Path,
    threads: int,
    queue: Any,
) -> None:
    parent = torch.multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        begin_worker(parent.pid)
    os.environ.update(GLOO_SOCKET_IFNAME=_LOOPBACK, NCCL_SOCKET_IFNAME=_LOOPBACK)
    cuda = _uses_cuda(config)
    device = torch.device("cuda", rank) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    torch.set_num_threads(max(1, threads // size))
    distributed: Any = torch.distributed
    distributed.init_process_group(
        "nccl" if cuda else "gloo",
        store=distributed.FileStore(str(store), size),
        rank=rank,
        world_size=size,
        timeout=WAIT,
    )
    films, val = _map_films(arrays / "learn"), _map_films(arrays / "val")
    train_rank(config, films, val, folder, Together(device, rank, size), queue.put)
    distributed.destroy_process_group()


def _write_films(films: Films, folder: Path) -> None:
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(films, name))
    sources = [{"source": row["source"]} for row in films.rows]
    (folder / "rows.json").write_text(json.dumps(sources), encoding="utf-8")


def _map_films(folder: Path) -> Films:
    import json

    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return Films(rows, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS))
