"""infmap catalog stats, query and export: what is in a catalog, and out of it again."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.catalog.query import Result
    from infmap.export.manifest import ExportManifest

SHOWN = 1000
"""Rows that a terminal is shown; files and pipes get all."""

Folder = Annotated[Path, typer.Argument(metavar="CATALOG", help="folder of the catalog")]
Either = Annotated[Path, typer.Argument(metavar="CATALOG", help="a catalog or a snapshot")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


class Format(StrEnum):
    """Layout of an export."""

    coco = "coco"
    nnunet = "nnunet"
    monai = "monai"
    huggingface = "huggingface"
    folders = "folders"
    qata = "qata"


class Link(StrEnum):
    """How films get into an export."""

    copy = "copy"
    hard = "hard"
    symbolic = "symbolic"


class Split(StrEnum):
    """Whose split an export follows."""

    drawn = "drawn"
    official = "official"


def register(app: typer.Typer) -> None:
    """Give the verbs of this module to ``infmap catalog``."""
    for verb in (stats, query, export):
        app.command()(verb)


def stats(catalog: Folder, as_json: Json = False) -> int:
    """Count films by source, class and split, masks, views, sizes, licences, duplicates.

    Example: infmap catalog stats my-catalog
    """
    from infmap.catalog.query import plain, table_files
    from infmap.catalog.stats import statistics
    from infmap.catalog.store import Catalog

    table_files(catalog)
    found = statistics(Catalog(catalog))
    if as_json:
        sys.stdout.write(json.dumps(plain(found.to_dict())) + "\n")
        return 0
    sys.stdout.write(
        f"{found.films} films, {found.failures} more could not be read\n"
        f"{found.patients} known patients, {found.without_patient} films of unknown patients\n"
        f"{found.clusters} groups of duplicates with {found.clustered} films\n"
    )
    for title, rows in found.tables.items():
        sys.stdout.write(f"\n{title}\n")
        _show(tuple(rows[0]), (tuple(row.values()) for row in rows))
    return 0


def query(
    catalog: Either,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="one SELECT, as DuckDB knows it")],
    as_json: Annotated[bool, typer.Option("--json", help="print a list of objects")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="print comma-separated values")] = False,
) -> int:
    """Run SQL over the tables films, duplicates, scores, boxes and failures; read only.

    Example: infmap catalog query my-catalog "SELECT source, count(*) AS n FROM films GROUP BY 1"
    """
    from infmap.catalog.query import query as run
    from infmap.core.errors import UsageError

    if as_json and as_csv:
        raise UsageError("--json and --csv: expected one of them")
    with run(catalog, sql) as result:
        if as_json:
            _write_json(result.objects())
        elif as_csv:
            _write_csv(result)
        else:
            _show(result.columns, result.rows)
    return 0


def export(
    catalog: Either,
    to: Annotated[Format, typer.Option("--format", "-f", help="layout to write")],
    out: Annotated[Path, typer.Option("--out", "-o", help="new or empty folder")],
    where: Annotated[str | None, typer.Option(help="only films for which this SQL holds")] = None,
    split: Annotated[
        Split, typer.Option(help="as drawn by catalog split, or the publisher's")
    ] = Split.drawn,
    link: Annotated[Link, typer.Option(help="how films that need no change get there")] = Link.copy,
    workers: Annotated[int, typer.Option(min=1, help="films written at a time")] = 2,
    as_json: Json = False,
) -> int:
    """Write films and masks for other software; exit status 3 if files of some could not be read.

    Example: infmap catalog export my-catalog --format coco -o my-coco --where "covid19"
    """
    from infmap.cli.progress import bar
    from infmap.export import export as run

    with bar("exporting films") as progress:
        manifest = run(
            catalog,
            to.value,
            out,
            where=where,
            split="split" if split is Split.drawn else "official_split",
            link=link.value,
            workers=workers,
            progress=progress,
        )
    if as_json:
        sys.stdout.write(json.dumps(manifest) + "\n")
    else:
        sys.stdout.write("\n".join(_summary(manifest)) + "\n")
    return 3 if manifest["failed"] else 0


def _summary(manifest: ExportManifest) -> Iterable[str]:
    splits = ", ".join(f"{name} {n}" for name, n in manifest["splits"].items())
    yield f"films: {manifest['films']} ({splits})"
    for reason in manifest["left_out"]:
        yield f"left out: {reason['films']}, {reason['reason']}"
    for note, n in manifest["notes"].items():
        yield f"{note}: {n}"


def _write_json(objects: Iterable[Mapping[str, object]]) -> None:
    """A list of objects, one a line, written as they come."""
    before = "["
    for one in objects:
        sys.stdout.write(f"{before}{json.dumps(one, ensure_ascii=False)}")
        before = ",\n "
    sys.stdout.write("[]\n" if before == "[" else "]\n")


def _write_csv(result: Result) -> None:
    from infmap.core.spreadsheet import cell

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(cell, result.columns))
    writer.writerows(map(cell, _cells(row)) for row in result.rows)


def _show(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """A ruled table on a terminal, and columns between tabs elsewhere."""
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(columns) + "\n")
        for row in rows:
            cells = (cell.replace("\t", " ").replace("\n", " ") for cell in _cells(row))
            sys.stdout.write("\t".join(cells) + "\n")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rest = iter(rows)
    table = Table(*map(escape, columns))
    for row in itertools.islice(rest, SHOWN):
        table.add_row(*map(escape, _cells(row, "-")))
    console = Console()
    console.print(table)
    more = sum(1 for _ in rest)
    if more:
        console.print(f"{more} more rows; --csv prints all", highlight=False)


def _cells(row: tuple[object, ...], absent: str = "") -> list[str]:
    """Text of each value, as JSON has it but for the quotes around texts."""
    from infmap.catalog.query import plain

    cells = []
    for value in row:
        if type(value) is str:
            cells.append(value)
        elif value is None or (known := plain(value)) is None:
            cells.append(absent)
        else:
            cells.append(known if isinstance(known, str) else json.dumps(known, ensure_ascii=False))
    return cells
