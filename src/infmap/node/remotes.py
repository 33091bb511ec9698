"""Where objects go to and come from: a DIMSE peer or a DICOMweb server, asked in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from infmap.core.errors import PeerError
from infmap.dicom.network import Commitment, DicomWeb, Peer, Sent, Tls, find, get, matches, store
from infmap.dicom.network.commitment import ask
from infmap.dicom.network.web import authorization

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LEVELS = ("STUDY", "SERIES", "IMAGE")


class Remote(Protocol):
    """Another system that stores objects."""

    def send(self, files: Sequence[bytes]) -> list[Sent]:
        """Send whole files (PS3.10); an answer each, in their order.

        Raises:
            PeerError: it does not answer; whether anything is stored is not known.
        """

    def holds(self, study: str, series: str, uid: str) -> bool:
        """Whether it has an object already.

        Raises:
            PeerError: it does not answer, or cannot be searched.
        """

    def matches(self, keys: Mapping[str, str], level: str) -> Iterator[Dataset]:
        """As ``find``, each as it comes, however many."""

    def find(self, keys: Mapping[str, str], level: str) -> list[Dataset]:
        """Search: keyword to value; level one of ``LEVELS``.

        Raises:
            PeerError: it does not answer, or not as the protocol has it.
        """

    def get(self, keys: Mapping[str, str], level: str, keep: Callable[[bytes], None]) -> int:
        """Fetch all objects that are found, and hand each on as a whole file; returns how many.

        Raises:
            PeerError: it does not answer, or could not send some of them.
        """


@dataclass(frozen=True)
class Dimse:
    """A peer that speaks DIMSE.

    Attributes:
        peer: where it listens.
        linger: seconds that an association stays open for a report on storage commitment; most
            peers report over one of their own, some at once over the one that asked.
    """

    peer: Peer
    linger: float = 2.0

    def send(self, files: Sequence[bytes]) -> list[Sent]:
        """As ``Remote``; C-STORE, one association."""
        return list(store(self.peer, files))

    def holds(self, study: str, series: str, uid: str) -> bool:
        """As ``Remote``; C-FIND."""
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": uid}
        # Compared here as well: a peer may ignore a key that it does not search by.
        return any(str(one.get("SOPInstanceUID", "")) == uid for one in self.find(keys, "IMAGE"))

    def matches(self, keys: Mapping[str, str], level: str) -> Iterator[Dataset]:
        """As ``Remote``; C-FIND."""
        return matches(self.peer, keys, level)

    def find(self, keys: Mapping[str, str], level: str) -> list[Dataset]:
        """As ``Remote``; C-FIND."""
        return find(self.peer, keys, level)

    def get(self, keys: Mapping[str, str], level: str, keep: Callable[[bytes], None]) -> int:
        """As ``Remote``; C-GET."""
        moved = get(self.peer, keys, keep, level)
        if moved.failed:
            raise PeerError(f"{self.peer.place}: {moved.failed} objects could not be sent")
        return moved.done

    def commit(self, objects: Mapping[str, str], transaction: str) -> Commitment | None:
        """See ``committing.Asks``; N-ACTION."""
        return ask(self.peer, objects, transaction, self.linger)


@dataclass(frozen=True)
class Web:
    """A DICOMweb server.

    Attributes:
        server: its address and how to speak to it.
    """

    server: DicomWeb

    def send(self, files: Sequence[bytes]) -> list[Sent]:
        """As ``Remote``; STOW-RS, one request."""
        return self.server.store(files)

    def holds(self, study: str, series: str, uid: str) -> bool:
        """As ``Remote``; QIDO-RS."""
        found = self.server.find({"StudyInstanceUID": study, "SOPInstanceUID": uid})
        return any(str(one.get("SOPInstanceUID", "")) == uid for one in found)

    def matches(self, keys: Mapping[str, str], level: str) -> Iterator[Dataset]:
        """As ``Remote``; QIDO-RS, page by page."""
        return self.server.matches(keys, level)

    def find(self, keys: Mapping[str, str], level: str) -> list[Dataset]:
        """As ``Remote``; QIDO-RS."""
        return self.server.find(keys, level)

    def get(self, keys: Mapping[str, str], level: str, keep: Callable[[bytes], None]) -> int:
        """As ``Remote``; QIDO-RS, then WADO-RS."""
        return self.server.get(keys, keep)


@dataclass(frozen=True)
class Manner:
    """How infmap speaks to others.

    Attributes:
        calling: title that it calls itself by.
        seconds: to wait for a connection or an answer.
        tls: of DIMSE; None for plain TCP.
        authorization: name of the environment variable that holds the HTTP header of that name;
            never the value itself, which other users of the machine would see.
    """

    calling: str = "INFMAP"
    seconds: float = 30.0
    tls: Tls | None = None
    authorization: str | None = None


def remote_of(address: str, manner: Manner = Manner()) -> Remote:  # noqa: B008
    """A remote as a user writes it.

    Args:
        address: ``TITLE@HOST:PORT``, or ``http(s)://...`` of a DICOMweb service.
        manner: how to speak to it.

    Raises:
        UsageError: it is neither, or the environment variable is not set.
    """
    if not address.startswith(("http://", "https://")):
        return Dimse(
            Peer.of(address, calling=manner.calling, seconds=manner.seconds, tls=manner.tls)
        )
    headers = {} if manner.authorization is None else authorization(manner.authorization)
    return Web(DicomWeb(address, headers, manner.seconds))
