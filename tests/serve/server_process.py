"""``infmap serve`` as a process that tests start, kill and start again."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.serve.server import ServerSettings, serve
from served import Served


class ServerProcess(Served):
    """A server on a port of this machine, the same one after each start.

    Args:
        folder: of the server.
        settings: others than the defaults; the folder and the port are set here.
    """

    def __init__(self, folder: Path, settings: ServerSettings | None = None) -> None:
        settings = settings or ServerSettings({DEFAULT_MODEL: model_folder()}, processes=1)
        self.settings = replace(settings, folder=folder)

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.begin(_run, self.settings)
        port = int(self.address.rpartition(":")[2])
        self.settings = replace(self.settings, listen=replace(self.settings.listen, port=port))


def _run(settings: ServerSettings, out: Connection) -> None:
    serve(settings, out.send)
