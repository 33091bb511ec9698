"""infmap doctor: is this installation sound, and does it give the reference outputs?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="model folder or name")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a list of objects")] = False,
) -> int:
    """Check versions, decoders, processors, the weights' checksums and the reference outputs.

    Example: infmap doctor
    """
    from infmap.workflows.doctor import examine

    checks = list(examine(model))
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks]) + "\n")
    else:
        for check in checks:
            sys.stdout.write(f"{check.status:<8} {check.name:<24} {check.detail}\n")
    return 1 if any(check.status == "bad" for check in checks) else 0
