"""Runs as tasks of a Ray cluster: the same worker's process, started on any node.

The study's folder, the snapshot and its films must lie on a file system that all nodes share, at
the same path, with infmap installed on each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from infmap.compute.cluster import join_cluster
from infmap.core.errors import UsageError
from infmap.study.config import Limits
from infmap.study.launch import WORKER, Exit, Launcher, supervise


class RayLauncher:
    """Workers on a Ray cluster: one GPU each if it has any, else one core.

    Args:
        address: "ray" for the cluster that this machine belongs to (or a new one on it),
            or "ray://host:port" of a Ray client server.
        study: the study's folder, shared by all nodes.
        limits: of each run.
        workers: how many at once.
        command: of a worker; study and run id follow.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: no cluster answers at the address.
    """

    def __init__(
        self,
        address: str,
        study: Path,
        limits: Limits,
        workers: int = 1,
        command: Sequence[str] = WORKER,
    ) -> None:
        ray, _ = join_cluster(address, "infmap study run")
        self._ray: ModuleType = ray
        self._study, self._limits, self._slots = study.resolve(), limits, workers
        self._command = tuple(command)
        gpus = ray.cluster_resources().get("GPU", 0) >= 1
        needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
        self._task = ray.remote(max_retries=0, **needs)(supervise)
        self._tasks: dict[object, str] = {}

    def free(self) -> int:
        """See ``Launcher``."""
        return self._slots - len(self._tasks)

    def start(self, run_id: str, options: Sequence[str]) -> None:
        """See ``Launcher``."""
        command = (*self._command, str(self._study), run_id, "--supervised", *options)
        folder = self._study / "runs" / run_id
        self._tasks[self._task.remote(command, folder, self._limits)] = run_id

    def wait(self) -> list[tuple[str, Exit]]:
        """See ``Launcher``."""
        ready, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=1.0)
        ended = []
        for task in ready:
            run_id = self._tasks.pop(task)
            try:
                ended.append((run_id, self._ray.get(task)))
            except Exception as error:  # the node or the task's process was lost
                first = (str(error).strip() or type(error).__name__).splitlines()[0]
                ended.append((run_id, Exit(1, f"its node was lost: {first}")))
        return ended

    def stop(self) -> None:
        """See ``Launcher``."""
        for task in self._tasks:
            # Ends the task's process; the worker sees its pipe close, and follows.
            self._ray.cancel(task, force=True)
        self._tasks.clear()


def create_launcher(on: str, study: Path, limits: Limits, workers: int | None) -> Launcher:
    """A launcher by where it runs: "local", "ray" or "ray://host:port".

    Raises:
        UsageError: another place, a limit that this system cannot hold, or no cluster.
        MissingExtra: Ray is asked for and not installed.
    """
    from infmap.study.launch import LocalLauncher, visible_gpus

    if not hasattr(os, "killpg"):
        raise UsageError("infmap study run needs process groups: Linux or macOS")
    if on == "local":
        gpus = visible_gpus()
        return LocalLauncher(study, limits, workers or max(1, len(gpus)), gpus=gpus)
    if on == "ray" or on.startswith("ray://"):
        return RayLauncher(on, study, limits, workers or 1)
    raise UsageError(f"--on {on}: expected 'local', 'ray' or 'ray://HOST:PORT'")
