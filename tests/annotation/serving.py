"""A station's server as a process that tests start, kill and start again."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from infmap.annotation.server import ServerSettings, serve
from infmap.annotation.store import Store
from served import Served


class Server(Served):
    """A station's server on a free port of this machine.

    Args:
        folder: of the station.
        url: of its database; SQLite in the folder by default.
        more: other settings.
    """

    def __init__(self, folder: Path, url: str | None = None, **more: Path) -> None:
        self.settings = ServerSettings(folder, url, port=0, **more)  # type: ignore[arg-type]
        self.lines: list[str] = []

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.begin(_run, self.settings)


def _run(settings: ServerSettings, out: Connection) -> None:
    serve(settings, _no_films, out.send)


def _no_films(store: Store, project: str) -> None:
    """The tests' stations have their films."""
