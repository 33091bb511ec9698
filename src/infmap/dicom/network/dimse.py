"""C-ECHO and C-STORE to a peer (PS3.4 A and B, PS3.7 9.1.1 and 9.1.5)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError, needs_extra
from infmap.core.quiet import quiet
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.contexts import SENT, VERIFICATION
from infmap.dicom.network.outcome import NO_ANSWER, NOT_ACCEPTED, Sent, reason_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association

_MOST_CONTEXTS = 128  # of one association: identifiers are the odd numbers to 255 (PS3.8 9.3.2.2)


@dataclass(frozen=True)
class Peer:
    """Where a peer listens.

    Attributes:
        host: name or address.
        port: TCP port.
        aet: application entity title that it answers to, 16 characters at most.
        calling: title that infmap calls itself by.
        seconds: to wait for a connection, an answer or the network.
    """

    host: str
    port: int
    aet: str
    calling: str = "INFMAP"
    seconds: float = 30.0


def echo(peer: Peer) -> None:
    """Ask a peer whether it is there.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: it does not answer, refuses the association or the request.
    """
    with _association(peer, [(VERIFICATION, None)]) as association:
        status = association.send_c_echo()
        if "Status" not in status or status.Status != 0:
            raise PeerError(f"{peer.host}:{peer.port}: expected an answer to C-ECHO, got none")


def store(peer: Peer, files: Iterable[bytes]) -> Iterator[Sent]:
    """Send objects, one after the other in one association.

    Args:
        peer: whereto.
        files: whole files (PS3.10), of any class and transfer syntax; sent as they are encoded.

    Yields:
        An answer an object, in their order. One that fails does not stop the others; where the
        association is lost, those that are left have no status.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: the peer does not answer or refuses the association; nothing was sent.
    """
    ensure_importable()
    import pydicom

    datasets = [pydicom.dcmread(io.BytesIO(data)) for data in files]
    if not datasets:
        return
    with _association(peer, _pairs(datasets)) as association:
        for dataset in datasets:
            yield _send(association, dataset)


def _pairs(datasets: Iterable[Dataset]) -> list[tuple[str, str | None]]:
    """Class and transfer syntax to propose: each on its own, as a peer picks one of several."""
    found: dict[tuple[str, str | None], None] = {
        (str(d.SOPClassUID), str(d.file_meta.TransferSyntaxUID)): None for d in datasets
    }
    known = {c.sop_class: c.syntaxes for c in SENT}
    for sop_class, _ in tuple(found):
        for syntax in known.get(sop_class, ()):
            found[sop_class, syntax] = None
    return list(found)[:_MOST_CONTEXTS]


def _send(association: Association, dataset: Dataset) -> Sent:
    uid = str(dataset.SOPInstanceUID)
    if not association.is_established:
        return Sent(uid, None, NO_ANSWER)
    try:
        with quiet():
            answer = association.send_c_store(dataset)
    except ValueError:  # pynetdicom: no accepted presentation context fits
        return Sent(uid, None, NOT_ACCEPTED)
    except RuntimeError:  # the association ended between the check and the request
        return Sent(uid, None, NO_ANSWER)
    if "Status" not in answer:
        return Sent(uid, None, NO_ANSWER)
    return Sent(uid, int(answer.Status), reason_of(int(answer.Status)))


@contextmanager
def _association(peer: Peer, pairs: list[tuple[str, str | None]]) -> Iterator[Association]:
    ensure_importable()
    with needs_extra("DICOM over the network", "dicom"):
        from pynetdicom import AE

    entity = AE(ae_title=peer.calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = peer.seconds
    entity.connection_timeout = peer.seconds
    for sop_class, syntax in pairs:
        entity.add_requested_context(sop_class, *([] if syntax is None else [syntax]))
    association = entity.associate(peer.host, peer.port, ae_title=peer.aet)
    if not association.is_established:
        what = "refused the association" if association.is_rejected else "does not answer"
        raise PeerError(
            f"{peer.host}:{peer.port}: expected a DICOM peer called {peer.aet}, it {what}; check "
            "address, port and application entity titles"
        )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
