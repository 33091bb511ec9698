"""Tests of `infmap.dicom.network.peer`."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from infmap.core.errors import PeerError, UsageError
from infmap.dicom.network import Peer, Tls, echo
from infmap.dicom.network.peer import entity_of

pytest.importorskip("pynetdicom")

sys.path.insert(0, str(Path(__file__).parent))
from peers import answering, certificate_in, close_sockets  # noqa: E402


def test_a_peer_is_read_as_users_write_it() -> None:
    assert Peer.of("ORTHANC@127.0.0.1:4242") == Peer("127.0.0.1", 4242, "ORTHANC")
    assert Peer.of("PACS@[::1]:104", calling="ME").host == "::1"
    assert Peer.of("A@host:1").place == "host:1"


@pytest.mark.parametrize(
    "address",
    ["", "host:104", "@host:104", "A@host", "A@:104", "A@host:x", "A@host:0", "A@host:65536"]
    + ["A" * 17 + "@host:104"],
)
def test_what_is_no_peer_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(UsageError, match="TITLE@HOST:PORT"):
        Peer.of(address)


def test_an_entity_logs_no_identifiers() -> None:
    entity_of("INFMAP", 5.0)
    from pynetdicom import _config

    assert not _config.LOG_REQUEST_IDENTIFIERS and not _config.LOG_RESPONSE_IDENTIFIERS
    assert _config.LOG_HANDLER_LEVEL == "none"


@pytest.fixture
def certificate(tmp_path: Path) -> Tls:
    return certificate_in(tmp_path)


# pynetdicom drops the socket of a refused connection without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_both_ways(certificate: Tls) -> None:
    with (
        answering([], [], certificate, seconds=2) as peer,
        # Who connects and says nothing keeps nobody out.
        socket.create_connection((peer.host, peer.port)),
    ):
        place = peer.host, peer.port, peer.aet
        echo(Peer(*place, seconds=5, tls=certificate))
        # Without a certificate of its own, with another authority, and in plain text.
        for tls in (Tls(certificate.authority), Tls(), None):
            with pytest.raises(PeerError):
                echo(Peer(*place, seconds=2, tls=tls))
    close_sockets()


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PEM"):
        Tls(tmp_path / "missing.pem").client()
    with pytest.raises(UsageError, match="certificate"):
        Tls().server()


def test_a_file_for_tls_turns_it_on() -> None:
    pem = Path("a.pem")
    assert Tls.if_asked(False, None, None, None) is None
    assert Tls.if_asked(False, None, None, pem) is None  # a key alone is of no certificate
    assert Tls.if_asked(True, None, None, None) == Tls()
    assert Tls.if_asked(False, pem, None, None) == Tls(pem)
    assert Tls.if_asked(False, None, pem, pem) == Tls(None, pem, pem)
