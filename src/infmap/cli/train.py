"""infmap train: a configuration and a snapshot in, a model folder out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML configuration, see configs/")],
    out: Annotated[Path, typer.Option("--out", "-o", help="model folder")],
    resume: Annotated[
        bool, typer.Option("--resume", help="go on from the checkpoint in the model folder")
    ] = False,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="processes that train together, a GPU each")
    ] = 1,
    on: Annotated[
        str, typer.Option("--on", help="local, ray (the running cluster), or ray://HOST:PORT")
    ] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="print the log as JSON lines")] = False,
) -> int:
    """Train a network on a snapshot; it may be stopped and resumed at any moment.

    Example: infmap train configs/default.yaml -o my-model
    """
    from infmap.core.errors import MissingExtra, UsageError

    if (out / "checkpoint.pt").exists() and not resume:
        raise UsageError(f"{out}: holds a run already; add --resume, or choose another folder")
    try:
        import timm  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("infmap train", "train") from error
    except RuntimeError:  # torchvision's operators; models declares them
        pass
    from infmap.training.config import read_config
    from infmap.training.run import run

    settings = read_config(config)
    out.mkdir(parents=True, exist_ok=True)
    with Log(out, as_json) as log:
        run(settings, out, log, processes=processes, on=on)
    if not as_json:
        sys.stdout.write(f"model folder: {out}; try: infmap predict FILMS --model {out} -o OUT\n")
    return 0


class Log:
    """Sends records to ``log.jsonl``, to TensorBoard if installed, and to the terminal."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._as_json = as_json
        self._bar: Any = None
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))
        except ImportError:
            pass

    def __enter__(self) -> Log:
        """Start the progress bar on a terminal."""
        if sys.stderr.isatty() and not self._as_json:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task("training", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        if self._bar:
            self._bar.stop()
        if self._board:
            self._board.close()
        self._file.close()

    def __call__(self, record: dict[str, Any]) -> None:
        """Log one record."""
        line = json.dumps(record)
        self._file.write(line + "\n")
        self._file.flush()
        if self._as_json:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        if self._bar and "steps" in record:
            text = f"epoch {record['epoch']} loss {record['loss']:.3f}"
            self._bar.update(
                self._task, total=record["steps"], completed=record["step"], description=text
            )
        if self._board and "step" in record:
            for key, value in record.items():
                if isinstance(value, float):
                    self._board.add_scalar(key, value, record["step"])
