"""Associations with a peer: where it listens, how long to wait, and TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError, UsageError, needs_extra
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.outcome import Refused

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.association import Association
    from pynetdicom.events import Event, InterventionEvent

    Handler = tuple[InterventionEvent, Callable[[Event], object]]

MOST_CONTEXTS = 128
"""Of one association: identifiers are the odd numbers to 255 (PS3.8 9.3.2.2)."""
_HANDSHAKE_SECONDS = 30.0  # as for any answer; far more than a handshake over a slow line takes
_AET_LENGTH = 16  # characters of an application entity title (PS3.5 6.2, AE)


# What a peer says of itself when it rejects an association for good, as service user (PS3.8
# table 9-21), and what is to be done.
_NOT_RECOGNISED = {
    3: "for it does not know {calling}; register this title there",
    7: "for it is not called {aet}; check the title",
}
_PERMANENT, _SERVICE_USER = 1, 1


class NothingAccepted(Refused):
    """A peer that is there, and accepts none of the presentation contexts."""


@dataclass(frozen=True)
class Tls:
    """Files for TLS, all PEM.

    Attributes:
        authority: certificates that the other side's is checked against; the system's without it.
        certificate: own certificate, to show when asked for one; with ``key``.
        key: its private key.
    """

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def if_asked(
        cls, tls: bool, authority: Path | None, certificate: Path | None, key: Path | None
    ) -> Tls | None:
        """TLS where a user turns it on, which a file for it does as well; None for plain TCP."""
        if tls or authority is not None or certificate is not None:
            return cls(authority, certificate, key)
        return None

    def client(self) -> ssl.SSLContext:
        """Of who opens an association: the peer's certificate and name are checked.

        Raises:
            UsageError: a file is missing or does not fit.
        """
        with _readable():
            context = ssl.create_default_context(cafile=self.authority)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        return context

    def server(self) -> ssl.SSLContext:
        """Of who listens: with an authority, peers have to show a certificate of it.

        Raises:
            UsageError: a file is missing or does not fit.
        """
        if self.certificate is None:
            raise UsageError("TLS: expected --certificate and --key to listen with, got none")
        context = _Listening(ssl.PROTOCOL_TLS_SERVER)
        with _readable():
            context.load_cert_chain(self.certificate, self.key)
            if self.authority is not None:
                context.load_verify_locations(self.authority)
                context.verify_mode = ssl.CERT_REQUIRED
        return context


class _Listening(ssl.SSLContext):
    """Leaves the handshake to the thread of each association, and gives it an end.

    pynetdicom wraps a connection in the thread that takes them all: a peer that connects and says
    nothing would keep out every other one.
    """

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = True,
        do_handshake_on_connect: bool = False,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As of any context, with a timeout, and without a handshake unless asked for."""
        sock.settimeout(_HANDSHAKE_SECONDS)
        return super().wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname
        )


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"TLS: expected PEM files that belong together: {error.strerror or error}"
        ) from error


@dataclass(frozen=True)
class Peer:
    """Where a peer listens.

    Attributes:
        host: name or address.
        port: TCP port.
        aet: application entity title that it answers to, 16 characters at most.
        calling: title that infmap calls itself by.
        seconds: to wait for a connection, an answer or the network.
        tls: how to speak TLS; None for plain TCP.
    """

    host: str
    port: int
    aet: str
    calling: str = "INFMAP"
    seconds: float = 30.0
    tls: Tls | None = None

    @classmethod
    def of(
        cls,
        address: str,
        *,
        calling: str = "INFMAP",
        seconds: float = 30.0,
        tls: Tls | None = None,
    ) -> Peer:
        """A peer as a user writes it.

        Args:
            address: "TITLE@HOST:PORT"; an IPv6 host in brackets.
            calling: as the attribute.
            seconds: as the attribute.
            tls: as the attribute.

        Raises:
            UsageError: it is none.
        """
        aet, _, place = address.partition("@")
        host, _, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        known = aet.strip() and host and port.isdecimal() and 0 < int(port) < 65536
        if not known or max(len(aet), len(calling)) > _AET_LENGTH:
            raise UsageError(
                f"expected a peer as TITLE@HOST:PORT, such as ORTHANC@127.0.0.1:4242, got "
                f"{address!r}; a title has {_AET_LENGTH} characters at most"
            )
        return cls(host, int(port), aet, calling, seconds, tls)

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def entity_of(title: str, seconds: float) -> AE:
    """An application entity of infmap, without contexts.

    Args:
        title: its own, 16 characters at most.
        seconds: to wait for a connection, an answer or the network.

    Raises:
        MissingExtra: pynetdicom is not installed.
    """
    ensure_importable()
    with needs_extra("DICOM over the network", "dicom"):
        from pynetdicom import AE, _config

    # Its own handlers print whole requests at the level of debugging: identifiers of patients.
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.LOG_HANDLER_LEVEL = "none"
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = seconds
    entity.connection_timeout = seconds
    return entity


@contextmanager
def associated(
    peer: Peer,
    pairs: Iterable[tuple[str, str | None]],
    *,
    provided: Iterable[str] = (),
    handlers: Iterable[Handler] = (),
) -> Iterator[Association]:
    """An association with a peer, released when the body ends.

    Args:
        peer: whereto.
        pairs: class and transfer syntax of each presentation context; None for the usual ones.
        provided: classes of ``pairs`` that the peer uses and infmap provides (PS3.7 D.3.3.4).
        handlers: event to what answers it, for requests that the peer sends.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: the peer does not answer, or refuses the association for now.
        Refused: it refuses the association for good.
        NothingAccepted: it accepts none of the contexts.
        UsageError: a file of TLS does not do.
    """
    entity = entity_of(peer.calling, peer.seconds)
    from pynetdicom import build_role

    for sop_class, syntax in pairs:
        entity.add_requested_context(sop_class, *([] if syntax is None else [syntax]))
    # The name in the certificate is the host's: pynetdicom hands it on to the check.
    tls = None if peer.tls is None else (peer.tls.client(), peer.host)
    try:
        association = entity.associate(
            peer.host,
            peer.port,
            ae_title=peer.aet,
            tls_args=tls,
            ext_neg=[build_role(uid, scp_role=True) for uid in provided],
            evt_handlers=list(handlers),
        )
    except OSError as error:  # a name without an address ends it before it begins
        raise PeerError(
            f"{peer.place}: expected a host that can be found, got none; check its name"
        ) from error
    if not association.is_established:
        if association.rejected_contexts:
            raise NothingAccepted(
                f"{peer.place}: expected a peer of what was asked for, {peer.aet} accepts none of "
                "its services and transfer syntaxes"
            )
        raise _unestablished(peer, association)
    try:
        yield association
    finally:
        # One that the peer ended meanwhile would be waited for in vain.
        if association.is_established and not association.acse.is_aborted():
            association.release()


def _unestablished(peer: Peer, association: Association) -> PeerError:
    expected = f"{peer.place}: expected a DICOM peer called {peer.aet}, it"
    advice = "check address, port and application entity titles"
    if not association.is_rejected:
        return PeerError(f"{expected} does not answer; {advice}")
    said = association.acceptor.primitive
    if said is None or said.result != _PERMANENT:
        return PeerError(f"{expected} refused the association for now; {advice}")
    why = None
    if said.result_source == _SERVICE_USER:
        why = _NOT_RECOGNISED.get(said.diagnostic or 0)
    if why is None:
        return Refused(f"{expected} refused the association; {advice}")
    told = why.format(calling=peer.calling, aet=peer.aet)
    return Refused(f"{expected} refused the association, {told}")
