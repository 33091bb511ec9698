"""The node as a service class provider: C-ECHO, C-STORE and storage commitment, both sides."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from infmap.core.errors import PeerError, UsageError
from infmap.core.quiet import quiet
from infmap.dicom.network import Peer, Tls
from infmap.dicom.network.commitment import MALFORMED, asked_for, report, report_over, reported
from infmap.dicom.network.contexts import (
    COMMITMENT,
    FILMS,
    RECEIVED_SYNTAXES,
    SENT,
    VERIFICATION,
)
from infmap.dicom.network.peer import entity_of
from infmap.dicom.uids import uid_from
from infmap.node import connections
from infmap.node.committing import take
from infmap.node.receiving import MOST, NOT_UNDERSTOOD, Receiver, held

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

LOG = logging.getLogger("infmap.node")
MOST_ASSOCIATIONS = 16
"""At one moment; each may have a film of some tens of megabytes in memory."""
_IMPLEMENTATION, _VERSION = uid_from("implementation"), "INFMAP"
PROCESSING_FAILURE = 0x0110
"""Status of a report that could not be noted (PS3.7 annex C)."""
_SLACK = 1 << 20  # bytes of commands and headers beside an object


@dataclass(frozen=True)
class Listening:
    """Where and how a node listens.

    Attributes:
        host: address.
        port: 0 for any free one.
        title: application entity title that it answers to.
        seconds: to wait for the network or an answer.
        accept: titles of those who may open associations; anybody where empty.
        peers: title of a peer to its HOST:PORT, for reports on storage commitment.
        tls: with own certificate and key; with an authority, peers have to show a certificate.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    title: str = "INFMAP"
    seconds: float = 30.0
    accept: tuple[str, ...] = ()
    peers: Mapping[str, str] | None = None
    tls: Tls | None = None


class _Provider:
    """Answers requests of all associations."""

    def __init__(self, settings: Listening, receiver: Receiver) -> None:
        self._settings, self._receiver = settings, receiver
        self._sizes: dict[Association, int] = {}
        self._reports: dict[Association, Callable[[], None]] = {}

    def store(self, event: Event) -> int:
        """C-STORE."""
        self._sizes.pop(event.assoc, None)
        request, context = event.request, event.context
        sop_class, sop_uid = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
        try:
            with quiet():
                dataset = event.encoded_dataset(include_meta=False)
                file = file_of(sop_class, sop_uid, str(context.transfer_syntax), dataset)
        except Exception:  # a peer may send anything, an invalid UID too
            return NOT_UNDERSTOOD
        calling = str(event.assoc.requestor.ae_title).strip()
        return self._receiver.take(calling, sop_class, sop_uid, file)

    def size(self, event: Event) -> None:
        """End a connection whose object is larger than any film, before memory is full of it."""
        size = self._sizes.get(event.assoc, 0) + int(getattr(event.pdu, "pdu_length", 0))
        self._sizes[event.assoc] = size
        if size > MOST + _SLACK:
            LOG.warning("an association was ended: its object is larger than %d bytes", MOST)
            event.assoc.dul.socket.close()

    def closed(self, event: Event) -> None:
        """The connection has ended."""
        self._sizes.pop(event.assoc, None)
        self._reports.pop(event.assoc, None)

    def commit(self, event: Event) -> tuple[int, None]:
        """N-ACTION: a request for storage commitment. The report follows the answer."""
        self._sizes.pop(event.assoc, None)
        asked = asked_for(event)
        if asked is None:
            return MALFORMED, None
        transaction, objects = asked
        try:
            with self._receiver.store.read() as c:
                there = held(c, objects)
        except OperationalError:  # the database is away: who asks may do so again
            return PROCESSING_FAILURE, None
        association = event.assoc
        calling = str(association.requestor.ae_title).strip()
        place = (self._settings.peers or {}).get(calling)

        def tell() -> None:
            try:
                if place is None:
                    report_over(association, calling, transaction, objects, there)
                else:
                    peer = Peer.of(
                        f"{calling}@{place}",
                        calling=self._settings.title,
                        seconds=self._settings.seconds,
                    )
                    report(peer, transaction, objects, there)
                LOG.info("storage commitment: %d of %d held", len(there), len(objects))
            except (PeerError, UsageError) as error:
                LOG.warning("storage commitment: no report: %s", type(error).__name__)

        self._reports[association] = tell
        return 0x0000, None

    def committed(self, event: Event) -> tuple[int, None]:
        """N-EVENT-REPORT: a destination answers for objects that the node sent."""
        self._sizes.pop(event.assoc, None)
        told = reported(event)
        if told is None:
            return MALFORMED, None
        try:
            take(self._receiver.store, told)
        except OperationalError:  # the database is away: who reports may do so again
            return PROCESSING_FAILURE, None
        return 0x0000, None

    def answered(self, event: Event) -> None:
        """A message is on its way: the report may follow, in a thread that may wait."""
        tell = self._reports.pop(event.assoc, None)
        if tell is not None:
            threading.Thread(target=tell, name="commitment", daemon=True).start()


