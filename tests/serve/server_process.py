"""A server as a process that tests start, kill and start again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.serve.server import ServerSettings, serve

# A process with the server's modules loaded from which servers are forked: ten starts in the time
# of one. It has no threads, unlike the process of the tests.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["infmap.serve.server"])


class ServerProcess:
    """A server on a port of this machine, the same one after each start.

    Args:
        folder: of the server.
        settings: others than the defaults; the folder and the port are set here.

    Attributes:
        address: of the running server, without a slash at its end.
    """

    def __init__(self, folder: Path, settings: ServerSettings | None = None) -> None:
        settings = settings or ServerSettings({DEFAULT_MODEL: model_folder()})
        self.settings = replace(settings, folder=folder)
        self.address = ""

    def start(self) -> None:
        """Start, and wait until it listens."""
        said, theirs = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=_run, args=(self.settings, theirs))
        self.process.start()
        theirs.close()
        line = said.recv()
        assert "research use only" in line
        self.address = line.split(" ")[-1].rstrip("/")
        port = int(self.address.rpartition(":")[2])
        self.settings = replace(self.settings, listen=replace(self.settings.listen, port=port))

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
    serve(settings, out.send)
