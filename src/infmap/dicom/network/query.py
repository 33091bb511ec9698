"""C-FIND, C-MOVE and C-GET of the study root (PS3.4 C, PS3.7 9.1.2 to 9.1.4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infmap.core.errors import PeerError, UsageError
from infmap.core.quiet import quiet
from infmap.dicom._pydicom import ensure_importable
from infmap.dicom.network.contexts import FILMS, FIND, GET, MOVE, RECEIVED_SYNTAXES, SENT
from infmap.dicom.network.peer import MOST_CONTEXTS, Peer, associated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association
    from pynetdicom.events import Event

_PENDING = (0xFF00, 0xFF01)
_STORED, _CANNOT_STORE = 0x0000, 0xA700
_MOVE_DESTINATION_UNKNOWN = 0xA801
# Keys that an answer is asked for at each level, beside those that are searched by (PS3.4 C.6.2).
_RETURNED = {
    "STUDY": ("StudyInstanceUID", "StudyDate", "ModalitiesInStudy"),
    "SERIES": ("StudyInstanceUID", "SeriesInstanceUID", "Modality"),
    "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"),
}


TAKEN = tuple(dict.fromkeys(context.sop_class for context in (*FILMS, *SENT)))
"""Classes of films and of the objects that infmap makes of them."""


@dataclass(frozen=True)
class Moved:
    """What a peer says of objects that it was asked to send.

    Attributes:
        done: how many it sent.
        failed: how many it could not send.
    """

    done: int
    failed: int


def find(peer: Peer, keys: Mapping[str, str], level: str = "STUDY") -> list[Dataset]:
    """As ``matches``, all at once."""
    return list(matches(peer, keys, level))


def matches(peer: Peer, keys: Mapping[str, str], level: str = "STUDY") -> Iterator[Dataset]:
    """Search a peer; who stops to iterate ends the association.

    Args:
        peer: whom to ask.
        keys: keyword of an attribute to value, such as ``{"StudyInstanceUID": uid}``; "" asks for
            the attribute without searching by it.
        level: STUDY, SERIES or IMAGE.

    Yields:
        An answer a match, with the keys and the identifiers of its level, as they come.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: no answer, or a status that is none of success.
    """
    ensure_importable()
    query = identifier_of(level, dict.fromkeys(_RETURNED[level], "") | dict(keys))
    status = None
    with associated(peer, [(FIND, None)]) as association:
        try:
            for status, _, match in _answers(
                peer, "C-FIND", lambda: association.send_c_find(query, FIND)
            ):
                if status in _PENDING and match is not None:
                    yield match
        except (GeneratorExit, KeyboardInterrupt):
            _leave(association)
            raise
    if status != 0:
        raise _refused(peer, "C-FIND", status or 0)


def _leave(association: Association) -> None:
    """End an association at once: a release would wait for all that is still to come."""
    log = logging.getLogger("pynetdicom.association")

    def nothing(_: logging.LogRecord) -> bool:
        return False

    log.addFilter(nothing)  # its own thread calls an answer unexpected that arrives just now
    try:
        association.abort()
    finally:
        log.removeFilter(nothing)


def move(peer: Peer, keys: Mapping[str, str], to: str, level: str = "IMAGE") -> Moved:
    """Let a peer send objects to another one that it knows by its title.

    Args:
        peer: whom to ask.
        keys: keyword to value; identifiers of the level, and of the levels above it.
        to: title of the receiver, such as that of ``infmap dicom listen``.
        level: STUDY, SERIES or IMAGE.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: no answer, or the request failed as a whole.
    """
    ensure_importable()
    query = identifier_of(level, keys)
    with associated(peer, [(MOVE, None)]) as association:
        return _moved(peer, "C-MOVE", lambda: association.send_c_move(query, to, MOVE))


def get(
    peer: Peer,
    keys: Mapping[str, str],
    keep: Callable[[bytes], None],
    level: str = "IMAGE",
    classes: Sequence[str] = TAKEN,
) -> Moved:
    """Fetch objects over the association that asks for them.

    Args:
        peer: whom to ask.
        keys: keyword to value; identifiers of the level, and of the levels above it.
        keep: is handed each object, a whole file (PS3.10) in the transfer syntax it came in; an
            OSError of it tells the peer that there is no room, and is raised at the end.
        level: STUDY, SERIES or IMAGE.
        classes: SOP classes that are taken; the peer sends no others.

    Raises:
        MissingExtra: pynetdicom is not installed.
        PeerError: no answer, or the request failed as a whole.
        OSError: of ``keep``.
    """
    ensure_importable()
    from pynetdicom import evt

    failed: list[OSError] = []

    def stored(event: Event) -> int:
        try:
            keep(event.encoded_dataset())
        except OSError as error:
            failed.append(error)
            return _CANNOT_STORE
        return _STORED

    query = identifier_of(level, keys)
    # A context a syntax: in one context with several a peer would pick one for all objects.
    pairs = [(uid, syntax) for syntax in RECEIVED_SYNTAXES for uid in dict.fromkeys(classes)]
    with associated(
        peer,
        [(GET, None), *pairs[: MOST_CONTEXTS - 1]],
        provided=dict.fromkeys(classes),
        handlers=[(evt.EVT_C_STORE, stored)],
    ) as association:
        try:
            moved = _moved(peer, "C-GET", lambda: association.send_c_get(query, GET))
        finally:
            if failed:  # the disk is to blame, and not the peer
                raise failed[0]
    return moved


_Answers = Iterable[tuple["Dataset", "Dataset | None"]]


def _moved(peer: Peer, what: str, ask: Callable[[], _Answers]) -> Moved:
    """What the last answer says, which has the final counts (PS3.4 C.4.2.1.4)."""
    status, counts, _ = _asked(peer, what, ask)[-1]
    # B000: finished, with failures. Whatever else is no success failed as a whole.
    if status not in (0x0000, 0xB000):
        raise _refused(peer, what, status)
    done = sum(
        int(counts.get(f"NumberOf{how}Suboperations") or 0) for how in ("Completed", "Warning")
    )
    return Moved(done, int(counts.get("NumberOfFailedSuboperations") or 0))


def _asked(
    peer: Peer, what: str, ask: Callable[[], _Answers]
) -> list[tuple[int, Dataset, Dataset | None]]:
    """All answers; see ``_answers``."""
    return list(_answers(peer, what, ask))


def _answers(
    peer: Peer, what: str, ask: Callable[[], _Answers]
) -> Iterator[tuple[int, Dataset, Dataset | None]]:
    """Status, the dataset that it stands in, and identifier of each answer."""
    coming: Iterator[tuple[Dataset, Dataset | None]] | None = None
    number = 0
    while True:
        try:
            with quiet():  # not while the caller has its turn
                coming = iter(ask()) if coming is None else coming
                answer = next(coming, None)
        except (ValueError, RuntimeError) as error:  # no context accepted; the association ended
            raise PeerError(
                f"{peer.place}: expected a peer that answers {what}, got none"
            ) from error
        if answer is None and number:
            return
        if answer is None or "Status" not in answer[0]:
            after = f" after {number} of them" if number else ""
            raise PeerError(
                f"{peer.place}: expected an answer to {what}, the association ended or "
                f"{peer.seconds:g} s passed without one{after}; check that {peer.aet} lets "
                f"{peer.calling} search and fetch"
            )
        number += 1
        yield int(answer[0].Status), *answer


def identifier_of(level: str, keys: Mapping[str, str]) -> Dataset:
    """What a peer is asked.

    Args:
        level: STUDY, SERIES or IMAGE.
        keys: keyword to value.

    Raises:
        UsageError: a value is none of its keyword; the message never repeats it.
    """
    ensure_importable()
    from pydicom.config import RAISE
    from pydicom.dataset import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset
    from pydicom.valuerep import validate_value

    query = Dataset()
    if not all(value.isascii() for value in keys.values()):
        query.SpecificCharacterSet = "ISO_IR 192"  # UTF-8: a name would be sent as "M?ller"
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        try:
            # Quietly: warnings of the library repeat the value.
            with quiet():
                setattr(query, keyword, value)
                if query[keyword].VR == "DA":  # a wrong one is only warned of, and finds nothing
                    validate_value("DA", value, RAISE)
                one = Dataset()
                one[keyword] = query[keyword]
                encoded = DicomBytesIO()
                encoded.is_little_endian, encoded.is_implicit_VR = True, False
                write_dataset(encoded, one, "utf-8")
        except Exception as error:  # as many kinds as there are representations
            raise UsageError(
                f"expected a text, date or number that {keyword} can be searched by, got another "
                "value; give it as DICOM writes it, or leave it empty"
            ) from error
    return query


def _refused(peer: Peer, what: str, status: int) -> PeerError:
    advice = "see its log"
    if status == _MOVE_DESTINATION_UNKNOWN:
        advice = "register the receiver's title there"
    elif what != "C-FIND":  # some say so of what they do not hold, and of unknown receivers
        advice = "check with infmap dicom query that it holds this"
        advice += ", and that it knows the receiver" if what == "C-MOVE" else ""
    return PeerError(
        f"{peer.place}: expected a success of {what}, got status {status:04X}; {advice}"
    )
