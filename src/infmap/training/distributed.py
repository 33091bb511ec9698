"""Several processes of one machine that train one network together."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch

from infmap.catalog.rows import Film
from infmap.compute.processes import begin_worker
from infmap.core import errors as tree
from infmap.core.errors import InfmapError
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.group import Group, Together, uses_cuda
from infmap.training.log import Log, Record
from infmap.training.loop import train

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

Message: TypeAlias = tuple[Literal["record"], Record] | tuple[Literal["error"], tuple[str, str]]
"""What a rank tells the process that started it: a record, or an error's class and message."""

FILMS = "films-in-training"
"""Folder, in the model folder to be, of the arrays that a machine's processes map."""
_ARRAYS = ("images", "masks", "truth", "classes")
# The others wait for rank 0 while it validates; a rank that died is noticed at once anyway.
WAIT = timedelta(hours=12)
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def train_rank(
    config: TrainingConfig,
    films: Films,
    val: Films,
    folder: Path,
    group: Group,
    put: Callable[[Message], None],
) -> None:
    """One rank's work; records of rank 0 and errors of any rank go to ``put``."""

    def log(record: Record) -> None:
        put(("record", record))

    try:
        train(config, films, val, folder, log, group)
    except InfmapError as error:
        put(("error", (type(error).__name__, str(error))))
        raise


def deliver(item: Message, log: Log, errors: list[InfmapError]) -> None:
    """Pass on what a rank put: a record to the log, an error to the list."""
    if item[0] == "record":
        log(item[1])
    else:
        name, message = item[1]
        error = InfmapError.__new__(getattr(tree, name))
        error.args = (message,)
        errors.append(error)


def launch_here(
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
    queue: SimpleQueue[Message] = torch.multiprocessing.get_context("spawn").SimpleQueue()
    errors: list[InfmapError] = []

    def drain() -> None:
        while not queue.empty():
            deliver(queue.get(), log, errors)

    with tempfile.TemporaryDirectory() as meeting:
        store = Path(meeting) / "ranks"
        arguments = (config, arrays, folder, processes, store, torch.get_num_threads(), queue)
        ranks = spawn(_work_here, arguments, processes, join=False)
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
    queue: SimpleQueue[Message],
) -> None:
    parent = torch.multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        begin_worker(parent.pid)
    os.environ.update(GLOO_SOCKET_IFNAME=_LOOPBACK, NCCL_SOCKET_IFNAME=_LOOPBACK)
    cuda = uses_cuda(config)
    device = torch.device("cuda", rank) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    torch.set_num_threads(max(1, threads // size))
    torch.distributed.init_process_group(
        "nccl" if cuda else "gloo",
        # torch has it on systems with a file lock alone, so it is not among the names it exports.
        store=torch.distributed.FileStore(str(store), size),  # type: ignore[attr-defined]
        rank=rank,
        world_size=size,
        timeout=WAIT,
    )
    films, val = _map_films(arrays / "learn"), _map_films(arrays / "val")
    train_rank(config, films, val, folder, Together(device, rank, size), queue.put)
    torch.distributed.destroy_process_group()


def _write_films(films: Films, folder: Path) -> None:
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(films, name))
    sources = [{"source": row["source"]} for row in films.rows]
    (folder / "rows.json").write_text(json.dumps(sources), encoding="utf-8")


def _map_films(folder: Path) -> Films:
    import json

    rows: list[Film] = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return Films(rows, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS))
