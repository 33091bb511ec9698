"""infmap catalog: films of several sources compiled into a snapshot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="CATALOG", help="folder of the catalog")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command()
def sources(as_json: Json = False) -> int:
    """List the sources that can be ingested.

    Example: infmap catalog sources
    """
    from infmap.sources import SOURCES

    sys.stdout.write((json.dumps(list(SOURCES)) if as_json else "\n".join(SOURCES)) + "\n")
    return 0


@app.command()
def ingest(
    catalog: Folder,
    source: Annotated[list[str], typer.Option("--source", help="NAME=DIR, several times")],
    workers: Annotated[int, typer.Option(min=1, help="films decoded at a time")] = 4,
    as_json: Json = False,
) -> int:
    """Read films into the catalog; exit status 3 if some could not be read.

    Example: infmap catalog ingest my-catalog --source cohen=cohen --source radiologist=radiologist
    """
    from infmap.catalog.ingest import ingest as run
    from infmap.catalog.store import Catalog
    from infmap.core.errors import UsageError

    roots: dict[str, Path] = {}
    for text in source:
        name, _, root = text.partition("=")
        if not root or name in roots:
            raise UsageError(f"--source {text}: expected NAME=DIR, each name once")
        roots[name] = Path(root)
    report = run(Catalog(catalog), roots, workers)
    _say({"films": report.films, "failures": report.failures}, as_json)
    return 3 if report.failures else 0


@app.command()
def dedup(catalog: Folder, as_json: Json = False) -> int:
    """Find films that show one exposure.

    Example: infmap catalog dedup my-catalog
    """
    from infmap.catalog.duplicates import deduplicate
    from infmap.catalog.store import Catalog

    _say({"pairs": len(deduplicate(Catalog(catalog)))}, as_json)
    return 0


@app.command()
def split(
    catalog: Folder,
    folds: Annotated[int, typer.Option(help="number of folds")] = 5,
    seed: Annotated[int, typer.Option(help="seed of the draw")] = 0,
    as_json: Json = False,
) -> int:
    """Draw folds that keep patients and duplicates together.

    Example: infmap catalog split my-catalog --folds 5 --seed 0
    """
    from infmap.catalog.splits import split as run
    from infmap.catalog.store import Catalog

    counts = run(Catalog(catalog), folds, seed)
    _say({f"fold {fold}": counts[fold] for fold in range(folds)}, as_json)
    return 0


@app.command()
def snapshot(
    catalog: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the snapshot")],
    as_json: Json = False,
) -> int:
    """Write the snapshot that training reads.

    Example: infmap catalog snapshot my-catalog -o my-snapshot
    """
    from infmap.catalog.snapshot import write_snapshot
    from infmap.catalog.store import Catalog

    about = write_snapshot(Catalog(catalog), out)
    _say({"films": about["films"], "sha256": about["sha256"]}, as_json)
    return 0


def _say(result: dict[str, int | str], as_json: bool) -> None:
    lines = (f"{name}: {value}" for name, value in result.items())
    sys.stdout.write((json.dumps(result) if as_json else "\n".join(lines)) + "\n")
