"""Tests of `infmap.node.committing`: objects count as sent once their destination commits them."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_pacs import FakePacs
from small_node import CLASSES, MODEL, FakeRemote, listener, made, open_store

from infmap.core.errors import PeerError
from infmap.dicom.network import Commitment, Peer
from infmap.dicom.network.commitment import report, report_over
from infmap.node import outbox
from infmap.node.committing import take
from infmap.node.outbox import Entry
from infmap.node.patience import GIVE_UP_MS, REFUSED_MS, Patience, steady
from infmap.node.receiving import Receiver
from infmap.node.remotes import Dimse, remote_of
from infmap.node.sending import Commits, Sender
from infmap.serve.schema import outbox as table
from infmap.serve.store import Store
from infmap.web.database import now

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from orthanc import running as orthanc_running  # noqa: E402

HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "server")
    yield store
    store.close()


def plan(store: Store, *films: str) -> None:
    with store.begin() as c:
        for name in films:
            outbox.plan(c, name, [("pacs", kind) for kind in CLASSES])


def entries(store: Store) -> list[Entry]:
    with store.read() as c:
        return outbox.every(c)


def states(store: Store) -> set[str]:
    return {entry.state for entry in entries(store)}


def hurry(store: Store) -> None:
    """Let pauses be over."""
    with store.begin() as c:
        c.execute(table.update().values(next_at=now()))


class Archive(FakeRemote):
    """A destination in this process that commits what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asks: list[tuple[dict[str, str], str]] = []
        self.error: PeerError | None = None
        self.refuses: set[str] = set()
        self.says = True

    def commit(self, objects: Mapping[str, str], transaction: str) -> Commitment | None:
        self.asks.append((dict(objects), transaction))
        if self.error is not None:
            raise self.error
        told = self.report(transaction, objects)
        return told if self.says else None

    def report(self, transaction: str, objects: Mapping[str, str]) -> Commitment:
        failed = {uid: 0x0112 for uid in objects if uid in self.refuses}
        return Commitment(transaction, frozenset(set(objects) - set(failed)), failed)


def sender(store: Store, remote: Archive, within: float = HOUR) -> Sender:
    patience = Patience(random.Random(0))
    return Sender(store, "pacs", remote, made, commits=Commits(remote, within), patience=patience)


def test_what_is_stored_is_sent_once_it_is_committed(store: Store) -> None:
    archive = Archive()
    plan(store, "a")
    one = sender(store, archive)
    assert one.round() == 5
    # It is asked when nothing else is to be sent: many objects of one request.
    assert states(store) == {"stored"} and archive.asks == []
    assert one.round() == 5
    assert states(store) == {"sent"} and all(e.reason == "committed" for e in entries(store))
    ((objects, _),) = archive.asks
    assert objects == {e.sop_uid: CLASSES[e.kind] for e in entries(store)}
    assert one.round() == 0


def test_what_is_not_held_is_sent_again_without_a_search(store: Store) -> None:
    archive = Archive()
    plan(store, "a")
    one = sender(store, archive)
    one.round()
    (lost,) = [e for e in entries(store) if e.kind == "sr"]
    archive.refuses = {str(lost.sop_uid)}
    one.round()
    (lost,) = [e for e in entries(store) if e.kind == "sr"]
    assert (lost.state, lost.status, lost.sop_uid) == ("waiting", "0112", None)
    assert "not committed" in (lost.reason or "") and lost.next_at > now()
    archive.refuses = set()
    hurry(store)
    one.round()
    one.round()
    assert states(store) == {"sent"} and archive.asked == []
    assert sorted(archive.got.count(uid) for uid in set(archive.got)) == [1, 1, 1, 1, 2]


def test_without_a_report_in_time_it_is_said_and_looked_for(store: Store) -> None:
    archive = Archive()
    archive.says = False
    plan(store, "a")
    one = sender(store, archive, within=0.0)
    one.round()  # sent
    one.round()  # asked
    assert {e.reason for e in entries(store)} == {"stored there, asked for commitment"}
    one.round()  # too late
    assert states(store) == {"waiting"}
    assert {e.reason for e in entries(store)} == {"stored there, and not committed within 0 s"}
    one.round()  # found there, and not sent again
    assert states(store) == {"stored"} and len(archive.got) == len(archive.asked) == 5
    archive.got.clear()  # it loses them
    one.round()
    one.round()
    one.round()
    assert states(store) == {"stored"} and len(archive.got) == 5  # sent again
    archive.says = True
    one.round()
    assert states(store) == {"sent"}


