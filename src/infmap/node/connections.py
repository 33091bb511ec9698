"""Who is connected to a node: nobody who says nothing keeps a modality out.

pynetdicom counts every connection as an association, also one that never asks for any, and reads
the rest of a half PDU for as long as its sender likes. Here both have an end, and places of their
own: a new one takes the place of the one that has been silent for the longest.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

MOST_ASKING = 16
"""Connections without an association at one moment: each has two threads. A modality asks within
milliseconds."""
ASKING_SECONDS = 5.0
"""For an association to be asked for: one packet, sent as soon as the connection is there."""
SILENT_SECONDS = 5.0
"""After which an association may lose its place: between the messages of one film pass fractions
of a second."""
# Rejected transient, by the service provider (presentation), local limit exceeded: PS3.8 9.3.4.
_FULL = (2, 3, 2)


class Connections:
    """Places for associations, and for connections that have not asked for one.

    Args:
        most: associations at one moment.
        seconds: that the rest of a PDU may take.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._lock = threading.Lock()
        self._asking: dict[Association, None] = {}  # oldest first
        self._heard: dict[Association, float] = {}  # when something was last said in each

    def opened(self, event: Event) -> None:
        """EVT_CONN_OPEN: the oldest that has not asked gives way where there are too many."""
        transport = event.assoc.dul.socket.socket
        if transport.gettimeout() is None:  # TLS has its own
            transport.settimeout(self._seconds)
        with self._lock:
            self._asking[event.assoc] = None
            over = list(self._asking)[:-MOST_ASKING]
            for association in over:
                del self._asking[association]
        for association in over:
            _drop(association)

    def requested(self, event: Event) -> None:
        """EVT_REQUESTED: a place for the association, or a refusal for now."""
        at = time.monotonic()
        with self._lock:
            self._asking.pop(event.assoc, None)
            # A thread that a defect ended said nothing of it.
            self._heard = {one: heard for one, heard in self._heard.items() if one.is_alive()}
            silent = None
            if len(self._heard) >= self._most:
                silent = min(self._heard, key=self._heard.__getitem__)
                if at - self._heard[silent] < SILENT_SECONDS:
                    silent = event.assoc
                self._heard.pop(silent, None)
            if silent is not event.assoc:
                self._heard[event.assoc] = at
        if silent is event.assoc:
            silent.acse.send_reject(*_FULL)
            silent.kill()  # waits until the refusal is sent
        elif silent is not None:
            _drop(silent)

    def heard(self, event: Event) -> None:
        """EVT_PDU_RECV, EVT_PDU_SENT: an association is at work."""
        with self._lock:
            if event.assoc in self._heard:
                self._heard[event.assoc] = time.monotonic()

    def closed(self, event: Event) -> None:
        """EVT_CONN_CLOSE."""
        with self._lock:
            asked = self._asking.pop(event.assoc, event.assoc) is event.assoc
            self._heard.pop(event.assoc, None)
        if not asked:
            _wake(event.assoc)


def _drop(association: Association) -> None:
    transport = association.dul.socket
    if transport is not None:
        transport.close()
    _wake(association)


def _wake(association: Association) -> None:
    # Its thread waits for a request that cannot come any more.
    association.dul.to_user_queue.put(None)
