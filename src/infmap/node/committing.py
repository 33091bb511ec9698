"""Storage commitment of what was sent: an object is safe once its destination answers for it.

What a destination stored is asked for when nothing else is to be sent. Its report comes over the
association that asked, or to the node's listener. An object that the destination does not answer
for is sent again; one without a report in time is looked for there, and asked for or sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from infmap.core.errors import PeerError
from infmap.dicom.network import Commitment
from infmap.dicom.network.commitment import new_transaction
from infmap.dicom.network.contexts import SENT
from infmap.node import outbox
from infmap.node.outbox import Entry
from infmap.node.patience import LONGEST_MS, Patience
from infmap.serve.store import Store
from infmap.web.database import now

LOG = logging.getLogger("infmap.node")
_AT_ONCE = 100  # objects of one request: 20 films
_CLASSES = {kind: one.sop_class for one in SENT for kind in one.kind.split(", ")}


class Asks(Protocol):
    """Who can be asked whether it answers for objects, such as ``remotes.Dimse``."""

    def commit(self, objects: Mapping[str, str], transaction: str) -> Commitment | None:
        """Ask; the report, or None where it comes later.

        Args:
            objects: SOP Instance UID to SOP class.
            transaction: UID that the report repeats.

        Raises:
            PeerError: it does not answer, or refuses.
        """


class Committing:
    """Asks one destination.

    Args:
        store: the open server.
        name: of the destination.
        remote: whom to ask.
        within: seconds that a report may take.
        patience: of the destination.
    """

    def __init__(
        self, store: Store, name: str, remote: Asks, within: float, patience: Patience
    ) -> None:
        self._store, self._name, self._remote = store, name, remote
        self._within, self._patience = within, patience

    def round(self, *, idle: bool) -> int:
        """Ask for what was stored, and look after what was not answered in time.

        Args:
            idle: nothing else is sent to the destination just now.

        Returns:
            How many objects were seen to.
        """
        with self._store.read() as c:
            due = outbox.due(c, self._name, now(), _AT_ONCE, "stored")
        late = [entry for entry in due if entry.transaction is not None]
        new = [entry for entry in due if entry.transaction is None]
        if late:
            self._late(late)
        # Many of one request: a destination that reports later has one association for all.
        if not new or not (idle or len(new) == _AT_ONCE):
            return len(late)
        self._ask(new)
        return len(late) + len(new)

    def _late(self, entries: Sequence[Entry]) -> None:
        LOG.warning("to %s: %d objects not committed in time", self._name, len(entries))
        reason = f"stored there, and not committed within {self._within:g} s"
        with self._store.begin() as c:
            for entry in entries:
                if self._patience.ends(entry.created):
                    outbox.bury(c, entry.id, None, reason)
                else:
                    outbox.again(c, entry.id, None, reason, now())

    def _ask(self, entries: Sequence[Entry]) -> None:
        transaction = new_transaction()
        objects = {entry.sop_uid or "": _CLASSES[entry.kind] for entry in entries}
        with self._store.begin() as c:
            # Noted first: the report may be here before the answer to the request.
            until = now() + round(1000 * self._within)
            outbox.ask(c, [entry.id for entry in entries], transaction, until)
        try:
            told = self._remote.commit(objects, transaction)
        except PeerError as error:
            LOG.warning("to %s: storage commitment: no answer", self._name)
            reason = f"stored there, and not committed: {error}"
            with self._store.begin() as c:
                for entry in entries:
                    if self._patience.ends(entry.created, error):
                        outbox.bury(c, entry.id, None, reason)
                    else:
                        outbox.unasked(c, entry.id, reason, now() + LONGEST_MS)
            return
        self._patience.answered()
        if told is not None:
            take(self._store, told)


def take(store: Store, told: Commitment) -> int:
    """Take a report.

    Args:
        store: the open server.
        told: what a destination says; objects that it was not asked for are passed over, as are
            those of a request that is no longer waited for.

    Returns:
        How many objects are committed by it.
    """
    held = lost = 0
    patience = Patience()
    with store.begin() as c:
        for entry in outbox.of_transaction(c, told.transaction):
            uid = entry.sop_uid or ""
            if uid in told.held:
                held += 1
                outbox.done(c, entry.id, 0, "committed")
            elif uid in told.failed:
                lost += 1
                status = told.failed[uid]
                reason = f"not committed: the peer does not answer for it (reason {status:04X})"
                if patience.ends(entry.created):
                    outbox.bury(c, entry.id, status, reason)
                else:
                    outbox.lost(c, entry.id, status, reason, patience.next(entry.attempts))
    LOG.info("storage commitment: %d objects committed, %d not", held, lost)
    return held
