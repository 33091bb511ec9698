"""infmap export: a model as ONNX, with its preprocessing and card."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="model folder, or the name of a shipped model")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="a file NAME.onnx, with its card NAME.md; or a folder"),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print what was written")] = False,
) -> int:
    """Write a model as ONNX, float32; images go by 'infmap catalog export'.

    Example: infmap export infmap-lite0 -o infmap-lite0.onnx

    The file holds preprocessing, operating points and calibrations as properties, and the card
    says how to use them. A folder is a model folder for --model. Needs no torch. Research use only.
    """
    from infmap.api import model_folder
    from infmap.workflows.export_model import export_model

    written = export_model(model_folder(model), out)
    if as_json:
        sys.stdout.write(json.dumps(asdict(written), default=str) + "\n")
    else:
        sys.stdout.write(f"{written.model}: {written.network}; how to use it: {written.card}\n")
    return 0
