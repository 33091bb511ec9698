"""infmap catalog: films of many sources compiled into a snapshot that can be trusted."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infmap.cli import catalog_read
from infmap.cli.catalog_read import Folder, Json

if TYPE_CHECKING:
    from infmap.catalog.store import Catalog
    from infmap.workflows.compile import Figures

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
catalog_read.register(app)


@app.command()
def sources(as_json: Json = False) -> int:
    """List the sources that can be ingested: size, licence, where to get them, what they need.

    Example: infmap catalog sources
    """
    from infmap.sources import SOURCES

    names = ("name", "title", "films", "size", "licence", "needs", "url", "layout", "citation")
    rows = [{name: getattr(source, name) for name in names} for source in SOURCES.values()]
    if as_json:
        _print_json(rows)
        return 0
    for row in rows:
        films = f"{row['films']:,} films" if row["films"] else "any number of films"
        size = f", {row['size']}" if row["size"] else ""
        sys.stdout.write(f"{row['name']}  {row['title']}\n    {films}{size}; {row['licence']}\n")
        sys.stdout.write(f"    {row['url']} (needs {row['needs']})\n    {row['layout']}\n")
    return 0


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="one of infmap catalog sources")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder to download into")],
) -> int:
    """Download a source that needs no account; goes on where it was stopped.

    Example: infmap catalog fetch montgomery -o raw/montgomery
    """
    from infmap.catalog.renamed import current_source
    from infmap.cli.progress import bar
    from infmap.core.errors import UsageError
    from infmap.sources import SOURCES
    from infmap.sources.fetch import fetch as run

    source = current_source(source)
    if source not in SOURCES:
        raise UsageError(f"unknown source {source!r}; expected one of: {', '.join(SOURCES)}")
    with bar(f"downloading {source}") as progress:
        files = run(SOURCES[source], out, lambda _, done, total: progress(done, total or done))
    sys.stdout.write(f"{len(files)} files in {out}; {SOURCES[source].licence}\n")
    return 0


@app.command()
def ingest(
    catalog: Folder,
    source: Annotated[list[str], typer.Option("--source", help="NAME=DIR, several times")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="films decoded at a time; one a processor")
    ] = None,
    on: Annotated[
        str, typer.Option("--on", help="local, ray (the running cluster), or ray://HOST:PORT")
    ] = "local",
    as_json: Json = False,
) -> int:
    """Read films into the catalog; exit status 3 if some, or masks of some, could not be read.

    Done again, only films that are new or changed are decoded.

    Example: infmap catalog ingest my-catalog --source cohen=cohen --source folder=mine
    """
    from infmap.catalog.ingest import ingest as run
    from infmap.catalog.renamed import current_source
    from infmap.cli.progress import bar

    for name in _roots(source):
        if (new := current_source(name)) != name:
            sys.stderr.write(f"infmap catalog ingest: source {name} is now called {new}\n")
    with bar("reading films") as progress:
        report = run(_open(catalog), _roots(source), workers, on, progress)
    for name, notes in report.notes.items():
        for note in notes:
            sys.stderr.write(f"infmap catalog ingest: {name}: {note}\n")
    _say(
        {"films": report.films, "failures": report.failures, "measured": report.measured},
        as_json,
    )
    return 3 if report.failures else 0


@app.command()
def dedup(
    catalog: Folder,
    pairs: Annotated[
        Path | None, typer.Option(help="write a page that shows the pairs, to confirm or split")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="take over the verdicts that the page saved")
    ] = None,
    as_json: Json = False,
) -> int:
    """Find near-duplicates, also cropped, rotated, inverted or mirrored.

    Example: infmap catalog dedup my-catalog --pairs pairs.html
    """
    from infmap.catalog.duplicates import deduplicate
    from infmap.catalog.pairs import read_decisions, write_pairs
    from infmap.cli.progress import bar

    opened = _open(catalog)
    if decisions:
        read_decisions(opened, decisions)
    with bar("comparing films") as progress:
        found = deduplicate(opened, progress)
    if pairs:
        write_pairs(opened, pairs)
    kinds: dict[str, int] = {"pairs": len(found)}
    for row in found:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    _say(kinds, as_json)
    return 0


@app.command()
def split(
    catalog: Folder,
    folds: Annotated[int, typer.Option(help="number of folds; fold 0 is the part val")] = 5,
    seed: Annotated[int, typer.Option(help="seed of the draw")] = 0,
    fraction: Annotated[
        list[str] | None, typer.Option(help="PART=SHARE, several times, instead of folds")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="keep the publishers' parts, report their leaks")
    ] = False,
    by_source: Annotated[
        bool, typer.Option("--by-source", help="a fold is a source, to leave one out")
    ] = False,
    as_json: Json = False,
) -> int:
    """Assign films to folds; patients and duplicates stay together, films stay where they were.

    Example: infmap catalog split my-catalog --folds 5 --seed 0
    """
    from infmap.catalog.splits import split as run

    report = run(
        _open(catalog),
        folds,
        seed,
        fractions=_fractions(fraction) if fraction else None,
        official=official,
        by_source=by_source,
    )
    result: dict[str, int] = {f"fold {fold}": n for fold, n in report.folds.items()}
    result |= {part: n for part, n in report.parts.items()}
    result |= {"kept": report.kept, "moved": report.moved, "lateral": report.lateral}
    if official:
        result |= {"leaks": len(report.leaks), "unused": report.unused}
        for a, b in report.leaks[:10]:
            sys.stderr.write(f"infmap catalog split: leak between official parts: {a}, {b}\n")
    if by_source:
        result["joined"] = report.joined
    _say(result, as_json)
    return 0


@app.command()
def snapshot(
    catalog: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the snapshot")],
    pack: Annotated[
        list[int] | None, typer.Option(help="also pack the films at this size, for fast training")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write the snapshot that training reads: fixed, hashed, with its data card.

    Example: infmap catalog snapshot my-catalog -o my-snapshot
    """
    from infmap.catalog.snapshot import write_snapshot
    from infmap.cli.progress import bar

    about = write_snapshot(_open(catalog), out)
    for size in pack or ():
        from infmap.training.pack import write_pack

        with bar(f"packing at {size} pixels") as progress:
            write_pack(out, size, progress=progress)
    _say({"films": about["films"], "sha256": about["sha256"]}, as_json)
    return 0


