"""Objects of the outbox to one destination, each exactly once.

What may have reached a peer already is asked for before it is sent again. With storage commitment
an object counts as sent once the peer answers for it, see ``committing``. A peer that does not
answer costs its own destination time, and no other: each has a thread.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from infmap.core.errors import InfmapError, PeerError
from infmap.core.quiet import quiet
from infmap.dicom.header import IDENTITY
from infmap.dicom.network import Sent
from infmap.dicom.network.outcome import Busy, Refused
from infmap.dicom.network.peer import NothingAccepted
from infmap.node import outbox
from infmap.node.committing import Asks, Committing
from infmap.node.outbox import Entry
from infmap.node.patience import LONGEST_MS, Patience, steady
from infmap.node.remotes import Remote
from infmap.node.repeated import Repeated
from infmap.serve.store import Store
from infmap.web.database import now

LOG = logging.getLogger("infmap.node")
Make = Callable[[str, str], bytes]
"""Identifier of a film and kind to a whole file, the same bytes each time; InfmapError where there
is none."""
_AT_ONCE = 10  # objects of one association: two films
# Seconds between looks into the outbox: a result is some seconds old by then anyway.
_LOOK = 0.5


@dataclass(frozen=True)
class Commits:
    """A destination that answers for what it stored, by storage commitment.

    Attributes:
        remote: whom to ask.
        within: seconds that its report may take.
    """

    remote: Asks
    within: float


@dataclass(frozen=True)
class _Made:
    """An object that is ready to be sent."""

    entry: Entry
    file: bytes
    study: str
    series: str
    uid: str


class Sender:
    """Sends what is due to one destination.

    Args:
        store: the open server.
        name: of the destination.
        remote: how it is spoken to.
        make: makes the objects.
        search: ask it for an object that may be there already.
        commits: an object counts as sent once the destination answers for it; None: once it is
            stored.
        patience: with the destination.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        remote: Remote,
        make: Make,
        *,
        search: bool = True,
        commits: Commits | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._store, self._name, self._remote, self._make = store, name, remote, make
        self._search = search
        self._patience = patience or Patience()
        self._committing = (
            Committing(store, name, commits.remote, commits.within, self._patience)
            if commits
            else None
        )
        self._quiet_until = 0  # of the steady clock
        self._thread = Repeated(f"to {name}", self.round, _LOOK)

    def start(self) -> None:
        """Send from now on, in a thread."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Begin nothing more, and wait so many seconds for what is under way.

        What is not answered by then is asked for at the next start.
        """
        self._thread.stop(grace)

    def round(self) -> int:
        """Send what is due now; returns how many objects were tried."""
        if steady() < self._quiet_until:  # it asked to be left alone, whatever is due
            return 0
        with self._store.read() as c:
            entries = outbox.due(c, self._name, now(), _AT_ONCE)
        made = [one for one in map(self._made, entries) if one is not None]
        if made:
            with self._store.begin() as c:
                for one in made:
                    outbox.begin(c, one.entry.id, one.uid)
            self._send(made)
        tried = len(entries)
        if self._committing is not None:
            tried += self._committing.round(idle=not entries)
        return tried

    def _made(self, entry: Entry) -> _Made | None:
        try:
            file = self._make(entry.film, entry.kind)
            return _Made(entry, file, *_uids(file))
        except InfmapError as error:
            with self._store.begin() as c:
                outbox.bury(c, entry.id, None, str(error))
        except Exception as error:  # no room, or a defect: the others are sent meanwhile
            reason = f"it cannot be made now ({type(error).__name__})"
            LOG.error("to %s: an object cannot be made: %s", self._name, type(error).__name__)
            with self._store.begin() as c:
                outbox.again(c, entry.id, None, reason, now() + LONGEST_MS)
        return None

    def _send(self, made: list[_Made]) -> None:
        """Ask for those that may be there, send the others, and note what became of each."""
        try:
            there = [one for one in made if self._holds(one)]
        except PeerError as error:
            self._failed(made, error)
            return
        with self._store.begin() as c:
            for one in there:
                self._kept(c, one, 0, "found there before it was sent again")
        left = [one for one in made if one not in there]
        if not left:
            return
        try:
            answers = self._remote.send([one.file for one in left])
        except PeerError as error:
            self._failed(left, error)
            return
        self._patience.answered()
        with self._store.begin() as c:
            for one, answer in zip(left, answers, strict=True):
                if answer.stored:
                    self._kept(c, one, answer.status)
                elif answer.again and not self._patience.ends(one.entry.created):
                    at = self._patience.next(one.entry.attempts, answer.wait)
                    outbox.again(c, one.entry.id, answer.status, answer.reason, at)
                else:
                    outbox.bury(c, one.entry.id, answer.status, answer.reason)
        self._quiet_until = steady() + round(1000 * max(answer.wait for answer in answers))
        self._tell(answers)

    def _kept(
        self, c: Connection, one: _Made, status: int | None, reason: str | None = None
    ) -> None:
        """The destination has an object."""
        if self._committing is None:
            outbox.done(c, one.entry.id, status, reason)
        else:
            outbox.stored(c, one.entry.id, status)

    def _holds(self, one: _Made) -> bool:
        """Whether an object that was begun before is there; what was never begun is not."""
        if not self._search or one.entry.sop_uid is None:
            return False
        try:
            return self._remote.holds(one.study, one.series, one.uid)
        except NothingAccepted:  # it cannot be searched: the same bytes again do no harm
            return False

    def _failed(self, made: list[_Made], error: PeerError) -> None:
        what = "refused" if isinstance(error, Refused) else "no answer"
        LOG.warning("to %s: %d objects are not sent: %s", self._name, len(made), what)
        wait = error.wait if isinstance(error, Busy) else 0.0
        with self._store.begin() as c:
            for one in made:
                if self._patience.ends(one.entry.created, error):
                    outbox.bury(c, one.entry.id, None, str(error))
                else:
                    at = self._patience.next(one.entry.attempts, wait)
                    outbox.again(c, one.entry.id, None, str(error), at)

    def _tell(self, answers: list[Sent]) -> None:
        stored = sum(answer.stored for answer in answers)
        LOG.info("to %s: %d of %d objects stored", self._name, stored, len(answers))


def _uids(file: bytes) -> tuple[str, str, str]:
    import pydicom

    with quiet():
        header = pydicom.dcmread(io.BytesIO(file), specific_tags=list(IDENTITY))
    return str(header.StudyInstanceUID), str(header.SeriesInstanceUID), str(header.SOPInstanceUID)
