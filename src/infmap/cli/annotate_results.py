"""The verbs of infmap annotate that report and export."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.annotation.agreement_report import Report
    from infmap.annotation.store import Store
    from infmap.metrics import Estimate

Station = Annotated[Path, typer.Option("--station", help="the station's folder")]
HOME = Path("infmap-station")
Database = Annotated[
    str | None,
    typer.Option(
        envvar="INFMAP_STATION_DATABASE", help="postgresql://...; SQLite in the folder by default"
    ),
]
Named = Annotated[
    str | None, typer.Option("--project", help="its name, where the station has several")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
Method = Annotated[str, typer.Option(help="of the consensus: staple or majority")]


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (status, agreement, consensus, export, backup, restore):
        app.command()(verb)


def check_installed() -> None:
    """Say how to install the station where it is not.

    Raises:
        MissingExtra: a package of the extra is missing.
    """
    from infmap.core.errors import needs_extra

    with needs_extra("infmap annotate", "annotate"):
        import alembic  # noqa: F401
        import argon2  # noqa: F401
        import fastapi  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401


@contextmanager
def opened(station: Path, database: str | None) -> Iterator[Store]:
    """An open station."""
    check_installed()
    from infmap.annotation.store import Store

    store = Store.open(station, database)
    try:
        yield store
    finally:
        store.close()


def project_of(store: Store, name: str | None) -> str:
    """Identifier of the project of a name, or of the only one."""
    from infmap.annotation import projects
    from infmap.core.errors import UsageError

    with store.read() as c:
        every = projects.every(c)
    # One project needs no name, and most stations have one.
    found = [project for project in every if name in (None, project.name)]
    if len(found) == 1:
        return found[0].id
    names = ", ".join(repr(project.name) for project in every) or "none; see infmap annotate init"
    raise UsageError(f"project: expected --project with one of the station's: {names}")


def status(station: Station = HOME, database: Database = None, as_json: Json = False) -> int:
    """Show the projects: films by state, the round, and who reads.

    Example: infmap annotate status
    """
    from infmap.annotation import films, projects

    rows = []
    with opened(station, database) as store, store.read() as c:
        for project in projects.every(c):
            states = Counter(film.state for film in films.every(c, project.id))
            members = {m.user.name: m.role for m in projects.members(c, project.id)}
            rows.append(
                {
                    "project": project.name,
                    "stage": project.settings.stage,
                    "round": project.round,
                    "labels": list(project.labels),
                    "films": dict(sorted(states.items())),
                    "members": members,
                }
            )
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        sys.stdout.write(f"{row['project']}: stage {row['stage']}, round {row['round']}\n")
        for what in ("films", "members"):
            told = ", ".join(f"{k} {v}" for k, v in dict(row[what]).items())  # type: ignore[call-overload]
            sys.stdout.write(f"    {what}: {told or 'none'}\n")
    return 0


def agreement(
    station: Station = HOME,
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Show how far readers agree, how networks fare, and the time a film takes.

    Example: infmap annotate agreement

    Dice and Cohen's kappa between readers and within them (hidden repeats), by label, zone and
    month; Fleiss' kappa; win rate, overturn rate and edit distance by network; films drawn without
    proposals against those read with some. Intervals are 95 %, by patient. --json prints every row.
    """
    from infmap.annotation.agreement_report import as_json as plain
    from infmap.annotation.agreement_report import of_project

    with opened(station, database) as store:
        identifier = project_of(store, project)
        with store.read() as c:
            report = of_project(c, identifier)
    if as_json:
        sys.stdout.write(json.dumps(plain(report)) + "\n")
    else:
        _print_agreement(report)
    return 0


