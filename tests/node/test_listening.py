"""Tests of `infmap.node.listening`: a modality and a PACS ask the node."""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pynetdicom
import pytest
from small_node import DX, MODEL, encoded, film, listener, made, open_store

from infmap.core.errors import PeerError, UsageError
from infmap.dicom.network import Commitment, Peer, Tls, commit, echo, store
from infmap.dicom.network.commitment import ask, new_transaction, reported
from infmap.dicom.network.contexts import VERIFICATION
from infmap.dicom.network.outcome import Refused
from infmap.dicom.network.peer import associated
from infmap.node.listening import Listening, file_of, listening
from infmap.node.receiving import Receiver
from infmap.serve import uploads
from infmap.serve.schema import received as table
from infmap.serve.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from peers import answering, certificate_in  # noqa: E402

COMMITMENT = pynetdicom.sop_class.StorageCommitmentPushModel


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    store = open_store(tmp_path / "server")
    yield Receiver(store, MODEL)
    store.close()


def node(port: int, calling: str = "MOD1") -> Peer:
    return Peer("127.0.0.1", port, "INFMAP", calling=calling, seconds=20.0)


def rows(store: Store) -> list[Any]:
    with store.read() as c:
        return list(c.execute(table.select()).all())


def test_a_film_arrives_as_it_was_sent_and_a_resend_changes_nothing(receiver: Receiver) -> None:
    sent = film(1)
    with listener(receiver) as port:
        echo(node(port))
        for _ in range(2):
            (answer,) = store(node(port), [encoded(sent)])
            assert answer.stored
        (answer,) = store(node(port), [encoded(film(1, PixelData=b"else"))])
        assert answer.status == 0x0111
        answers = list(store(node(port), [made("a", "seg"), encoded(film(2))]))
        assert [a.status for a in answers] == [0, 0]
    (first, second) = rows(receiver.store)
    assert first.calling == "MOD1" and {first.sop_class, second.sop_class} == {DX}
    kept = uploads.path(receiver.store, first.sha256).read_bytes()
    got = pydicom.dcmread(io.BytesIO(kept))
    assert got == pydicom.dcmread(io.BytesIO(encoded(sent)))
    again = file_of(DX, str(sent.SOPInstanceUID), "1.2.840.10008.1.2.1", kept[_start(kept) :])
    assert again == kept


def _start(file: bytes) -> int:
    """Where the dataset begins, behind the file meta information."""
    return 144 + int.from_bytes(file[140:144], "little")


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_only_named_senders_and_the_right_title(receiver: Receiver) -> None:
    with listener(receiver, accept=("MOD1",)) as port:
        echo(node(port))
        with pytest.raises(Refused, match="refused .*know STRANGER; register this title"):
            echo(node(port, "STRANGER"))
        with pytest.raises(Refused, match="refused .*not called OTHER; check the title"):
            echo(replace(node(port), aet="OTHER"))


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_peer_with_too_many_associations_refuses_for_now(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.node.listening.MOST_ASSOCIATIONS", 1)
    with (
        listener(receiver) as port,
        associated(node(port), [(VERIFICATION, None)]),
        pytest.raises(PeerError, match="for now") as caught,
    ):
        echo(node(port))
    assert not isinstance(caught.value, Refused)


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_films_come_over_tls_from_those_with_a_certificate(
    receiver: Receiver, tmp_path: Path
) -> None:
    tls = certificate_in(tmp_path)
    with listener(receiver, tls=tls, seconds=3.0) as port:
        (answer,) = store(replace(node(port), tls=tls), [encoded(film(1))])
        assert answer.stored
        for other in (Tls(tls.authority), None):
            with pytest.raises(PeerError):
                echo(replace(node(port), tls=other, seconds=2.0))
    assert len(rows(receiver.store)) == 1


def test_held_films_are_committed_over_the_same_association(receiver: Receiver) -> None:
    uids = [str(film(n, ViewPosition=view).SOPInstanceUID) for n, view in ((1, "PA"), (2, "LL"))]
    with listener(receiver) as port:
        list(store(node(port), [encoded(film(1)), encoded(film(2, ViewPosition="LL"))]))
        told = commit(node(port), dict.fromkeys([*uids, "1.2.3"], DX))
        assert told.held == {uids[0]} and set(told.failed) == {uids[1], "1.2.3"}


def test_a_known_peer_gets_the_report_over_an_association_of_its_own(receiver: Receiver) -> None:
    come: list[Commitment | None] = []
    there = threading.Event()

    def take(event: Any) -> tuple[int, None]:
        come.append(reported(event))
        there.set()
        return 0, None

    handlers = [(pynetdicom.evt.EVT_N_EVENT_REPORT, take)]
    with answering(handlers, [COMMITMENT]) as modality:
        peers = {"FAKE": modality.place}
        with listener(receiver, peers=peers) as port:
            list(store(node(port), [encoded(film(1))]))
            uid = str(film(1).SOPInstanceUID)
            transaction = new_transaction()
            assert ask(node(port, "FAKE"), {uid: DX}, transaction, 0.0) is None
            assert there.wait(60)
    assert come == [Commitment(transaction, frozenset({uid}), {})]


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_film_larger_than_any_ends_its_connection(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.node.listening.MOST", 1 << 20)
    large = film(1, Rows=2048, Columns=2048, PixelData=bytes(4 << 20))
    with listener(receiver) as port:
        peer = replace(node(port), seconds=5.0)
        (answer,) = store(peer, [encoded(large)])
        assert answer.status is None
        echo(node(port))
    assert rows(receiver.store) == []


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_taken_port_is_one_line(receiver: Receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Listening(port=taken.getsockname()[1])
        with pytest.raises(UsageError, match="--port"), listening(settings, receiver):
            pass
