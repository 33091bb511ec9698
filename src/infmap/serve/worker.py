"""The workers of a server: processes that read films, and the thread that minds them.

A process that ends, or is at one film for too long and is ended, costs that film one of its tries;
another process takes its place, and the rest of its batch is queued again.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy.exc import OperationalError

from infmap.compute.lock import Busy, hold
from infmap.core.files import Json, parse_json
from infmap.inference import Manifest
from infmap.serve import items, registry
from infmap.serve.items import CRASHED, Claimed
from infmap.serve.reading import STOP, WAKE, Finished, Progress, Work, main
from infmap.serve.store import Store, sweep
from infmap.web.database import new_id, now
from infmap.web.observe import LOG

SECONDS = 5.0
"""Wall time for reading one film, then its process is ended."""
SECOND_TRY = 4.0
"""Times as long for the second try, which the film has alone: a busy machine must not fail it."""
HUNG = 100.0
"""Seconds for a whole batch, network and files included."""
RENEW = 30.0
"""Seconds after which the leases of a batch that is under way are lengthened."""
# Seconds between looks at the clock; a process that takes too long is ended that much later.
_TICK = 0.25
# Seconds before a process that ended before it was ready is started again.
_PAUSE = 1.0
TOO_SLOW = "the film takes too long to read; it is probably damaged, export it again"


@dataclass
class _Reading:
    """A reading process, as far as it said.

    Attributes:
        process: itself.
        pipe: to it.
        progress: the film that it reads.
        claimed: items that it has.
        since: monotonic time at which it claimed them.
        renewed: monotonic time at which their leases were lengthened.
        slow: it was ended for taking too long.
        ready: it has loaded its models.
        woken: it was told to look into the queue and has not said anything since.
    """

    process: BaseProcess
    pipe: Pipe
    progress: Progress
    claimed: list[Claimed] = field(default_factory=list)
    since: float = 0.0
    renewed: float = 0.0
    slow: bool = False
    ready: bool = False
    woken: bool = False


class Workers:
    """Processes that read what is queued.

    Args:
        folder: of the server.
        url: of its database; None for SQLite in the folder.
        models: model folders by the name that clients ask for.
        processes: how many; they share the machine's cores.
        finished: called with each film that ends, in the transaction that commits it; can be
            pickled, for it runs in the reading process.
        changed: called with jobs whose items ended, from a thread of this process.
        manifests: of the models, where their folders were checked already: it takes a while.
    """

    def __init__(
        self,
        folder: Path,
        url: str | None,
        models: Mapping[str, Path],
        processes: int,
        finished: Finished | None = None,
        changed: Callable[[Sequence[str]], None] | None = None,
        manifests: Mapping[str, Manifest] | None = None,
    ) -> None:
        self._store = Store.connect(folder, url)
        self._changed = changed
        self._manifests = manifests
        self._owner = new_id()
        self._held = ExitStack()
        self._lock = threading.Lock()
        self._readings: list[_Reading] = []
        self._thread: threading.Thread | None = None
        self._woken, self._wake = multiprocessing.Pipe(duplex=False)
        self._pending = self._stopping = self._killed = False
        threads = max(1, (os.cpu_count() or 1) // processes)
        self._work = Work(
            folder, url, dict(models), self._owner, processes, threads, os.getpid(), finished
        )

    def start(self) -> None:
        """Register the models, queue again what dead workers left, start the processes.

        Uploads are taken in after it, not before: what is half written is swept away.

        Raises:
            ModelError: a model folder is missing or damaged.
            UsageError: another server or node on this folder has another model of the same name.
            OSError: the server's folder cannot be written.
        """
        owners = self._store.owners
        owners.mkdir(exist_ok=True)
        # Held as long as this process lives, however it ends: whoever can take an owner's lock
        # knows that the owner is dead.
        self._held.enter_context(hold(owners / self._owner))
        alone = self._after_crash()
        try:
            with self._store.begin() as c:
                if self._manifests is not None:
                    registry.enter(c, self._manifests, alone=alone)
                else:
                    registry.register(c, self._work.models, alone=alone)
        except BaseException:
            self._leave()
            raise
        self._readings = [self._started() for _ in range(self._work.processes)]
        self._thread = threading.Thread(target=self._mind, name="workers", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was queued: idle processes look at once."""
        with self._lock:
            # One message at a time: callers never wait for a pipe that is full.
            if not self._pending:
                self._pending = True
                self._wake.send_bytes(WAKE)

    def stop(self, grace: float) -> None:
        """Let the processes end their batches, and end them after so many seconds.

        What is not read by then is queued again and costs its films no try.
        """
        if self._thread is None:
            return
        self._stopping = True
        self.wake()
        self._thread.join(grace)
        self._killed = True
        self.wake()
        self._thread.join()
        self._thread = None
        self._leave()

    def _leave(self) -> None:
        self._held.close()
        (self._store.owners / self._owner).unlink(missing_ok=True)
        self._store.close()

    @property
    def alive(self) -> int:
        """Processes that have loaded their models and run."""
        return sum(one.ready and one.process.is_alive() for one in self._readings)

    def _started(self) -> _Reading:
        ours, theirs = multiprocessing.Pipe()
        progress = Progress()
        # Spawned: a fork beside threads may copy a lock that nobody will ever release.
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=main, args=(self._work, theirs, progress), name="reading", daemon=True
        )
        process.start()
        theirs.close()
        return _Reading(process, ours, progress)

    def _mind(self) -> None:
        """Until all processes have ended: hear them, end those that hang, replace the dead."""
        told = False
        while self._readings or not self._stopping:
            self._replace()
            if self._stopping and not told:
                told = True
                self._send(STOP)
            if self._killed:
                for one in self._readings:
                    one.process.kill()
            by_pipe = {one.pipe: one for one in self._readings}
            ended = {one.process.sentinel: one for one in self._readings}
            heard = wait([self._woken, *by_pipe, *ended], _TICK)
            if self._woken in heard:
                with self._lock:
                    self._pending = False
                    self._woken.recv_bytes()
                self._send(WAKE)
            for pipe, one in by_pipe.items():
                if pipe in heard:
                    self._hear(one)
            for sentinel, one in ended.items():
                if sentinel in heard:
                    self._bury(one)
            self._look_at_clock()

    def _send(self, message: bytes) -> None:
        for one in self._readings:
            # A process that has not yet looked after one message needs no other: a pipe that fills
            # while both ends write would hold them both.
            if message == WAKE and one.woken:
                continue
            one.woken = True
            with suppress(OSError):  # it has ended; its sentinel will tell
                one.pipe.send_bytes(message)

    def _hear(self, one: _Reading) -> None:
        """Take in all that a process has said."""
        with suppress(EOFError, OSError):
            while one.pipe.poll():
                said = parse_json(one.pipe.recv_bytes().decode())
                if isinstance(said, dict):
                    self._take(one, said)

    def _take(self, one: _Reading, said: dict[str, Json]) -> None:
        state, at = said.get("state"), time.monotonic()
        one.ready, one.woken = True, False
        if state == "claimed":
            one.claimed = _CLAIMED.validate_python(said.get("items"))
            one.since = one.renewed = at
        elif state == "read through":  # nothing that happens now is a film's fault
            one.since = at
        elif state == "done":
            one.claimed = []
            ended = said.get("jobs")
            if isinstance(ended, list):
                self._tell([str(job) for job in ended])

    def _look_at_clock(self) -> None:
        at = time.monotonic()
        for one in self._readings:
            if not one.claimed or one.slow:
                continue
            tried = any(item.attempts for item in one.claimed)
            limit = SECONDS * (SECOND_TRY if tried else 1.0)
            if one.progress.seconds > limit or at - one.since > HUNG:
                one.slow = True
                one.process.kill()
            elif at - one.renewed > RENEW:
                one.renewed = at
                with suppress(OperationalError), self._store.begin() as c:
                    items.renew(c, [item.token for item in one.claimed], now())

    def _bury(self, one: _Reading) -> None:
        """A process has ended: settle what it had, and start another in its place."""
        self._hear(one)
        one.process.join()
        one.pipe.close()
        self._readings.remove(one)
        if one.claimed:
            self._settle(one)
        if not one.ready and not self._stopping:
            # Its models cannot be loaded, or memory is short: not as fast as it can fail.
            time.sleep(_PAUSE)

    def _replace(self) -> None:
        """Start processes in the place of those that have ended, or at a later look."""
        while not self._stopping and len(self._readings) < self._work.processes:
            try:
                self._readings.append(self._started())
            except OSError as error:  # the system has no memory, or no more open files, just now
                LOG.error("reading: no process can be started now: %s", type(error).__name__)
                return

    def _settle(self, one: _Reading) -> None:
        # Between films it was the network, or writing: any film of the batch may be at fault.
        at_fault = [item for item in one.claimed if item.id == one.progress.item] or one.claimed
        if self._killed and not one.slow:
            at_fault = []
        others = [item.token for item in one.claimed if item not in at_fault]
        # Where the database is away their leases run out instead.
        with suppress(OperationalError):
            with self._store.begin() as c:
                items.give_back(c, others)
                failed = items.crashed(c, at_fault, TOO_SLOW if one.slow else CRASHED)
            self._tell(failed)
        self._send(WAKE)

    def _tell(self, jobs: Sequence[str]) -> None:
        if jobs and self._changed is not None:
            self._changed(jobs)

    def _after_crash(self) -> bool:
        """Queue again what workers left whose process is gone, and remove half-written files.

        Returns:
            Nobody else is at work on the server's films.
        """
        with self._store.read() as c:
            owners = set(items.owners(c))
        owners |= {path.name for path in self._store.owners.iterdir()}
        dead = []
        for owner in sorted(owners - {self._owner}):
            with suppress(Busy), hold(self._store.owners / owner):
                dead.append(owner)
        if dead:
            with self._store.begin() as c:
                items.release(c, dead)
        for owner in dead:
            (self._store.owners / owner).unlink(missing_ok=True)
        alone = len(dead) == len(owners - {self._owner})
        if alone:  # nobody is writing what is half written
            sweep(self._store.uploads)
            sweep(self._store.results)
        return alone


_CLAIMED = TypeAdapter(list[Claimed])
