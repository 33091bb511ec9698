"""The process of one run: python -m infmap.study.worker STUDY RUN_ID [--supervised] [--retry]."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from infmap.core.errors import InfmapError
from infmap.core.files import write_text
from infmap.study.claim import claim
from infmap.study.grid import Run, training_config
from infmap.study.launch import CLAIMED
from infmap.study.records import Machine, Result
from infmap.study.study import (
    ENVIRONMENT,
    RESULT,
    Status,
    Study,
    read_status,
    write_json,
    write_status,
)
from infmap.study.training_log import TRAINING_LOG, Diverged, TrainingLog

Body = Callable[[Study, Run, Path], Result]
CONFIGURATION = "config.yaml"
_PACKAGES = ("infmap", "torch", "torchvision", "timm", "segmentation-models-pytorch", "openvino",
             "numpy", "polars", "grad-cam")  # fmt: skip


def train_and_score(study: Study, run: Run, folder: Path) -> Result:
    """Train unless that is done, then score: the body of a run."""
    import yaml

    from infmap.study.scoring import score_run
    from infmap.training.run import is_finished
    from infmap.training.run import run as train

    config = training_config(study.config, run, study.split(run).resolve())
    values = json.loads(config.model_dump_json())
    write_text(folder / CONFIGURATION, yaml.safe_dump(values, sort_keys=False))
    write_json(folder / ENVIRONMENT, environment())
    if not is_finished(folder):
        with TrainingLog(folder / TRAINING_LOG) as log:
            train(config, folder, log)
            log.check(end=True)
    return score_run(study, run, config, folder)


def environment() -> Machine:
    """Versions and hardware that a run's figures depend on."""
    import torch

    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "host": socket.gethostname(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(0) if cuda else None,
        "packages": versions,
    }


def processor() -> str:
    """Name of the machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def execute(study: Study, run: Run, body: Body, *, retry: bool = False) -> int:
    """Claim a run, do it, and record how it went.

    Args:
        study: whose run.
        run: which.
        body: does the work in the run's folder, going on from what it finds there; gives what
            becomes ``result.json``.
        retry: do it even if it failed before.

    Returns:
        0 where the run is finished, in whatever way; ``CLAIMED`` where another process holds it.
    """
    folder = study.path(run)
    with claim(folder) as mine:
        if not mine:
            return CLAIMED
        before = read_status(folder)
        if before.state in ("done", "diverged") or (before.state == "failed" and not retry):
            return 0
        mark = (before.attempts + 1, socket.gethostname(), os.getpid())
        write_status(folder, Status("running", "", *mark))
        try:
            result = body(study, run, folder)
            write_json(folder / RESULT, result)
            end = Status("done", "", *mark)
        except Diverged as error:
            end = Status("diverged", str(error), *mark)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            kind = "" if isinstance(error, InfmapError) else f"{type(error).__name__}: "
            lines = str(error).strip().splitlines() or [""]
            end = Status("failed", f"{kind}{lines[0]}"[:500], *mark)
        write_status(folder, end)
        return 0


def end_with_the_driver() -> None:
    """End this process and its children when the driver's end of standard input closes."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(arguments: list[str], body: Body = train_and_score) -> int:
    """Do one run; see the module."""
    options = {a for a in arguments if a.startswith("--")}
    folder, run_id = (a for a in arguments if not a.startswith("--"))
    if "--supervised" in options:
        end_with_the_driver()
    study = Study(Path(folder))
    return execute(study, study.run(run_id), body, retry="--retry" in options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
