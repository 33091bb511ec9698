"""infmap annotate: readers and networks draw masks together."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from infmap.cli import annotate_results
from infmap.cli.annotate_results import (
    HOME,
    Database,
    Json,
    Named,
    Station,
    check_installed,
    opened,
    project_of,
)

if TYPE_CHECKING:
    from infmap.annotation.proposals import Proposer
    from infmap.annotation.proposals import Station as Place
    from infmap.annotation.store import Store


class Order(StrEnum):
    """Which films come first."""

    disagreement = "disagreement"
    random = "random"


T = TypeVar("T", int, float)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
annotate_results.register(app)


@app.command()
def init(
    station: Station = HOME,
    name: Annotated[str, typer.Option("--project", help="name of the project")] = "Chest films",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="what is outlined, several times; all six")
    ] = None,
    stage: Annotated[
        int, typer.Option(min=1, max=2, help="1: outline and compare; 2: networks propose")
    ] = 1,
    readers: Annotated[int, typer.Option(min=1, max=5, help="readers of each film")] = 1,
    candidates: Annotated[
        int, typer.Option(min=1, max=7, help="networks' proposals that a film shows at most")
    ] = 1,
    order: Annotated[
        Order, typer.Option(help="disagreement: films where networks differ come first; random")
    ] = Order.disagreement,
    seed: Annotated[int, typer.Option(help="of every draw")] = 0,
    database: Database = None,
) -> int:
    """Make a station, or one more project in it.

    Example: infmap annotate init --project "COVID-19, spring" --readers 2

    A new station gets an administrator, whose one-time password is printed once.
    """
    from secrets import token_urlsafe

    from infmap.annotation import projects, users
    from infmap.web.masks import LABELS

    settings = projects.Settings(
        stage=stage,
        readers_per_film=readers,
        candidates=candidates,
        order=order.value,
        seed=seed,
    )
    with opened(station, database) as store, store.begin() as c:
        projects.create(c, name, label or LABELS, settings)
        password = None
        if not users.every(c):
            password = token_urlsafe(12)  # 96 bits, changed at the first sign-in
            users.add(c, "admin", password, "administrator", must_change=True)
    sys.stdout.write(f"{station}: project {name!r} is ready; next: infmap annotate import\n")
    if password:
        sys.stdout.write(f"sign in as admin with the one-time password {password}\n")
    return 0


@app.command()
def rules(
    stage: Annotated[
        int | None, typer.Option(min=1, max=2, help="1: outline and compare; 2: networks propose")
    ] = None,
    readers: Annotated[int | None, typer.Option(min=1, max=5, help="readers of each film")] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=7, help="networks' proposals that a film shows at most")
    ] = None,
    order: Annotated[
        Order | None,
        typer.Option(help="disagreement: films where networks differ come first; random"),
    ] = None,
    repeats: Annotated[
        float | None,
        typer.Option(min=0, max=0.5, help="share of films that come again unannounced"),
    ] = None,
    unaided: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="share of films that show no proposal")
    ] = None,
    station: Station = HOME,
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Change a project's rules, and print them.

    Example: infmap annotate rules --stage 2

    They hold for films that no reader has begun.
    """
    from dataclasses import asdict, replace

    from infmap.annotation import projects
    from infmap.annotation.planning import measure, plan

    given = (stage, readers, candidates, order, repeats, unaided)
    with opened(station, database) as store:
        identifier = project_of(store, project)
        if any(one is not None for one in given):
            with store.begin() as c:
                old = projects.get(c, identifier).settings
                settings = replace(
                    old,
                    stage=_or(stage, old.stage),
                    readers_per_film=_or(readers, old.readers_per_film),
                    candidates=_or(candidates, old.candidates),
                    order=old.order if order is None else order.value,
                    repeat_share=_or(repeats, old.repeat_share),
                    unaided_share=_or(unaided, old.unaided_share),
                )
                projects.change(c, identifier, settings)
            measure(store, identifier)
            with store.begin() as c:
                plan(c, identifier)
        with store.read() as c:
            row = asdict(projects.get(c, identifier).settings)
    if as_json:
        sys.stdout.write(json.dumps(row) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in row.items()))
    return 0


def _or(given: T | None, old: T) -> T:
    return old if given is None else given


