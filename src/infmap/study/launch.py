"""One run in its own process group, supervised from outside: its limits, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from infmap.study.config import Limits

WORKER = (sys.executable, "-m", "infmap.study.worker")
"""The command of a worker; study, run id and options follow."""
LOG = "worker.log"
CLAIMED = 75
"""Exit status of a worker whose run another one holds (EX_TEMPFAIL)."""
# Seconds between looks: short against any run, long against the cost of a look.
POLL_S = 0.1
# Seconds between looks at memory: every process of the machine is read for it.
MEMORY_S = 1.0


@dataclass(frozen=True)
class Exit:
    """How a worker ended.

    Attributes:
        code: exit status; minus the signal's number where a signal ended it.
        reason: why it was stopped from outside; empty if it was not.
    """

    code: int
    reason: str = ""

    def describe(self) -> str:
        """One line for the run's status."""
        if self.reason:
            return self.reason
        if self.code == -signal.SIGKILL:
            return "killed (signal 9): most often the system ran out of memory"
        if self.code < 0:
            return f"crashed ({signal.Signals(-self.code).name}); see {LOG}"
        return f"ended with exit status {self.code}; see {LOG}"


def supervise(
    command: Sequence[str],
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> Exit:
    """Run a worker to its end, or to a limit; no child of it outlives this call.

    The worker's standard input is a pipe that nothing is written to: when this process ends,
    however it ends, the worker reads the end of the file and ends itself with all its children.

    Args:
        command: of the worker, all arguments included.
        folder: the run's; what the worker prints goes to its ``worker.log``.
        limits: of the run.
        environment: variables over those of this process.
        stop: set to end the worker now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reason = ""
    log: IO[bytes]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    started = looked = time.monotonic()
    try:
        while not _ended(process.pid):
            now = time.monotonic()
            if limits.minutes is not None and now - started > 60.0 * limits.minutes:
                reason = f"over its time limit of {limits.minutes:g} minutes"
            elif limits.memory_gib is not None and now - looked >= MEMORY_S:
                looked = now
                if resident_bytes(process.pid) > limits.memory_gib * 2**30:
                    reason = f"over its memory limit of {limits.memory_gib:g} GiB"
            if reason or (stop is not None and stop.is_set()):
                break
            time.sleep(POLL_S)
    finally:
        # Children of a worker that crashed go with it; before its id can be given to another.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        if process.stdin:
            process.stdin.close()
    return Exit(code, reason)


class Launcher(Protocol):
    """Starts workers somewhere, and says how they ended."""

    def free(self) -> int:
        """How many more may start."""
        ...

    def start(self, run_id: str, options: Sequence[str]) -> None:
        """Start the worker of a run."""
        ...

    def wait(self) -> list[tuple[str, Exit]]:
        """Workers that ended since the last call; waits a moment if none did."""
        ...

    def stop(self) -> None:
        """End all workers."""
        ...


class LocalLauncher:
    """Workers on this machine, each supervised by a thread, a GPU each where there are GPUs.

    Args:
        study: the study's folder.
        limits: of each run.
        workers: how many at once; no more than there are GPUs, where there are any.
        command: of a worker; study and run id follow.
        gpus: ids of the GPUs to use.
    """

    def __init__(
        self,
        study: Path,
        limits: Limits,
        workers: int = 1,
        command: Sequence[str] = WORKER,
        gpus: Sequence[str] = (),
    ) -> None:
        self._study, self._limits, self._command = study, limits, tuple(command)
        self._slots = min(workers, len(gpus)) if gpus else workers
        self._gpus = list(gpus)
        self._pool = ThreadPoolExecutor(self._slots)
        self._stop = threading.Event()
        self._tasks: dict[Future[Exit], tuple[str, str | None]] = {}

    def free(self) -> int:
        """See ``Launcher``."""
        return self._slots - len(self._tasks)

    def start(self, run_id: str, options: Sequence[str]) -> None:
        """See ``Launcher``."""
        environment = {}
        if self._slots > 1 and "OMP_NUM_THREADS" not in os.environ:
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // self._slots))
        gpu = self._gpus.pop(0) if self._gpus else None
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        command = (*self._command, str(self._study), run_id, "--supervised", *options)
        folder = self._study / "runs" / run_id
        task = self._pool.submit(supervise, command, folder, self._limits, environment, self._stop)
        self._tasks[task] = run_id, gpu

    def wait(self) -> list[tuple[str, Exit]]:
        """See ``Launcher``."""
        done, _ = wait(self._tasks, timeout=1.0, return_when=FIRST_COMPLETED)
        ended = []
        for task in done:
            run_id, gpu = self._tasks.pop(task)
            self._gpus += [gpu] if gpu is not None else []
            ended.append((run_id, task.result()))
        return ended

    def stop(self) -> None:
        """See ``Launcher``."""
        self._stop.set()
        self._pool.shutdown()
        self._tasks.clear()


def visible_gpus() -> tuple[str, ...]:
    """Ids of the CUDA devices that this process may use."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [g for g in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if g]
    return tuple(named[:count]) if named else tuple(str(index) for index in range(count))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, bytes."""
    import psutil

    total = 0
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        for process in (worker, *worker.children(recursive=True)):
            with suppress(psutil.Error):  # one that has just ended
                total += process.memory_info().rss
    return total


def _ended(pid: int) -> bool:
    """Whether a child has ended, without reaping it: its id stays its own until then."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        return os.waitid(os.P_PID, pid, flags) is not None
    except ChildProcessError:
        return True
