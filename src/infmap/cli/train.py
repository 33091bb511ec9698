"""infmap train: a configuration and a snapshot in, a model folder out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from infmap.training.log import Record

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
    from infmap.workflows.train import train as run

    with Progress(as_json) as progress:
        run(config, out, progress, resume=resume, processes=processes, on=on)
    if not as_json:
        sys.stdout.write(f"model folder: {out}; try: infmap predict FILMS --model {out} -o OUT\n")
    return 0


class Progress:
    """Shows a run's records: as JSON lines, or as a bar on a terminal."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        """Start the progress bar on a terminal."""
        if sys.stderr.isatty() and not self._as_json:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True))
            self._task = self._bar.add_task("training", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the bar."""
        if self._bar:
            self._bar.stop()

    def __call__(self, record: Record) -> None:
        """Show one record."""
        if self._as_json:
            sys.stdout.write(json.dumps(record) + "\n")
            sys.stdout.flush()
        if self._bar and "steps" in record:
            text = f"epoch {record['epoch']} loss {record['loss']:.3f}"
            self._bar.update(
                self._task, total=record["steps"], completed=record["step"], description=text
            )
