"""infmap train: a configuration and a snapshot in, a model folder out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infmap.cli.progress import Records

if TYPE_CHECKING:
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

    with Progress("training", as_json=as_json) as progress:
        run(config, out, progress, resume=resume, processes=processes, on=on)
    if not as_json:
        sys.stdout.write(f"model folder: {out}; try: infmap predict FILMS --model {out} -o OUT\n")
    return 0


class Progress(Records):
    """Shows a run's records: as JSON lines, or as a bar on a terminal."""

    def __call__(self, record: Record) -> None:
        """Show one record."""
        if self._as_json:
            self.print(record)
        if self._bar and "steps" in record:
            text = f"epoch {record['epoch']} loss {record['loss']:.3f}"
            self._bar.update(
                self._task, total=record["steps"], completed=record["step"], description=text
            )
