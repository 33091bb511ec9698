"""What ``infmap annotate serve`` does: a first project where there is none, then the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infmap.annotation import planning, projects, users
from infmap.annotation.app import AppSettings, create_app
from infmap.annotation.routes_admin import one_time_password
from infmap.annotation.store import Store
from infmap.web.observe import log_to_stderr
from infmap.web.serving import BACKLOG, Listen, run, server_of
from infmap.web.sessions import TrustedProxies

FIRST_USER, FIRST_PROJECT = "admin", "Demo"
Fill = Callable[[Store, str], None]
"""Puts films and proposals into a new project, whose identifier it is given."""


@dataclass(frozen=True)
class ServerSettings:
    """How the station is served.

    Attributes:
        folder: of the station; made where there is none.
        database: ``postgresql://...``; SQLite in the folder by default.
        host: address to listen on.
        port: to listen on; 0 for any free one.
        certificate: PEM file for TLS; with ``key``.
        key: PEM file with its private key.
        proxy_header: header in which a reverse proxy names the signed-in user; "" for none.
        trusted: addresses and networks of reverse proxies.
    """

    folder: Path = Path("infmap-station")
    database: str | None = None
    host: str = "127.0.0.1"
    port: int = 8010
    certificate: Path | None = None
    key: Path | None = None
    proxy_header: str = ""
    trusted: tuple[str, ...] = ()

    @property
    def listen(self) -> Listen:
        """Where it listens."""
        return Listen(self.host, self.port, self.certificate, self.key)


def serve(settings: ServerSettings, fill: Fill, say: Callable[[str], None]) -> None:
    """Serve the station until a signal ends it; answers under way are finished.

    Args:
        settings: how.
        fill: fills the first project of a station that has none.
        say: prints one line.

    Raises:
        UsageError: an address, certificate or database does not do.
    """
    proxies = TrustedProxies.of(settings.proxy_header, settings.trusted)
    listen = settings.listen
    listen.check(proxies)
    with listen.bound() as listening:
        store = Store.open(settings.folder, settings.database)
        try:
            password = prepare(store, fill)
            log_to_stderr()
            server = server_of(create_app(store, AppSettings(proxies)), listen)
            listening.listen(BACKLOG)  # who follows the address at once waits, and is not refused
            say(f"Annotation station, research use only: {listen.address(listening)}")
            if password is not None:
                say(f"Sign in as {FIRST_USER} with the one-time password {password}")
            run(server, listening)
        finally:
            store.close()


def prepare(store: Store, fill: Fill) -> str | None:
    """Make what a new station lacks: an administrator and a project.

    Args:
        store: the open station.
        fill: fills the project.

    Returns:
        The administrator's one-time password; None where one has been changed already. It is made
        anew until then, for the one printed before may be lost.
    """
    password = one_time_password()
    with store.begin() as c:
        first = users.named(c, FIRST_USER)
        if not users.every(c):
            first = users.add(c, FIRST_USER, password, "administrator", must_change=True)
        elif first is not None and first.must_change:
            users.set_password(c, first, password, must_change=True)
        new = not projects.every(c)
    if new:
        _first_project(store, fill)
    return password if first is not None and (first.must_change or new) else None


def _first_project(store: Store, fill: Fill) -> None:
    """A project in which one person can do everything."""
    with store.begin() as c:
        project = projects.create(c, FIRST_PROJECT, settings=projects.Settings(stage=2)).id
        first = users.named(c, FIRST_USER)
        if first is not None:
            projects.member(c, project, first, "senior")
    fill(store, project)
    planning.measure(store, project)
    with store.begin() as c:
        planning.plan(c, project)
