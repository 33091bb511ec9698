"""Tests of `infmap.node.connections`: who says nothing keeps nobody out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_node import MODEL, listener, open_store

from infmap.core.errors import PeerError
from infmap.dicom.network import Peer, echo
from infmap.dicom.network.contexts import VERIFICATION
from infmap.dicom.network.outcome import Refused
from infmap.dicom.network.peer import associated
from infmap.node import connections
from infmap.node.receiving import Receiver

if TYPE_CHECKING:
    from pynetdicom.events import Event

# The first bytes of a request for an association of 200 bytes, and no more of it.
HALF = bytes([1, 0, 0, 0, 0, 200, 0, 1])

# pynetdicom drops the socket of a connection that ends early without closing it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    store = open_store(tmp_path / "server")
    yield Receiver(store, MODEL)
    store.close()


def node(port: int) -> Peer:
    return Peer("127.0.0.1", port, "INFMAP", calling="MOD1", seconds=60.0)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts the connections that the node has come to know."""
    known, told = threading.Semaphore(0), connections.Connections.opened

    def tell(self: connections.Connections, event: Event) -> None:
        told(self, event)
        known.release()

    monkeypatch.setattr(connections.Connections, "opened", tell)
    return known


@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half a PDU"])
def test_connections_that_ask_for_nothing_keep_no_modality_out(
    said: bytes,
    receiver: Receiver,
    opened: threading.Semaphore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # No time ends them: places alone are at work.
    monkeypatch.setattr(connections, "ASKING_SECONDS", 600.0)
    monkeypatch.setattr(connections, "MOST_ASKING", 3)
    monkeypatch.setattr("infmap.node.listening.MOST_ASSOCIATIONS", 2)
    with listener(receiver, seconds=600.0) as port, ExitStack() as stack:
        idle = []
        for _ in range(6):
            one = socket.create_connection(("127.0.0.1", port), timeout=60)
            idle.append(stack.enter_context(one))
            one.sendall(said)
            # Each has a thread of its own: on a busy machine a later one could be known before.
            assert opened.acquire(timeout=60)
        echo(node(port))
        assert idle[0].recv(1) == b""  # the oldest gave way
        for one in idle:
            one.close()


@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half a PDU"])
def test_a_connection_that_asks_for_nothing_ends_soon(
    said: bytes, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ASKING_SECONDS", 0.1)
    with (
        listener(receiver, seconds=0.2) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as one,
    ):
        one.sendall(said)
        assert one.recv(1) == b""


def test_a_silent_association_gives_way_and_one_at_work_does_not(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.node.listening.MOST_ASSOCIATIONS", 2)
    context = [(VERIFICATION, None)]
    with listener(receiver) as port, associated(node(port), context) as first:
        with associated(node(port), context) as second:
            assert first.send_c_echo().Status == 0  # heard later than the second
            with pytest.raises(PeerError, match="for now") as caught:
                echo(node(port))
            assert not isinstance(caught.value, Refused)
            monkeypatch.setattr(connections, "SILENT_SECONDS", 0.0)
            echo(node(port))
            second.join(60)  # its connection was closed
            assert not second.is_established
        assert first.send_c_echo().Status == 0


def test_a_connection_that_ends_before_it_asks_leaves_no_thread(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ASKING_SECONDS", 600.0)
    seen = []
    opened = connections.Connections.opened

    def noted(self: connections.Connections, event: Any) -> None:
        seen.append(event.assoc)
        opened(self, event)

    monkeypatch.setattr(connections.Connections, "opened", noted)
    with listener(receiver) as port:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
        echo(node(port))
        seen[0].join(60)
        assert not seen[0].is_alive()
