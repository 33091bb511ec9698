"""Storage commitment, push model, both sides (PS3.4 J): does a peer answer for what it was sent?

A request is an N-ACTION; the answer is an N-EVENT-REPORT that comes later, over the same
association or over one that the other side opens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError
from infmap.core.quiet import quiet
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.contexts import COMMITMENT, COMMITMENT_INSTANCE
from infmap.dicom.network.peer import Peer, associated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.events import Event

_LOOK = 0.05  # seconds between looks whether the association is still open
_ACTION_REQUEST, _ALL_HELD, _SOME_NOT = 1, 1, 2  # types of action and event (PS3.4 J.3.2, J.3.3)
NO_SUCH_OBJECT = 0x0112
"""Failure reason of an object that is not held (PS3.4 table J.3-2)."""
MALFORMED = 0x0115
"""Status of a request that is none: invalid argument value (PS3.7 annex C)."""


@dataclass(frozen=True)
class Commitment:
    """What a peer says of objects that it was sent.

    Attributes:
        transaction: UID of the request.
        held: SOP Instance UIDs that it answers for.
        failed: SOP Instance UID to failure reason (PS3.4 table J.3-2).
    """

    transaction: str
    held: frozenset[str]
    failed: Mapping[str, int]


def commit(peer: Peer, objects: Mapping[str, str]) -> Commitment:
    """Ask a peer whether it answers for objects, and wait for what it says on this association.

    A peer that reports over an association of its own, as Orthanc does, needs somebody who listens:
    ``ask`` and ``reported``.

    Args:
        peer: whom to ask; it has ``peer.seconds`` for its report.
        objects: SOP Instance UID to SOP class.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: it refuses, or does not report in time.
    """
    told = ask(peer, objects, new_transaction(), peer.seconds)
    if told is None:
        raise PeerError(f"{peer.place}: expected a report on storage commitment, got none in time")
    return told


def new_transaction() -> str:
    """UID of a request; random, so that a report on it cannot be made up by others."""
    ensure_importable()
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


def ask(
    peer: Peer, objects: Mapping[str, str], transaction: str, seconds: float
) -> Commitment | None:
    """Ask a peer whether it answers for objects.

    Args:
        peer: whom to ask.
        objects: SOP Instance UID to SOP class.
        transaction: of ``new_transaction``; the report repeats it.
        seconds: how long the association stays open for the report.

    Returns:
        The report; None where none came, and whoever listens under ``peer.calling`` may get it.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: it does not answer, or refuses.
    """
    ensure_importable()
    from pynetdicom import evt

    come: list[Commitment] = []
    there = threading.Event()

    def report(event: Event) -> tuple[int, None]:
        told = reported(event)
        if told is None:
            return MALFORMED, None
        come.append(told)
        there.set()
        return 0x0000, None

    with associated(
        peer, [(COMMITMENT, None)], handlers=[(evt.EVT_N_EVENT_REPORT, report)]
    ) as association:
        _request(peer, association, objects, transaction)
        end = time.monotonic() + seconds
        # Not longer than the peer itself: one that reports otherwise ends this association.
        while time.monotonic() < end and association.is_established and not there.wait(_LOOK):
            pass
    return next((told for told in come if told.transaction == transaction), None)


def _request(
    peer: Peer, association: Association, objects: Mapping[str, str], transaction: str
) -> None:
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.TransactionUID = transaction
    asked.ReferencedSOPSequence = [_item(uid, kind) for uid, kind in objects.items()]
    try:
        with quiet():
            status, _ = association.send_n_action(
                asked, _ACTION_REQUEST, COMMITMENT, COMMITMENT_INSTANCE
            )
    except (ValueError, RuntimeError) as error:
        raise PeerError(f"{peer.place}: expected a peer of storage commitment, got none") from error
    if "Status" not in status or status.Status != 0:
        raise PeerError(f"{peer.place}: expected storage commitment, got a refusal or no answer")


def reported(event: Event) -> Commitment | None:
    """What an N-EVENT-REPORT says; None where it is not one of storage commitment."""
    try:
        with quiet():
            told = event.event_information
            failed = {
                str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason") or 0x0110)
                for item in told.get("FailedSOPSequence", ())
            }
            held = {str(i.ReferencedSOPInstanceUID) for i in told.get("ReferencedSOPSequence", ())}
            return Commitment(str(told.TransactionUID), frozenset(held - set(failed)), failed)
    except Exception:  # a peer may send anything
        return None


def asked_for(event: Event) -> tuple[str, dict[str, str]] | None:
    """Transaction, and objects by SOP Instance UID, of an N-ACTION; None where it is no request."""
    try:
        with quiet():
            wanted = event.action_information
            objects = {
                str(item.ReferencedSOPInstanceUID): str(item.ReferencedSOPClassUID)
                for item in wanted.ReferencedSOPSequence
            }
            return str(wanted.TransactionUID), objects
    except Exception:  # a peer may send anything
        return None


def report(peer: Peer, transaction: str, objects: Mapping[str, str], held: Collection[str]) -> None:
    """Report to a peer that asked, over an association of our own.

    Args:
        peer: who asked.
        transaction: of its request.
        objects: SOP Instance UID to SOP class, all that it asked for.
        held: those that are held.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: it does not answer, or refuses the report.
    """
    # The one who reports provides the service, though it opens the association (PS3.4 J.3.3).
    with associated(peer, [(COMMITMENT, None)], provided=[COMMITMENT]) as association:
        report_over(association, peer.place, transaction, objects, held)


def report_over(
    association: Association,
    place: str,
    transaction: str,
    objects: Mapping[str, str],
    held: Collection[str],
) -> None:
    """As ``report``, over an association that is open.

    Raises:
        PeerError: the peer refuses the report, or is gone.
    """
    ensure_importable()
    from pydicom.dataset import Dataset

    told = Dataset()
    told.TransactionUID = transaction
    missing = [uid for uid in objects if uid not in held]
    told.ReferencedSOPSequence = _items(objects, (uid for uid in objects if uid in held))
    if missing:
        told.FailedSOPSequence = _items(objects, missing)
        for item in told.FailedSOPSequence:
            item.FailureReason = NO_SUCH_OBJECT
    kind = _SOME_NOT if missing else _ALL_HELD
    try:
        with quiet():
            status, _ = association.send_n_event_report(told, kind, COMMITMENT, COMMITMENT_INSTANCE)
    except (ValueError, RuntimeError) as error:
        raise PeerError(f"{place}: expected to report on storage commitment, it is gone") from error
    if "Status" not in status or status.Status != 0:
        raise PeerError(f"{place}: expected it to take a report on storage commitment")


def _items(objects: Mapping[str, str], uids: Iterable[str]) -> list[Dataset]:
    return [_item(uid, objects[uid]) for uid in uids]


def _item(uid: str, sop_class: str) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item
