"""Tests of `infmap.dicom.network.query`, against an Orthanc and a peer that refuses."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pydicom
import pytest

from infmap.core.errors import PeerError
from infmap.dicom.network import Peer, find, get, move, store

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
        with pytest.raises(PeerError, match="C-GET"):
            get(peer, study, full, "STUDY")


def test_a_peer_that_refuses_or_cannot_is_an_error() -> None:
    def refuse(event: Any) -> Any:
        yield 0xA700, None

    find_class = pynetdicom.sop_class.StudyRootQueryRetrieveInformationModelFind
    with answering([(pynetdicom.evt.EVT_C_FIND, refuse)], [find_class]) as peer:
        with pytest.raises(PeerError, match="A700"):
            find(peer, {"StudyInstanceUID": "1.2"})
        with pytest.raises(PeerError, match="accepts none"):
            move(peer, {"StudyInstanceUID": "1.2"}, "FAKE", "STUDY")
