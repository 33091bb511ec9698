"""The node as a whole: what listens, reads, plans and sends, over one folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from infmap.compute.lock import Busy, hold
from infmap.core.errors import UsageError
from infmap.node.listening import Listening, listening
from infmap.node.planning import sweep
from infmap.node.receiving import KEEP_FREE, Receiver
from infmap.node.remotes import Dimse
from infmap.node.repeated import Repeated
from infmap.node.rules import Destination, Rules
from infmap.node.sending import Commits, Make, Sender
from infmap.serve.store import Store
from infmap.web.serving import own_signals

LOCK = "node.lock"
# Seconds that associations, reading and sending get to end when the node is stopped; what is cut
# off then is done at the next start.
GRACE = 10.0
# Seconds between looks for new results: reading a film takes longer.
_LOOK = 0.25


class Reads(Protocol):
    """What reads the films that are queued, such as ``infmap.serve.worker.Workers``."""

    def start(self) -> None:
        """Begin."""

    def wake(self) -> None:
        """Something was queued."""

    def stop(self, grace: float) -> None:
        """End within so many seconds; what is not read by then is queued again."""


@dataclass(frozen=True)
class Settings:
    """How a node runs.

    Attributes:
        rules: whose films, and where results go.
        listening: where it listens.
        model: name of the model that films are read by.
        keep_free: bytes of the disk that are left free.
    """

    rules: Rules
    listening: Listening = field(default_factory=Listening)
    model: str = "default"
    keep_free: int = KEEP_FREE


@contextmanager
def running(store: Store, settings: Settings, reads: Reads, make: Make) -> Iterator[int]:
    """Run a node while the body runs; yields the port that it listens on.

    Args:
        store: the open server, which the caller closes.
        settings: how.
        reads: reads what is queued.
        make: makes objects of results.

    Raises:
        UsageError: another node has the folder, the address cannot be listened on, or a destination
            does not do.
        ModelError: the model's folder is missing or damaged.
    """
    title, destinations = settings.listening.title, settings.rules.destinations
    senders = [_sender(store, name, one, title, make) for name, one in destinations.items()]
    with ExitStack() as stack:
        _hold(stack, store.folder)
        reads.start()
        stack.callback(reads.stop, GRACE)
        planner = Repeated("planning", lambda: sweep(store, settings.rules), _LOOK)
        planner.start()
        for sender in senders:
            sender.start()
        stack.callback(_stop, [planner, *senders])
        receiver = Receiver(store, settings.model, reads.wake, settings.keep_free)
        # Last in, first out: nothing more comes in while the rest ends.
        yield stack.enter_context(listening(settings.listening, receiver))


def _sender(store: Store, name: str, one: Destination, title: str, make: Make) -> Sender:
    remote = one.remote(title)
    commits = None
    if one.commit and isinstance(remote, Dimse):
        commits = Commits(remote, one.commit_within)
    return Sender(store, name, remote, make, search=one.search, commits=commits)


def _hold(stack: ExitStack, folder: Path) -> None:
    """Two nodes would send everything twice."""
    try:
        stack.enter_context(hold(folder / LOCK))
    except Busy as busy:
        who = f"process {busy.holder[0]} on {busy.holder[1]}" if busy.holder else "another process"
        raise UsageError(f"{folder}: {who} is its node already; choose another folder") from None


class _Stops(Protocol):
    def stop(self, grace: float) -> None: ...


def _stop(threads: Sequence[_Stops]) -> None:
    """End all of them within the grace of one."""
    end = time.monotonic() + GRACE
    for thread in threads:
        thread.stop(0.0)
    for thread in threads:
        thread.stop(max(0.0, end - time.monotonic()))


@contextmanager
def until_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, in place of what these would do otherwise."""
    stop = threading.Event()
    with own_signals(stop.set):
        yield stop
