"""A station's server as a process that tests start, kill and start again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from infmap.annotation.server import ServerSettings, serve
from infmap.annotation.store import Store

# A process with the server's modules loaded from which servers are forked: ten starts in the time
# of one. It has no threads, unlike the process of the tests.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["infmap.annotation.server"])


class Server:
    """A station's server on a free port of this machine.

    Args:
        folder: of the station.
        url: of its database; SQLite in the folder by default.
        more: other settings.

    Attributes:
        address: of the running server, without a slash at its end.
        said: gives what it prints after its address.
    """

    def __init__(self, folder: Path, url: str | None = None, **more: Path) -> None:
        self.settings = ServerSettings(folder, url, port=0, **more)  # type: ignore[arg-type]
        self.address = ""
        self.lines: list[str] = []

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.said, theirs = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=_run, args=(self.settings, theirs))
        self.process.start()
        theirs.close()
        line = self.said.recv()
        assert "research use only" in line
        self.address = line.split(" ")[-1].rstrip("/")

    def kill(self) -> None:
        """End it as a power cut would: at once, whatever it is doing."""
        pid = self.process.pid
        assert pid is not None
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.process.join()

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        self.process.terminate()
        self.process.join()
        status = self.process.exitcode
        assert status is not None
        return status


def _run(settings: ServerSettings, out: Connection) -> None:
    serve(settings, _no_films, out.send)


def _no_films(store: Store, project: str) -> None:
    """The tests' stations have their films."""