@app.command("import")
def import_(
    films: Annotated[list[str], typer.Argument(help="files, folders and patterns of films")],
    station: Station = HOME,
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Take films into a project; the patient's name stays outside.

    Example: infmap annotate import films/

    A film that is there already stays as it is, so a stopped import is simply started again.
    """
    from infmap.annotation.importing import import_films
    from infmap.annotation.planning import measure, plan
    from infmap.cli.progress import track
    from infmap.workflows.inputs import find_films

    paths = find_films(films)
    with opened(station, database) as store:
        identifier = project_of(store, project)
        steps = track((Path(path) for path in paths), len(paths), "importing")
        done = import_films(store, identifier, steps)
        measure(store, identifier)
        with store.begin() as c:
            plan(c, identifier)
    for failure in done.failed:
        sys.stderr.write(f"infmap annotate: {failure.path}: {failure.reason}\n")
    if as_json:
        row = {"added": done.added, "known": done.known, "failed": len(done.failed)}
        sys.stdout.write(json.dumps(row) + "\n")
    else:
        sys.stdout.write(
            f"{done.added} films added, {done.known} were there, {len(done.failed)} not read\n"
        )
    return 3 if done.failed else 0


@app.command()
def propose(
    station: Annotated[
        str, typer.Option("--station", help="the station's folder, or https://... of its server")
    ] = str(HOME),
    model: Annotated[
        list[str] | None, typer.Option("--model", help="model folder or name, several times")
    ] = None,
    new_round: Annotated[
        bool, typer.Option("--new-round", help="begin the next round; else go on with the newest")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, gpu")] = "auto",
    user: Annotated[str, typer.Option(help="administrator to sign in as, at a server")] = "admin",
    project: Named = None,
    database: Database = None,
    as_json: Json = False,
) -> int:
    """Let networks propose masks for all films that readers are still to see.

    Example: infmap annotate propose --model infmap-lite0 --model runs/round1

    Films on which the networks disagree most come first in the queue. Stopped, it goes on where it
    was. On another machine give the server's address; the password is asked for, or taken from
    INFMAP_STATION_PASSWORD.
    """
    from dataclasses import asdict

    from infmap.annotation.proposals import propose as run
    from infmap.cli.progress import bar

    with _working(station, database, user, project) as (place, labels):
        networks = [_network(name, labels, device) for name in model or ["infmap-lite0"]]
        number = place.newest_round() + 1 if new_round else None
        with bar("proposing") as progress:
            done = run(place, networks, number, lambda _, *at: progress(*at))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in done]) + "\n")
        return 0
    for one in done:
        rejected = f", {len(one.without)} films rejected by it" if one.without else ""
        sys.stdout.write(f"{one.network}: {one.made} masks in round {one.round}{rejected}\n")
    return 0


@contextmanager
def _working(
    station: str, database: str | None, user: str, project: str | None
) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """A project of a station, here or behind an address, and its labels."""
    import os

    if "://" in station:
        from infmap.annotation.remote import RemoteStation

        # Never an option: other users of the machine see those.
        password = os.environ.get("INFMAP_STATION_PASSWORD")
        if password is None:
            password = typer.prompt(f"password of {user}", hide_input=True, err=True)
        there = RemoteStation.sign_in(station, user, str(password), project)
        yield there, there.labels
        return
    from infmap.annotation import projects
    from infmap.annotation.proposals import LocalStation

    with opened(Path(station), database) as store:
        identifier = project_of(store, project)
        with store.read() as c:
            labels = projects.get(c, identifier).labels
        yield LocalStation(store, identifier), labels


@app.command()
def serve(
    station: Station = HOME,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 8010,
    certificate: Annotated[Path | None, typer.Option(help="PEM file for TLS")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its private key")] = None,
    proxy_header: Annotated[
        str, typer.Option(help="header in which a reverse proxy names the user")
    ] = "",
    trusted: Annotated[
        list[str] | None, typer.Option(help="address or network of the proxy, several times")
    ] = None,
    database: Database = None,
) -> int:
    """Serve the reader's page; with nothing set up, a project on demo films.

    Example: infmap annotate serve

    Prints an address and, for a new station, a one-time password. Ends with Ctrl-C.
    """
    check_installed()
    from infmap.annotation.server import ServerSettings
    from infmap.annotation.server import serve as run

    settings = ServerSettings(
        station, database, host, port, certificate, key, proxy_header, tuple(trusted or ())
    )
    run(settings, _fill, _say)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # who starts it from a script waits for the address


def _fill(store: Store, project: str) -> None:
    """The demo films with the shipped model's proposals."""
    from infmap.annotation import projects
    from infmap.annotation.importing import import_films
    from infmap.annotation.proposals import LocalStation
    from infmap.annotation.proposals import propose as run
    from infmap.workflows.demo import write_samples

    import_films(store, project, write_samples(store.folder / "samples"))
    with store.read() as c:
        labels = projects.get(c, project).labels
    run(LocalStation(store, project), [_network("infmap-lite0", labels, "auto")])


def _network(name: str, labels: tuple[str, ...], device: str) -> Proposer:
    from infmap.annotation.proposals import Proposer, of_prediction
    from infmap.api import load

    model = load(name, device=device)
    return Proposer(model.name, lambda path: of_prediction(model.predict(path), labels))


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="of the account")],
    role: Annotated[
        str | None, typer.Option(help="administrator, senior, reader (at first) or observer")
    ] = None,
    join: Annotated[
        list[str] | None, typer.Option("--project", help="project to join, several times")
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="another one-time password")
    ] = False,
    disable: Annotated[bool, typer.Option("--disable", help="close the account")] = False,
    station: Station = HOME,
    database: Database = None,
) -> int:
    """Add an account with a one-time password, or change one.

    Example: infmap annotate user ann --role reader --project "Chest films"
    """
    from secrets import token_urlsafe

    from infmap.annotation import projects, users

    password = None
    with opened(station, database) as store, store.begin() as c:
        known = users.named(c, name)
        if known is None or new_password:
            password = token_urlsafe(12)
        if known is None:
            known = users.add(c, name, str(password), role or "reader", must_change=True)
        elif password is not None:
            users.set_password(c, known, password, must_change=True)
        if role is not None and role != known.role:
            users.set_role(c, known, role)
            known = users.get(c, known.id)
        if disable:
            users.disable(c, known)
        for one in join or ():
            found = projects.named(c, one)
            if found is None:
                raise _no_project(one)
            # An administrator who joins reads as a senior.
            part = known.role if known.role in projects.MEMBER_ROLES else "senior"
            projects.member(c, found.id, known, part)
    sys.stdout.write(f"{name}: {known.role}{', disabled' if disable else ''}\n")
    if password is not None:
        sys.stdout.write(f"one-time password {password}\n")
    return 0


def _no_project(name: str) -> Exception:
    from infmap.core.errors import UsageError

    return UsageError(f"project: expected one of the station's, got {name!r}; see annotate status")