def test_a_late_report_counts_and_a_foreign_one_does_not(store: Store) -> None:
    archive = Archive()
    archive.says = False
    plan(store, "a")
    one = sender(store, archive, within=0.0)
    for _ in range(3):
        one.round()
    assert states(store) == {"waiting"}
    ((objects, transaction),) = archive.asks
    assert take(store, archive.report("1.2.3", objects)) == 0
    assert take(store, Commitment(transaction, frozenset({"1.2.3"}), {})) == 0
    assert states(store) == {"waiting"}
    assert take(store, archive.report(transaction, objects)) == 5 and states(store) == {"sent"}
    assert take(store, archive.report(transaction, objects)) == 0


def test_what_is_never_committed_is_a_dead_letter_after_a_week(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive()
    archive.says = False
    plan(store, "a")
    one = sender(store, archive, within=0.0)
    one.round()
    one.round()
    monkeypatch.setattr("infmap.node.patience.now", lambda: now() + GIVE_UP_MS)
    one.round()
    assert states(store) == {"dead"}
    assert all("not committed" in (e.reason or "") for e in entries(store))
    with store.begin() as c:
        assert outbox.retry(c) == 5


def test_a_destination_without_commitment_is_said_and_given_up_after_an_hour(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = FakePacs()
    plan(store, "a")
    with pacs.running() as peer:
        remote = Dimse(replace(peer, seconds=20.0))
        one = Sender(store, "pacs", remote, made, commits=Commits(remote, HOUR))
        one.round()
        one.round()
        assert states(store) == {"stored"}
        assert all("accepts none of its services" in (e.reason or "") for e in entries(store))
        monkeypatch.setattr("infmap.node.patience.steady", lambda: steady() + REFUSED_MS)
        hurry(store)
        one.round()
    assert states(store) == {"dead"} and set(pacs.stored.values()) == {1}


def test_the_report_comes_over_the_association_that_asked(store: Store) -> None:
    pacs = FakePacs()

    def answer(association: Any, transaction: str, objects: dict[str, str]) -> None:
        report_over(association, "fake", transaction, objects, set(pacs.stored))

    pacs.commits = answer
    plan(store, "a")
    with pacs.running() as peer:
        remote = Dimse(peer, linger=60.0)
        one = Sender(store, "pacs", remote, made, commits=Commits(remote, HOUR))
        one.round()
        one.round()
    assert states(store) == {"sent"} and set(pacs.stored.values()) == {1}


def test_the_report_comes_over_an_association_of_its_own(store: Store) -> None:
    pacs, told = FakePacs(), threading.Event()
    with listener(Receiver(store, MODEL), accept=("MOD1", "FAKE")) as port:
        node = Peer("127.0.0.1", port, "INFMAP", calling="FAKE", seconds=20.0)

        def answer(association: Any, transaction: str, objects: dict[str, str]) -> None:
            report(node, transaction, objects, set(pacs.stored))
            told.set()

        pacs.commits = answer
        plan(store, "a")
        with pacs.running() as peer:
            remote = Dimse(peer, linger=0.0)
            one = Sender(store, "pacs", remote, made, commits=Commits(remote, HOUR))
            one.round()
            one.round()
            assert told.wait(60)
    assert states(store) == {"sent"}


def test_orthanc_commits_what_it_was_sent(store: Store, tmp_path: Path) -> None:
    with listener(Receiver(store, MODEL)) as port:
        known = {"INFMAP": ["INFMAP", "127.0.0.1", port]}
        with orthanc_running(tmp_path, known) as orthanc:
            remote = remote_of(f"ORTHANC@127.0.0.1:{orthanc.dicom}")
            assert isinstance(remote, Dimse)
            remote = replace(remote, linger=0.0)
            plan(store, "a")
            one = Sender(store, "pacs", remote, made, commits=Commits(remote, HOUR))
            one.round()
            one.round()
            ticks = threading.Event()
            for _ in range(1200):  # a minute: Orthanc checks its files before it reports
                if states(store) == {"sent"}:
                    break
                ticks.wait(0.05)
            assert orthanc.instances() == 5
    assert states(store) == {"sent"} and {e.reason for e in entries(store)} == {"committed"}
