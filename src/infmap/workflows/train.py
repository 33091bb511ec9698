"""A training run from its configuration file, with its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.core.errors import UsageError, needs_extra
from infmap.inference.manifest import Manifest

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from infmap.training.log import Log as Tell
    from infmap.training.log import Record


def train(
    config: Path,
    out: Path,
    tell: Tell,
    *,
    resume: bool = False,
    processes: int = 1,
    on: str = "local",
) -> Manifest:
    """Train a network; ``out`` gets the model folder, ``log.jsonl`` and TensorBoard's files.

    Args:
        config: YAML file of the run.
        out: the model folder to be.
        tell: called with each record of the log.
        resume: go on with the run that ``out`` holds.
        processes: that train together.
        on: where they run, see ``infmap.training.launch.launch``.

    Raises:
        UsageError: the configuration is wrong, or ``out`` holds a run already.
        MissingExtra: torch is not installed.
    """
    if (out / "checkpoint.pt").exists() and not resume:
        raise UsageError(f"{out}: holds a run already; add --resume, or choose another folder")
    with needs_extra("infmap train", "train"):
        from infmap.training.config import read_config
        from infmap.training.run import run
    settings = read_config(config)
    out.mkdir(parents=True, exist_ok=True)
    with Log(out, tell) as log:
        return run(settings, out, log, processes=processes, on=on)


class Log:
    """Sends records to ``log.jsonl``, to TensorBoard if installed, and to the caller."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._tell = tell
        self._board: SummaryWriter | None = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))
        except ImportError:
            pass

    def __enter__(self) -> Log:
        """The log, open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        if self._board:
            self._board.close()
        self._file.close()

    def __call__(self, record: Record) -> None:
        """Log one record."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        self._tell(record)
        if self._board and "step" in record:
            for key, value in record.items():
                if isinstance(value, float):
                    self._board.add_scalar(key, value, record["step"])
