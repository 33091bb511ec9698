"""Tests of `infmap.dicom.network.commitment`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from infmap.core.errors import PeerError
from infmap.dicom.network import Commitment, Peer, commit, store
from infmap.dicom.network.commitment import (
    ask,
    asked_for,
    new_transaction,
    report,
    report_over,
    reported,
)

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from objects import all_objects, file_of  # noqa: E402
from orthanc import running  # noqa: E402
from peers import answering  # noqa: E402

COMMITMENT = pynetdicom.sop_class.StorageCommitmentPushModel
SEG = "1.2.840.10008.5.1.4.1.1.66.4"


class Archive:
    """A peer that answers for the objects that it holds, over the association that asks."""

    def __init__(self, held: set[str], status: int = 0) -> None:
        self.held = held
        self.status = status

    def action(self, event: Any) -> tuple[int, None]:
        wanted = asked_for(event)
        assert wanted is not None
        told = (event.assoc, "here", *wanted, self.held)
        if self.status == 0:
            threading.Thread(target=report_over, args=told, daemon=True).start()
        return self.status, None


def test_held_and_missing_objects_are_told_apart() -> None:
    archive = Archive({"1.2.1"})
    with answering([(pynetdicom.evt.EVT_N_ACTION, archive.action)], [COMMITMENT]) as peer:
        told = commit(peer, {"1.2.1": SEG, "1.2.2": SEG})
        assert told.held == {"1.2.1"} and told.failed == {"1.2.2": 0x0112}
        assert commit(peer, {"1.2.1": SEG}).failed == {}


def test_a_refusal_and_a_peer_without_the_service_are_errors() -> None:
    archive = Archive(set(), 0x0110)
    handlers = [(pynetdicom.evt.EVT_N_ACTION, archive.action)]
    with answering(handlers, [COMMITMENT]) as peer, pytest.raises(PeerError, match="refusal"):
        commit(peer, {"1.2.1": SEG})
    with answering([], []) as peer, pytest.raises(PeerError):
        ask(peer, {"1.2.1": SEG}, new_transaction(), 0.0)


def test_a_report_that_is_none_is_refused_by_whoever_gets_it() -> None:
    class Event:
        event_information = action_information = None

    assert reported(Event()) is None and asked_for(Event()) is None


def test_orthanc_reports_to_whoever_listens_for_it(tmp_path: Path) -> None:
    made = all_objects()
    come: list[Commitment | None] = []
    there = threading.Event()

    def take(event: Any) -> tuple[int, None]:
        come.append(reported(event))
        there.set()
        return 0, None

    seg = made["seg"]
    objects = {str(seg.SOPInstanceUID): SEG, "1.2.3.4": SEG}
    handlers = [(pynetdicom.evt.EVT_N_EVENT_REPORT, take)]
    with (
        answering(handlers, [COMMITMENT]) as listener,
        running(tmp_path, {"NODE": ["FAKE", "127.0.0.1", listener.port]}) as orthanc,
    ):
        peer = Peer("127.0.0.1", orthanc.dicom, "ORTHANC", calling="FAKE")
        list(store(peer, [file_of(seg)]))
        transaction = new_transaction()
        assert ask(peer, objects, transaction, 0.0) is None
        assert there.wait(60)
    (told,) = come
    assert told is not None and told.transaction == transaction
    assert told.held == {str(seg.SOPInstanceUID)} and set(told.failed) == {"1.2.3.4"}


def test_a_report_of_our_own_reaches_who_asked() -> None:
    come: list[Commitment | None] = []

    def take(event: Any) -> tuple[int, None]:
        come.append(reported(event))
        return 0, None

    with answering([(pynetdicom.evt.EVT_N_EVENT_REPORT, take)], [COMMITMENT]) as peer:
        report(peer, "1.2.9", {"1.2.1": SEG, "1.2.2": SEG}, {"1.2.2"})
    assert come == [Commitment("1.2.9", frozenset({"1.2.2"}), {"1.2.1": 0x0112})]
