"""A PACS in the test's process, over DIMSE, that remembers how often it stored each object."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pynetdicom
from peers import answering
from pydicom.dataset import Dataset
from small_node import CLASSES

from infmap.dicom.network import Peer
from infmap.dicom.network.commitment import asked_for
from infmap.dicom.network.contexts import COMMITMENT

FIND = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind


class FakePacs:
    """What it stored.

    Args:
        answer: status of an object, by its SOP Instance UID; one that is not 0 is not stored.
    """

    def __init__(self, answer: Callable[[str], int] = lambda uid: 0) -> None:
        self.answer = answer
        self.stored: Counter[str] = Counter()
        self.changed = threading.Condition()
        # How it answers a request for storage commitment: the association, the title that asks,
        # transaction and objects; None: it provides none.
        self.commits: Callable[[Any, str, dict[str, str]], None] | None = None

    def store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        status = self.answer(uid)
        with self.changed:
            if status == 0:
                self.stored[uid] += 1
            self.changed.notify_all()
        return status

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        uid = str(event.identifier.SOPInstanceUID)
        with self.changed:
            there = uid in self.stored
        if there:
            found = Dataset()
            found.QueryRetrieveLevel, found.SOPInstanceUID = "IMAGE", uid
            yield 0xFF00, found
        yield 0x0000, None

    def action(self, event: Any) -> tuple[int, None]:
        asked = asked_for(event)
        assert asked is not None and self.commits is not None
        told = threading.Thread(target=self.commits, args=(event.assoc, *asked), daemon=True)
        told.start()
        return 0, None

    def until(self, n: int, patience: float = 120.0) -> None:
        """Wait for so many objects."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.stored) >= n, patience), len(self.stored)

    @contextmanager
    def running(self) -> Iterator[Peer]:
        handlers = [(pynetdicom.evt.EVT_C_STORE, self.store)]
        handlers.append((pynetdicom.evt.EVT_C_FIND, self.find))
        handlers.append((pynetdicom.evt.EVT_N_ACTION, self.action))
        classes = [FIND, *CLASSES.values(), *[COMMITMENT] * (self.commits is not None)]
        with answering(handlers, classes) as peer:
            yield peer