@app.command("compile")
def compile_command(
    config: Annotated[Path, typer.Argument(help="YAML configuration, see docs/compile.md")],
    as_json: Json = False,
) -> int:
    """Go from raw folders to a snapshot with one configuration file.

    Example: infmap catalog compile configs/catalog.yaml
    """
    from infmap.workflows.compile import compile_catalog, read_catalog_config

    settings = read_catalog_config(config)
    failures = 0

    def say(step: str, figures: Figures) -> None:
        nonlocal failures
        failures += figures.get("failures", 0)
        if as_json:
            _print_json({"step": step, **figures})
        else:
            text = ", ".join(f"{k}: {v}" for k, v in figures.items() if k != "notes")
            sys.stdout.write(f"{step}: {text}\n")
            for source, notes in figures.get("notes", {}).items():
                for note in notes:
                    sys.stdout.write(f"  {source}: {note}\n")

    compile_catalog(settings, say)
    return 3 if failures else 0


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="a snapshot or a catalog")],
    second: Annotated[Path, typer.Argument(metavar="B", help="another")],
    as_json: Json = False,
) -> int:
    """Say what changed from one snapshot or catalog to another.

    Example: infmap catalog diff snapshot my-catalog
    """
    from infmap.catalog.diff import diff as run

    found = run(first, second)
    if as_json:
        _print_json(found.to_dict())
    else:
        sys.stdout.write(f"{found}\n")
    return 0


@app.command()
def audit(
    catalog: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the report")],
    seed: Annotated[int, typer.Option(help="seed of the draws")] = 0,
    films_limit: Annotated[
        int, typer.Option("--films-limit", min=1, help="films looked at, drawn by source")
    ] = 6000,
    as_json: Json = False,
) -> int:
    """Measure what a network could learn instead of the disease.

    Example: infmap catalog audit my-catalog -o audit
    """
    from infmap.audit import audit as run
    from infmap.cli.progress import bar

    with bar("auditing") as progress:
        report = run(_open(catalog), out, seed=seed, films_limit=films_limit, progress=progress)
    if as_json:
        sys.stdout.write((out / "audit.json").read_text(encoding="utf-8"))
    else:
        sys.stdout.write("\n".join([*report.verdict, f"report: {out / 'audit.html'}"]) + "\n")
    return 0


@app.command()
def verify(
    catalog: Folder,
    deep: Annotated[bool, typer.Option("--deep", help="also read every film and mask")] = False,
    as_json: Json = False,
) -> int:
    """Check that a catalog is whole; exit status 3 with findings if it is not.

    Example: infmap catalog verify my-catalog
    """
    from infmap.catalog.verify import verify as run
    from infmap.cli.progress import bar

    with bar("checking") as progress:
        findings = run(_open(catalog), deep, progress)
    if as_json:
        _print_json({"clean": not findings, "findings": findings})
    else:
        sys.stdout.write("\n".join(findings or ["clean"]) + "\n")
    return 3 if findings else 0


def _open(folder: Path) -> Catalog:
    from infmap.catalog.store import Catalog

    return Catalog(folder)


def _roots(texts: list[str]) -> dict[str, Path]:
    """NAME=DIR, each name once."""
    from infmap.core.errors import UsageError

    roots: dict[str, Path] = {}
    for text in texts:
        name, _, root = text.partition("=")
        if not root or name in roots:
            raise UsageError(f"--source {text}: expected NAME=DIR, each name once")
        roots[name] = Path(root)
    return roots


def _fractions(texts: list[str]) -> dict[str, float]:
    """PART=SHARE, each part once."""
    from infmap.core.errors import UsageError

    shares: dict[str, float] = {}
    for text in texts:
        part, _, share = text.partition("=")
        try:
            shares[part] = float(share)
        except ValueError as error:
            raise UsageError(f"--fraction {text}: expected PART=SHARE") from error
    return shares


def _print_json(result: object) -> None:
    sys.stdout.write(json.dumps(result) + "\n")


def _say(result: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        _print_json(result)
    else:
        sys.stdout.write("\n".join(f"{name}: {value}" for name, value in result.items()) + "\n")
