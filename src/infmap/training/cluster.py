"""Training on a Ray cluster: any number of machines, on the loop that one process runs."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Protocol, TypedDict

from infmap.compute.cluster import join_cluster
from infmap.core.errors import InfmapError, UsageError
from infmap.training.config import TrainingConfig
from infmap.training.dataset import Films
from infmap.training.distributed import WAIT, Message, deliver, train_rank
from infmap.training.group import Together
from infmap.training.log import Log


class Queue(Protocol):
    """Ray's queue, as a rank uses it."""

    def put(self, item: Message) -> None:
        """Wait for room, then add one."""


class Work(TypedDict):
    """What every rank gets; of the films, where they lie in Ray's object store."""

    config: str
    folder: str
    token: str
    films: object
    val: object
    queue: Queue


def launch_on_ray(
    config: TrainingConfig,
    films: Films,
    val: Films,
    folder: Path,
    log: Log,
    processes: int,
    on: str,
) -> None:
    """Hand the ranks to Ray Train; the films go to the object store, once a machine."""
    ray, began = join_cluster(on, "infmap train", "ray.train.torch", "ray.util.queue")
    token = folder / f".launch-{uuid.uuid4().hex}"
    token.touch()
    queue = ray.util.queue.Queue(actor_options={"num_cpus": 0})
    errors: list[InfmapError] = []
    try:
        gpu = config.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= processes
        work = Work(config=config.model_dump_json(), folder=str(folder.resolve()), token=token.name,
                    films=ray.put(films), val=ray.put(val), queue=queue)  # fmt: skip
        fit = ray.remote(num_cpus=0, max_retries=0)(_fit_on_ray)
        running = fit.remote(work, processes, bool(gpu), str(folder.resolve() / "ray"))
        waiting = [running]
        while waiting:
            _, waiting = ray.wait(waiting, timeout=0.2)
            for item in queue.get_nowait_batch(queue.size()):
                deliver(item, log, errors)
        try:
            ray.get(running)
        except ray.exceptions.RayError as error:
            if errors:
                raise errors[0] from None
            raise InfmapError(f"Ray could not finish the run: {error}") from error
    finally:
        token.unlink(missing_ok=True)
        shutil.rmtree(folder / "ray", ignore_errors=True)
        queue.shutdown(force=True)
        if began:
            ray.shutdown()


def _fit_on_ray(work: Work, processes: int, gpu: bool, storage: str) -> None:
    """Runs inside the cluster, for Ray Train does not run through a client connection."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    TorchTrainer(
        _work_on_ray,
        train_loop_config=work,
        torch_config=TorchConfig(
            backend="nccl" if gpu else "gloo", timeout_s=int(WAIT.total_seconds())
        ),
        scaling_config=ScalingConfig(num_workers=processes, use_gpu=gpu),
        run_config=RunConfig(name="infmap", storage_path=storage),
    ).fit()


def _work_on_ray(work: Work) -> None:
    import ray
    from ray.train import get_context
    from ray.train.torch import get_device

    config = TrainingConfig.model_validate_json(work["config"])
    folder, rank = Path(work["folder"]), get_context().get_world_rank()
    put = work["queue"].put
    if rank == 0 and not (folder / work["token"]).exists():
        message = f"{folder} is not on storage that every machine of the cluster sees"
        put(("error", ("UsageError", message)))
        raise UsageError(message)
    films, val = ray.get([work["films"], work["val"]])
    group = Together(get_device(), rank, get_context().get_world_size())
    train_rank(config, films, val, folder, group, put)
