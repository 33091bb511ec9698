"""infmap demo: the main job on sample films rendered by the project's phantom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for films and results")] = Path(
        "infmap-demo"
    ),
) -> int:
    """Render sample films, read them, and print where the report lies.

    Example: infmap demo -o infmap-demo
    """
    from infmap.workflows.demo import run_demo

    outcome = run_demo(out)
    films = sum(outcome.counts.values())
    sys.stdout.write(f"{outcome.counts['ok']} of {films} sample films read\n")
    sys.stdout.write(f"report: {(out / 'results' / 'report.html').resolve()}\n")
    return 0 if outcome.all_ok else 3
