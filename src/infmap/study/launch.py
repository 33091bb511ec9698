"""One run in its own process group, watched from outside: its limits, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
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


class Job:
    """A worker's process.

    Its standard input is a pipe that nothing is written to: when this process ends, however it
    ends, the worker reads the end of the file and ends itself with all its children.

    Args:
        command: of the worker, all arguments included.
        folder: the run's; what the worker prints goes to its ``worker.log``.
        limits: of the run.
        environment: variables over those of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self._started = self._looked = time.monotonic()
        self._reason = ""
        log: IO[bytes]
        with (folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the worker, and of its process group."""
        return self._process.pid

    def poll(self) -> Exit | None:
        """How it ended, or None while it runs; ends it where it is over a limit."""
        if _ended(self.pid):
            return self._reap()
        minutes = self._limits.minutes
        if minutes is not None and time.monotonic() - self._started > 60.0 * minutes:
            self._reason = f"over its time limit of {minutes:g} minutes"
        elif self._over_memory():
            self._reason = f"over its memory limit of {self._limits.memory_gib:g} GiB"
        if self._reason:
            self._kill()
        return None

    def stop(self) -> None:
        """End it and all its children, now."""
        self._kill()
        self._reap()

    def _over_memory(self) -> bool:
        limit, now = self._limits.memory_gib, time.monotonic()
        # Seconds: /proc is read for every process of the machine.
        if limit is None or now - self._looked < 1.0:
            return False
        self._looked = now
        return resident_bytes(self.pid) > limit * 2**30

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _reap(self) -> Exit:
        # Children of a worker that crashed go with it; before its id can be given to another.
        self._kill()
        code = self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        return Exit(code, self._reason)


def supervise(
    command: Sequence[str], folder: str, limits: Mapping[str, float | None]
) -> tuple[int, str]:
    """Run a worker to its end: what a task on a cluster's node does.

    Returns:
        (exit status, reason) of ``Exit``.
    """
    job = Job(command, Path(folder), Limits.model_validate(dict(limits)))
    try:
        while (end := job.poll()) is None:
            time.sleep(POLL_S)
    except BaseException:
        job.stop()
        raise
    return end.code, end.reason


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
    """Workers on this machine, a GPU each where there are GPUs.

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
        self._jobs: dict[str, tuple[Job, str | None]] = {}

    def free(self) -> int:
        """See ``Launcher``."""
        return self._slots - len(self._jobs)

    def start(self, run_id: str, options: Sequence[str]) -> None:
        """See ``Launcher``."""
        environment = {}
        if self._slots > 1 and "OMP_NUM_THREADS" not in os.environ:
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // self._slots))
        gpu = self._gpus.pop(0) if self._gpus else None
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        command = (*self._command, str(self._study), run_id, "--watched", *options)
        folder = self._study / "runs" / run_id
        self._jobs[run_id] = Job(command, folder, self._limits, environment), gpu

    def wait(self) -> list[tuple[str, Exit]]:
        """See ``Launcher``."""
        ended = []
        for run_id, (job, gpu) in list(self._jobs.items()):
            if (end := job.poll()) is not None:
                del self._jobs[run_id]
                self._gpus += [gpu] if gpu is not None else []
                ended.append((run_id, end))
        if not ended:
            time.sleep(POLL_S)
        return ended

    def stop(self) -> None:
        """See ``Launcher``."""
        for job, _ in self._jobs.values():
            job.stop()
        self._jobs.clear()


def visible_gpus() -> tuple[str, ...]:
    """Ids of the CUDA devices that this process may use."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [g for g in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if g]
    return tuple(named[:count]) if named else tuple(str(index) for index in range(count))


def resident_bytes(group: int) -> int:
    """Resident memory of a process group, from Linux's /proc; 0 elsewhere."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Fields after the command, which may hold spaces: state, parent, group, ...
            fields = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total


def _ended(pid: int) -> bool:
    """Whether a child has ended, without reaping it: its id stays its own until then."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        return os.waitid(os.P_PID, pid, flags) is not None
    except ChildProcessError:
        return True
