"""infmap calibrate: fit a model to one hospital's films."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.workflows.calibrate import Outcome

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def calibrate(
    model: Annotated[str, typer.Argument(help="model folder, or name of a shipped model")],
    films: Annotated[Path, typer.Option(help="folder of the site's films")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the new model folder")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV: path, covid19 (1, 0 or empty), and if known normal, patient_id"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="of the site, for the version; the folder's without it")
    ] = None,
    specificity: Annotated[
        float, typer.Option(help="wanted on healthy films of the site, 0.5 or more, below 1")
    ] = 0.95,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="print nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one object")] = False,
) -> int:
    """Calibrate a model on films of one hospital and write it as a new model folder.

    Example: infmap calibrate infmap-lite0 --films films --labels labels.csv -o infmap-site

    Takes some 50 films and 19 or more known healthy ones; with 10 or more known COVID-19 films the
    probability is calibrated as well. Research use only.
    """
    from infmap.api import model_folder
    from infmap.workflows.calibrate import calibrate_site

    def track(paths: Iterable[str], total: int) -> Iterator[str]:
        from infmap.cli.progress import track

        return track(paths, total, "reading films", quiet=quiet or as_json)

    outcome = calibrate_site(
        model_folder(model), films, out, labels=labels, name=name, aim=specificity, track=track
    )
    if as_json:
        sys.stdout.write(json.dumps({"folder": str(out), **asdict(outcome)}) + "\n")
    elif not quiet:
        _say(outcome, out)
    return 0


def _say(outcome: Outcome, out: Path) -> None:
    from infmap.workflows.calibrate import table

    site = outcome.site
    lines = [
        f"{outcome.label}: calibrated on {site} ({site.healthy} healthy, {site.covid19} COVID-19, "
        f"{site.other} other, {site.unlabelled} without a label)",
        *(f"rejected: {path}: {reason}" for path, reason in outcome.rejected),
        *(f"near-duplicate, left out: {path}" for path in outcome.repeated),
        f"{'':<44}{'before':<24}after, cross-validated",
        *(f"{name:<44}{before:<24}{after}" for name, before, after in table(site)),
        f"So many healthy films support a specificity of {site.supported:.3f} or more (95 %).",
        *outcome.notes,
        f"written: {out}. Research use only.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
