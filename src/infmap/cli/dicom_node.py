"""infmap dicom listen and queue: the node of a PACS, and what it has to send."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infmap.cli.serve import HOME, Database, Folder, opened

if TYPE_CHECKING:
    from infmap.node.outbox import Entry
    from infmap.serve.store import Store

queue = typer.Typer(no_args_is_help=True, help="objects on their way to a PACS")

Ids = Annotated[list[str] | None, typer.Argument(help="identifiers, as queue list prints them")]
GIB = 1 << 30


def listen(
    rules: Annotated[Path, typer.Option(help="YAML file: destinations and routes")],
    folder: Folder = HOME,
    title: Annotated[str, typer.Option(help="application entity title")] = "INFMAP",
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 11112,
    model: Annotated[
        str | None, typer.Option(help="model folder or name; the shipped one without it")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="processes that read films")] = 1,
    timeout: Annotated[float, typer.Option(min=0.1, help="s to wait for a sender")] = 30.0,
    keep_free: Annotated[
        float, typer.Option(min=0.0, help="GiB of the disk that are left free")
    ] = 1.0,
    certificate: Annotated[Path | None, typer.Option(help="PEM file for TLS")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its private key")] = None,
    authority: Annotated[
        Path | None, typer.Option(help="PEM file of authorities that senders need")
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(min=0.01, help="days until films are deleted that no job names; else never"),
    ] = None,
    database: Database = None,
) -> int:
    """Take films from modalities or a PACS, read them and send results back.

    Example: infmap dicom listen --rules rules.yaml --host 0.0.0.0

    Frontal chest films are read (CR, DX). What is acknowledged survives a crash. Ends with Ctrl-C.
    """
    from infmap.api import model_folder
    from infmap.core.errors import UsageError
    from infmap.dicom import check_extra
    from infmap.dicom.network import Tls

    check_extra()
    _check_installed()
    from infmap.node.listening import Listening
    from infmap.node.node import Settings, running, until_signal
    from infmap.node.objects import maker
    from infmap.node.rules import read_rules
    from infmap.serve.housekeeping import Housekeeping
    from infmap.serve.store import Store
    from infmap.serve.worker import Workers

    if certificate is None and (key is not None or authority is not None):
        raise UsageError("TLS: expected --certificate with --key and --authority, got none")
    tls = Tls(authority, certificate, key) if certificate is not None else None
    found, chosen = read_rules(rules), model_folder(model)
    where = Listening(host, port, title, timeout, found.callers, found.peers, tls)
    settings = Settings(found, where, chosen.name, int(keep_free * GIB))
    _log()
    store = Store.open(folder, database)
    try:
        workers = Workers(folder, database, {chosen.name: chosen}, processes)
        with until_signal() as stop, running(store, settings, workers, maker(store)) as bound:
            # Who starts it from a script waits for this line.
            sys.stdout.write(f"DICOM node, research use only: {title}@{host}:{bound}\n")
            sys.stdout.flush()
            housekeeping = Housekeeping(store, keep)
            housekeeping.start()
            stop.wait()
            housekeeping.stop()
    finally:
        store.close()
    return 0


@queue.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="waiting, stored, sent or dead")] = None,
    folder: Folder = HOME,
    database: Database = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, a line an object")] = False,
) -> int:
    """Show objects and what became of each, and why films were not read.

    Example: infmap dicom queue list --state dead
    """
    from infmap.core.errors import UsageError

    with _opened(folder, database) as store:
        from infmap.node import outbox
        from infmap.node.receiving import kept_out

        wanted = next((known for known in outbox.STATES if known == state), None)
        if state is not None and wanted is None:
            raise UsageError(f"--state: expected {', '.join(outbox.STATES)}, got {state!r}")
        with store.read() as c:
            entries = outbox.every(c, wanted)
            counts, reasons = outbox.counts(c), kept_out(c)
    for entry in entries:
        sys.stdout.write((json.dumps(_plain(entry)) if as_json else _row(entry)) + "\n")
    if not as_json:
        told = ", ".join(f"{n} {name}" for name, n in counts.items())
        sys.stdout.write(f"objects: {told}\n")
        for reason, n in sorted(reasons.items()):
            sys.stdout.write(f"films without objects: {n}: {reason}\n")
    return 0


@queue.command()
def retry(
    entries: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="all that are not sent")] = False,
    folder: Folder = HOME,
    database: Database = None,
) -> int:
    """Try dead letters again now.

    Example: infmap dicom queue retry --all
    """
    from infmap.core.errors import UsageError

    if bool(entries) == every:
        raise UsageError("expected identifiers of objects, or --all")
    with _opened(folder, database) as store:
        from infmap.node import outbox

        with store.begin() as c:
            changed = outbox.retry(c, None if every else entries)
    sys.stdout.write(f"{changed} objects are tried again\n")
    return 0


@queue.command()
def drop(entries: Ids = None, folder: Folder = HOME, database: Database = None) -> int:
    """Remove objects that are not sent from the queue, for good.

    Example: infmap dicom queue drop 3q2-7wAAAAAAAAAAAAAAAA
    """
    from infmap.core.errors import UsageError

    if not entries:
        raise UsageError("expected identifiers of objects; see infmap dicom queue list")
    with _opened(folder, database) as store:
        from infmap.node import outbox

        with store.begin() as c:
            dropped = outbox.drop(c, entries)
    sys.stdout.write(f"{dropped} objects dropped\n")
    return 0


@contextmanager
def _opened(folder: Path, database: str | None) -> Iterator[Store]:
    """An existing server's store."""
    from infmap.core.errors import UsageError

    _check_installed()
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a server's folder, found none; give --folder")
    with opened(folder, database) as store:
        yield store


def _check_installed() -> None:
    from infmap.core.errors import needs_extra

    with needs_extra("the DICOM node", "dicom,serve"):
        import alembic  # noqa: F401
        import pynetdicom  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401


def _log() -> None:
    """What the node does, to standard error: counts and reasons, nothing of a patient."""
    import logging

    from infmap.web.observe import lose_quietly

    _silence()
    lose_quietly()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("infmap.node")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _silence() -> None:
    """Drop warnings: libraries quote in them what a peer sent, in threads of their own as well."""
    import warnings

    warnings.simplefilter("ignore")


def _row(entry: Entry) -> str:
    when = datetime.fromtimestamp((entry.sent or entry.next_at) / 1000, UTC)
    what = f"{entry.id}  {entry.state:<7}  {entry.kind:<10}  to {entry.destination}"
    told = [f"{when:%Y-%m-%d %H:%M:%SZ}", f"{entry.attempts} tried"]
    return "  ".join([what, *told, *filter(None, (entry.status, entry.reason))])


def _plain(entry: Entry) -> dict[str, str | int | None]:
    from dataclasses import asdict

    return asdict(entry)
