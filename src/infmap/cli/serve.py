"""infmap serve: a viewer in the browser and an HTTP interface."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infmap.serve.store import Store

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, invoke_without_command=True)
key = typer.Typer(no_args_is_help=True, help="who may ask a server that others reach")
app.add_typer(key, name="key")

Folder = Annotated[Path, typer.Option("--folder", help="the server's folder, made if need be")]
HOME = Path("infmap-server")
Database = Annotated[
    str | None,
    typer.Option(
        envvar="INFMAP_SERVER_DATABASE", help="postgresql://...; SQLite in the folder by default"
    ),
]
MEGABYTE = 2**20


@app.callback()
def serve(
    context: typer.Context,
    folder: Folder = HOME,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="[NAME=]folder or shipped one, several times; first: default"),
    ] = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 8020,
    certificate: Annotated[Path | None, typer.Option(help="PEM file for TLS")] = None,
    private_key: Annotated[
        Path | None, typer.Option("--private-key", help="PEM file of its private key")
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(help="address or network of a reverse proxy that speaks TLS, several times"),
    ] = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="ask for a key on this machine as well")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, help="processes that read films; by default as many as cores, at most eight"
        ),
    ] = None,
    largest: Annotated[int, typer.Option(min=1, help="megabytes of one upload")] = 512,
    rate: Annotated[
        float, typer.Option(min=0.01, help="requests a second of one key, in the long run")
    ] = 100.0,
    keep: Annotated[
        float | None,
        typer.Option(min=0.01, help="days until films are deleted that no job names; else never"),
    ] = None,
    database: Database = None,
) -> int:
    """Serve the viewer and the HTTP interface to this machine.

    Example: infmap serve

    Prints an address. Other machines are served with --host, a certificate (or --trusted) and keys.
    Ends with Ctrl-C: films under way are finished or stay queued.
    """
    if context.invoked_subcommand is not None:
        return 0
    check_installed()
    from infmap.serve.server import ServerSettings
    from infmap.serve.server import serve as run
    from infmap.web.serving import Listen

    settings = ServerSettings(
        models=_models(model),
        folder=folder,
        database=database,
        listen=Listen(host, port, certificate, private_key),
        processes=processes,
        trusted=tuple(trusted or ()),
        keys=keys,
        largest=largest * MEGABYTE,
        per_second=rate,
        keep=keep,
    )
    run(settings, _say)
    return 0


@key.command()
def add(
    name: Annotated[str, typer.Argument(help="whose it is")],
    folder: Folder = HOME,
    database: Database = None,
) -> int:
    """Make a key and print it, once.

    Example: infmap serve key add radiology
    """
    with opened(folder, database) as store:
        from infmap.serve import keys as stored

        with store.begin() as c:
            _, secret = stored.create(c, name)
    sys.stdout.write(f"{secret}\n")
    sys.stderr.write("infmap serve: it is shown this once; send it as Authorization: Bearer KEY\n")
    return 0


@key.command("list")
def list_(folder: Folder = HOME, database: Database = None) -> int:
    """List the keys.

    Example: infmap serve key list
    """
    from datetime import UTC, datetime

    with opened(folder, database) as store:
        from infmap.serve import keys as stored

        with store.read() as c:
            every = stored.every(c)
    for one in every:
        made = datetime.fromtimestamp(one.created / 1000, UTC)
        state = "disabled" if one.disabled else "in use"
        sys.stdout.write(f"{one.name}: {state}, made on {made:%Y-%m-%d}\n")
    return 0


@key.command()
def disable(
    name: Annotated[str, typer.Argument(help="of the key")],
    folder: Folder = HOME,
    database: Database = None,
) -> int:
    """Let a key open nothing any more, at once; its jobs are finished.

    Example: infmap serve key disable radiology
    """
    with opened(folder, database) as store:
        from infmap.serve import keys as stored

        with store.begin() as c:
            stored.disable(c, name)
    return 0


def check_installed() -> None:
    """Say how to install the server where it is not.

    Raises:
        MissingExtra: a package of the extra is missing.
    """
    from infmap.core.errors import needs_extra

    with needs_extra("infmap serve", "serve"):
        import alembic  # noqa: F401
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401


@contextmanager
def opened(folder: Path, database: str | None) -> Iterator[Store]:
    """The store of a server's folder, made if need be."""
    check_installed()
    from infmap.serve.store import LAYOUT, Store
    from infmap.web.database import said

    store = Store.open(folder, database)
    try:
        with said(LAYOUT.what):
            yield store
    finally:
        store.close()


def _models(given: list[str] | None) -> dict[str, Path]:
    """Model folders by the name that was given, or that of their manifests, in the order given."""
    from infmap.api import DEFAULT_MODEL, model_folder
    from infmap.core.errors import UsageError
    from infmap.inference import read_manifest

    models: dict[str, Path] = {}
    for text in given or [DEFAULT_MODEL]:
        name, sign, place = text.partition("=")
        # A folder may have the sign in its own name.
        if not sign or Path(text).is_dir():
            name, place = "", text
        folder = model_folder(place)
        name = name or read_manifest(folder).name
        if name in models:
            raise UsageError(
                f"model: expected models of different names, got two named {name}; clients choose "
                "by name, give one of them another: --model NAME=FOLDER"
            )
        models[name] = folder
    return models


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # who starts it from a script waits for the address
