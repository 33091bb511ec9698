"""Tests of `infmap.dicom.network.query`, against an Orthanc and a peer that refuses."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path
from typing import Any

import pydicom
import pytest

from infmap.core.errors import PeerError
from infmap.dicom.network import Peer, find, get, matches, move, store
from infmap.dicom.network.query import identifier_of

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from objects import all_objects, file_of  # noqa: E402
from orthanc import running  # noqa: E402
from peers import answering  # noqa: E402


def test_orthanc_is_searched_and_gives_objects_both_ways(tmp_path: Path) -> None:
    made = all_objects()
    film = made["film"]
    uids = {str(d.SOPInstanceUID) for d in made.values()}
    moved: list[str] = []

    def take(event: Any) -> int:
        moved.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    classes = [str(d.SOPClassUID) for d in made.values()]
    with (
        answering([(pynetdicom.evt.EVT_C_STORE, take)], classes) as receiver,
        running(tmp_path, {"NODE": ["FAKE", "127.0.0.1", receiver.port]}) as orthanc,
    ):
        peer = Peer("127.0.0.1", orthanc.dicom, "ORTHANC")
        assert all(sent.stored for sent in store(peer, [file_of(d) for d in made.values()]))
        study = {"StudyInstanceUID": str(film.StudyInstanceUID)}
        (found,) = find(peer, {"PatientID": str(film.PatientID), "StudyDate": ""})
        assert found.StudyInstanceUID == film.StudyInstanceUID
        assert {str(d.SOPInstanceUID) for d in find(peer, study, "IMAGE")} == uids
        assert find(peer, {"StudyInstanceUID": "1.2.3"}) == []

        files: list[bytes] = []
        assert get(peer, study, files.append, "STUDY").done == len(made)
        got = {str(pydicom.dcmread(io.BytesIO(f)).SOPInstanceUID): f for f in files}
        assert set(got) == uids
        seg = pydicom.dcmread(io.BytesIO(got[str(made["seg"].SOPInstanceUID)]))
        assert seg.PixelData == made["seg"].PixelData

        assert move(peer, study, "FAKE", "STUDY").done == len(made)
        assert set(moved) == uids
        with pytest.raises(PeerError, match="C-MOVE"):
            move(peer, study, "NOBODY", "STUDY")


def test_no_room_is_told_to_the_peer(tmp_path: Path) -> None:
    made = all_objects()

    def full(_: bytes) -> None:
        raise OSError("no room")

    with running(tmp_path) as orthanc:
        peer = Peer("127.0.0.1", orthanc.dicom, "ORTHANC")
        list(store(peer, [file_of(made["film"])]))
        study = {"StudyInstanceUID": str(made["film"].StudyInstanceUID)}
        with pytest.raises(OSError, match="no room") as caught:
            get(peer, study, full, "STUDY")
        # What the peer says to it comes first.
        assert isinstance(caught.value.__context__, PeerError)


def test_a_name_beyond_ascii_is_asked_for_in_utf_8() -> None:
    asked = identifier_of("STUDY", {"PatientName": "Müller*", "StudyDate": "20200101-20200131"})
    assert asked.SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in identifier_of("STUDY", {"PatientName": "Miller"})


def test_who_does_not_know_the_caller_is_said() -> None:
    def leave(event: Any) -> Any:
        event.assoc.abort()
        yield 0xFF00, None

    find_class = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind
    handlers = [(pynetdicom.evt.EVT_C_FIND, leave)]
    with (
        answering(handlers, [find_class]) as peer,
        pytest.raises(PeerError, match="that FAKE lets INFMAP search"),
    ):
        find(peer, {"StudyInstanceUID": "1.2"})


def test_matches_are_given_on_as_they_come_and_may_be_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen, ended = threading.Event(), threading.Event()

    def answer(event: Any) -> Any:
        try:
            for number in range(1, 100_000):
                match = pydicom.Dataset()
                match.StudyInstanceUID = f"1.2.{number}"
                yield 0xFF00, match
                # The second is not sent before the first is in use.
                assert seen.wait(20)
        finally:
            ended.set()

    find_class = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind
    with answering([(pynetdicom.evt.EVT_C_FIND, answer)], [find_class]) as peer:
        found = matches(peer, {"StudyInstanceUID": ""})
        assert str(next(found).StudyInstanceUID) == "1.2.1"
        seen.set()
        assert str(next(found).StudyInstanceUID) == "1.2.2"
        found.close()
        assert ended.wait(20)  # it hears that nobody listens any more
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_a_peer_that_leaves_midway_is_an_error_and_no_end() -> None:
    def leave(event: Any) -> Any:
        match = pydicom.Dataset()
        match.StudyInstanceUID = "1.2"
        yield 0xFF00, match
        event.assoc.abort()

    find_class = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind
    with answering([(pynetdicom.evt.EVT_C_FIND, leave)], [find_class]) as peer:
        found = matches(peer, {"StudyInstanceUID": ""})
        with pytest.raises(PeerError, match="search"):
            list(found)


def test_a_peer_that_refuses_or_cannot_is_an_error() -> None:
    def refuse(event: Any) -> Any:
        yield 0xA700, None

    find_class = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind
    with answering([(pynetdicom.evt.EVT_C_FIND, refuse)], [find_class]) as peer:
        with pytest.raises(PeerError, match="A700"):
            find(peer, {"StudyInstanceUID": "1.2"})
        with pytest.raises(PeerError, match="accepts none"):
            move(peer, {"StudyInstanceUID": "1.2"}, "FAKE", "STUDY")