def file_of(sop_class: str, sop_uid: str, syntax: str, dataset: bytes) -> bytes:
    """A whole file (PS3.10) of a dataset as it was sent: the same bytes for the same object.

    Args:
        sop_class: UID of the class.
        sop_uid: SOP Instance UID.
        syntax: UID of the transfer syntax that the dataset is encoded in.
        dataset: encoded.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.filewriter import write_file_meta_info

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = syntax
    # Not the libraries' own names, which change with their versions.
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = _VERSION
    stream = io.BytesIO()
    stream.write(bytes(128) + b"DICM")
    write_file_meta_info(stream, meta)
    return stream.getvalue() + dataset


@contextmanager
def listening(settings: Listening, receiver: Receiver) -> Iterator[int]:
    """Listen while the body runs; yields the port.

    Args:
        settings: where and how.
        receiver: takes the objects.

    Raises:
        MissingExtra: pynetdicom is not installed.
        UsageError: the address cannot be listened on, or a file of TLS does not do.
    """
    entity = entity_of(settings.title, settings.seconds)
    from pynetdicom import evt

    # It logs what peers send, and of an error the values at hand.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.accept)
    entity.acse_timeout = min(settings.seconds, connections.ASKING_SECONDS)
    # Its own count is of all connections: ours is of associations, and refuses first.
    entity.maximum_associations = 1 << 20
    places = connections.Connections(MOST_ASSOCIATIONS, settings.seconds)
    for uid in (VERIFICATION, COMMITMENT):
        entity.add_supported_context(uid, scu_role=True, scp_role=True)
    for context in (*FILMS, *SENT):
        entity.add_supported_context(context.sop_class, list(RECEIVED_SYNTAXES))
    provider = _Provider(settings, receiver)
    handlers = [
        (evt.EVT_C_STORE, provider.store),
        (evt.EVT_N_ACTION, provider.commit),
        (evt.EVT_N_EVENT_REPORT, provider.committed),
        (evt.EVT_CONN_OPEN, places.opened),
        (evt.EVT_REQUESTED, places.requested),
        (evt.EVT_PDU_RECV, places.heard),
        (evt.EVT_PDU_SENT, places.heard),
        (evt.EVT_CONN_CLOSE, places.closed),
        (evt.EVT_PDU_RECV, provider.size),
        (evt.EVT_PDU_SENT, provider.answered),
        (evt.EVT_CONN_CLOSE, provider.closed),
    ]
    try:
        server = entity.start_server(
            (settings.host, settings.port),
            block=False,
            evt_handlers=handlers,
            ssl_context=None if settings.tls is None else settings.tls.server(),
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose "
            "another with --port"
        ) from error
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
