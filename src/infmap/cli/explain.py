"""infmap explain: activation maps of the classifier, beside the infection map."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.workflows.explain import Line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def explain(
    inputs: Annotated[
        list[str], typer.Argument(help="films, folders or globs", metavar="INPUT...")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")],
    model: Annotated[
        str | None, typer.Option(help="model folder or name; the shipped one without it")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="gradcam (default), gradcam++, scorecam, layercam, eigencam; repeatable"),
    ] = None,
    stride: Annotated[
        int, typer.Option(help="of the feature map: 32 (deepest), 16 or 8 pixels")
    ] = 32,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print nothing")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one line of explain.jsonl a film")
    ] = False,
) -> int:
    """Show where the classifier looked, beside the infection map.

    Example: infmap explain films/ --method gradcam --method layercam -o explained

    OUT gets activation/METHOD/ID.png, overlays/ID.png, explain.jsonl and explain.csv.
    Status 0: all read; 3: some rejected or failed, all others done. Research use only.
    """
    from infmap.cli.progress import track as show
    from infmap.workflows.explain import explain_films, open_run
    from infmap.workflows.inputs import find_films

    track = partial(show, text="explaining films", quiet=quiet or as_json)

    def tell(line: Line) -> None:
        if as_json:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    paths = find_films(inputs)
    run = open_run(out, model, method or ["gradcam"], stride)
    lines = explain_films(run, paths, track=track, tell=tell)
    done = sum(line["status"] == "ok" for line in lines)
    if not quiet and not as_json:
        sys.stdout.write(f"{done} of {len(lines)} films explained; see {out / 'overlays'}\n")
    return 0 if done == len(lines) else 3