def _print_agreement(report: Report) -> None:
    sys.stdout.write(f"{report.project}: {report.films} films with a decision\n")
    for pair in report.agreement:
        if pair.zone == "all" and pair.month == "all":
            who = " and ".join(pair.readers) if pair.kind == "between" else pair.readers[0]
            sys.stdout.write(
                f"{pair.label}, {pair.kind} {who}: Dice {_figure(pair.dice)}, "
                f"kappa {_figure(pair.kappa)}, {pair.kappa.n} films\n"
            )
    for network in report.networks:
        if network.round is None:
            sys.stdout.write(
                f"{network.network}: win rate {_figure(network.win_rate)} "
                f"(by chance {network.by_chance:.2f}), kept as it is {_figure(network.as_it_is)}, "
                f"edit distance {_figure(network.edit_distance)}, "
                f"overturned {_figure(network.overturn_rate)}\n"
            )
    for row in report.unaided:
        sys.stdout.write(
            f"{row.figure}, {row.label}: with proposals {_figure(row.aided)}, without "
            f"{_figure(row.unaided)}, difference {_figure(row.difference)}, "
            f"{row.aided.n} and {row.unaided.n} readings\n"
        )
    for time in report.times:
        sys.stdout.write(
            f"{time.reader}, {time.kind}: {time.median.value:.0f} s a film (median of "
            f"{time.median.n}), {time.minutes:.0f} min in all\n"
        )


def _figure(estimate: Estimate) -> str:
    if estimate.n == 0:
        return "-"
    ends = "" if estimate.low != estimate.low else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{ends}"


def consensus(
    station: Station = HOME,
    method: Method = "staple",
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Compare each reader with the consensus of the films that several readers read.

    Example: infmap annotate consensus --method staple

    Sensitivity and specificity are STAPLE's (Warfield 2004). The masks themselves: infmap annotate
    export, which joins the masks of readers who agree in the same way.
    """
    from infmap.annotation.reader_skill import reader_skill
    from infmap.core.files import finite

    with opened(station, database) as store:
        identifier = project_of(store, project)
        with store.read() as c:
            rows = reader_skill(c, identifier, method)
    if as_json:
        sys.stdout.write(json.dumps(finite([asdict(row) for row in rows])) + "\n")
        return 0
    for row in rows:
        sys.stdout.write(
            f"{row.reader}, {row.label}: Dice {row.dice:.3f}, sensitivity {row.sensitivity:.3f}, "
            f"specificity {row.specificity:.4f}, {row.films} films\n"
        )
    if not rows:
        sys.stdout.write("no film was read by two readers yet\n")
    return 0


def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="folder to write")],
    station: Station = HOME,
    form: Annotated[
        list[str] | None, typer.Option("--format", help="png (always), coco, seg; several times")
    ] = None,
    method: Method = "staple",
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Write approved films and masks: PNG with a table, COCO, DICOM Segmentation.

    Example: infmap annotate export -o approved --format coco

    The catalog reads the folder: infmap catalog ingest CATALOG --source annotation=approved
    """
    from infmap.annotation.export import export_project

    with opened(station, database) as store:
        identifier = project_of(store, project)
        done = export_project(
            store, identifier, out, formats=form or ("png", "coco"), method=method
        )
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), default=str) + "\n")
        return 0
    sys.stdout.write(f"{done.films} films in {done.folder}\n")
    for name, reason in done.without:
        sys.stderr.write(f"infmap annotate: {name}: no DICOM Segmentation: {reason}\n")
    return 0


def backup(
    file: Annotated[Path, typer.Argument(help="file to write; only you may read it")],
    station: Station = HOME,
    database: Database = None,
) -> int:
    """Write the whole station into one file, while it is in use.

    Example: infmap annotate backup station-2026-11-28.tar
    """
    from infmap.annotation.backup import backup as run

    with opened(station, database) as store:
        saved = run(store, file)
    sys.stdout.write(f"{file}: {saved.rows} rows, {saved.films} files of films\n")
    return 0


def restore(
    file: Annotated[Path, typer.Argument(help="of infmap annotate backup")],
    station: Station = HOME,
    database: Database = None,
) -> int:
    """Make a station of a backup, in SQLite or in PostgreSQL.

    Example: infmap annotate restore station-2026-11-28.tar --station restored
    """
    from infmap.annotation.backup import restore as run

    saved = run(file, station, database)
    sys.stdout.write(f"{station}: {saved.rows} rows, {saved.films} files of films\n")
    return 0
