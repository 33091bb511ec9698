"""C-ECHO and C-STORE to a peer (PS3.4 A and B, PS3.7 9.1.1 and 9.1.5)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError
from infmap.core.quiet import quiet
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.contexts import SENT, VERIFICATION
from infmap.dicom.network.outcome import NO_ANSWER, NOT_ACCEPTED, Sent, reason_of
from infmap.dicom.network.peer import MOST_CONTEXTS, NothingAccepted, Peer, associated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association


def echo(peer: Peer) -> None:
    """Ask a peer whether it is there.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: it does not answer, refuses the association or the request.
    """
    with associated(peer, [(VERIFICATION, None)]) as association:
        status = association.send_c_echo()
        if "Status" not in status or status.Status != 0:
            raise PeerError(f"{peer.place}: expected an answer to C-ECHO, got none")


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
        PeerError: the peer does not answer; nothing was sent.
        Refused: it refuses the association for good, such as for a title that it does not know.
    """
    ensure_importable()
    import pydicom

    datasets = [pydicom.dcmread(io.BytesIO(data)) for data in files]
    if not datasets:
        return
    try:
        with associated(peer, _pairs(datasets)) as association:
            lost = False
            for dataset in datasets:
                # Behind a lost answer there is none: waiting would take the time of each.
                sent = _unanswered(dataset) if lost else _send(association, dataset)
                lost = sent.status is None and sent.reason == NO_ANSWER
                yield sent
    except NothingAccepted:
        for dataset in datasets:
            yield Sent(str(dataset.SOPInstanceUID), None, NOT_ACCEPTED, final=True)


def _pairs(datasets: Iterable[Dataset]) -> list[tuple[str, str | None]]:
    """Class and transfer syntax to propose: each on its own, as a peer picks one of several."""
    found: dict[tuple[str, str | None], None] = {
        (str(d.SOPClassUID), str(d.file_meta.TransferSyntaxUID)): None for d in datasets
    }
    known = {c.sop_class: c.syntaxes for c in SENT}
    for sop_class, _ in tuple(found):
        for syntax in known.get(sop_class, ()):
            found[sop_class, syntax] = None
    return list(found)[:MOST_CONTEXTS]


def _send(association: Association, dataset: Dataset) -> Sent:
    uid = str(dataset.SOPInstanceUID)
    if not association.is_established:
        return _unanswered(dataset)
    try:
        with quiet():
            answer = association.send_c_store(dataset)
    except ValueError:  # pynetdicom: no accepted presentation context fits
        return Sent(uid, None, NOT_ACCEPTED, final=True)
    except RuntimeError:  # the association ended between the check and the request
        return _unanswered(dataset)
    if "Status" not in answer:
        return _unanswered(dataset)
    return Sent(uid, int(answer.Status), reason_of(int(answer.Status)))


def _unanswered(dataset: Dataset) -> Sent:
    return Sent(str(dataset.SOPInstanceUID), None, NO_ANSWER)
