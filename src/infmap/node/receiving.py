"""What becomes of an object that is sent to the node: kept, known already, or refused."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from infmap.node.films import Received, describe
from infmap.serve import jobs, uploads
from infmap.serve.errors import UploadRefused
from infmap.serve.jobs import NewFilm
from infmap.serve.schema import received as table
from infmap.serve.store import Store
from infmap.web.database import now

LOG = logging.getLogger("infmap.node")
# Statuses of C-STORE (PS3.4 table B.2-1, PS3.7 annex C).
STORED = 0x0000
DUPLICATE = 0x0111
"""An object of this UID with other bytes is here."""
NO_ROOM = 0xA700
OTHER_OBJECT = 0xA900
"""The object is not the one that the request names."""
NOT_UNDERSTOOD = 0xC000
MOST = 256 << 20
"""Bytes of one object: 8000 x 8000 pixels of 16 bits, twice."""
KEEP_FREE = 1 << 30
"""Bytes of the disk that are left free: results and the database go on for that long."""


@dataclass(frozen=True)
class Receiver:
    """Takes what is sent.

    Attributes:
        store: the open server.
        model: name of the model that films are read by.
        wake: called when a film was queued.
        keep_free: bytes of the disk that are left free.
    """

    store: Store
    model: str
    wake: Callable[[], None] = field(default=lambda: None)
    keep_free: int = KEEP_FREE

    def take(self, calling: str, sop_class: str, sop_uid: str, file: bytes) -> int:
        """Take one object; with ``STORED`` it is on the disk, and queued if it is to be read.

        Args:
            calling: title of who sends it.
            sop_class: UID of the class that the request names.
            sop_uid: SOP Instance UID that the request names.
            file: whole (PS3.10), the same bytes for the same object.

        Returns:
            Status of C-STORE. A film that is not read, and whatever infmap made itself, is
            answered ``STORED`` and not kept: who sends it cannot mend that.
        """
        try:
            status = self._take(calling, sop_class, sop_uid, file)
        except UploadRefused:
            status = NOT_UNDERSTOOD
        except (OSError, SQLAlchemyError) as error:  # the disk is full, or the database away
            LOG.error("an object could not be kept: %s", type(error).__name__)
            status = NO_ROOM
        if status != STORED:
            LOG.warning("an object was refused with status %04X", status)
        return status

    def _take(self, calling: str, sop_class: str, sop_uid: str, file: bytes) -> int:
        self.store.check(self.keep_free + len(file))
        if len(file) > MOST:
            return NO_ROOM
        found = describe(file)
        if found is None:
            return NOT_UNDERSTOOD
        if (found.sop_class, found.sop_uid) != (sop_class, sop_uid):
            return OTHER_OBJECT
        if found.own:  # a PACS that sends on whatever it gets would send in a circle
            return STORED
        digest = hashlib.sha256(file).hexdigest()
        with self.store.read() as c:
            known = _known(c, sop_uid)
        if known is not None:
            return STORED if known == digest else DUPLICATE
        try:
            self._keep(calling, found, digest, file)
        except IntegrityError:  # the same object came twice at one moment
            with self.store.read() as c:
                return STORED if _known(c, sop_uid) == digest else DUPLICATE
        return STORED

    def _keep(self, calling: str, found: Received, digest: str, file: bytes) -> None:
        row: dict[str, object] = {
            "sop_uid": found.sop_uid, "sop_class": found.sop_class, "sha256": digest,
            "calling": calling, "modality": found.modality, "body_part": found.body_part,
            "reason": found.reason, "came": now(),
        }  # fmt: skip
        if found.reason is not None:
            LOG.info("an object is not read: %s", found.reason)
            with self.store.begin() as c:
                c.execute(table.insert().values(planned=now(), **row))
            return
        with uploads.Receiving(self.store) as receiving:
            receiving.write(file)
            upload = receiving.settle()  # on the disk; without its row it is promised to nobody
            with self.store.begin() as c:
                uploads.note(c, self.store, upload)
                # Named by what is known to all: a film's name is shown to whoever sees the queue.
                film = NewFilm(f"{found.modality} from {calling}", digest)
                job = jobs.create(c, [film], [self.model], note="node")
                c.execute(table.insert().values(job_id=job.id, **row))
        self.wake()


def _known(c: Connection, sop_uid: str) -> str | None:
    """Checksum of an object that came before."""
    return c.execute(select(table.c.sha256).where(table.c.sop_uid == sop_uid)).scalar()


def held(c: Connection, objects: Mapping[str, str]) -> set[str]:
    """Those of some objects that the node keeps, for storage commitment.

    Args:
        c: a transaction.
        objects: SOP Instance UID to SOP class.
    """
    query = select(table.c.sop_uid, table.c.sop_class).where(
        table.c.sop_uid.in_(list(objects)), table.c.job_id.is_not(None)
    )
    return {uid for uid, sop_class in c.execute(query) if objects[uid] == sop_class}


def kept_out(c: Connection) -> dict[str, int]:
    """Why films were not read or nothing of them was sent, and how often."""
    counts: dict[str, int] = {}
    for (reason,) in c.execute(select(table.c.reason).where(table.c.reason.is_not(None))):
        counts[reason] = counts.get(reason, 0) + 1
    return counts
