"""A server as a process that tests start, kill and start again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress

# A process with the servers' modules loaded from which servers are forked: ten starts in the time
# of one. It has no threads, unlike the process of the tests.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["infmap.annotation.server", "infmap.serve.server"])


class Served:
    """A server on a port of this machine.

    Attributes:
        address: of the running server, without a slash at its end.
        said: gives what it prints after its address.
    """

    address = ""

    def begin(self, target: Callable[..., None], *arguments: object) -> None:
        """Start, and wait until it listens.

        Args:
            target: of a module; serves, and sends each line it prints to a pipe, its last argument.
            arguments: the others.
        """
        self.said, theirs = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=target, args=(*arguments, theirs))
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
