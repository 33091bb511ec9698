"""Tests of `infmap.dicom.network.dimse`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from infmap.core.errors import PeerError
from infmap.dicom.network import DicomWeb, Peer, echo, store

pynetdicom = pytest.importorskip("pynetdicom")
hd = pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from objects import all_objects, file_of  # noqa: E402
from orthanc import free_port, running  # noqa: E402
from peers import close_sockets  # noqa: E402


@contextmanager
def pacs(answer: Callable[[Any], int], classes: list[str]) -> Iterator[Peer]:
    """A peer that takes some classes, with these answers."""
    entity = pynetdicom.AE(ae_title="FAKE")
    for sop_class in ("1.2.840.10008.1.1", *classes):
        entity.add_supported_context(sop_class, pynetdicom.ALL_TRANSFER_SYNTAXES)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, answer)]
    )
    try:
        yield Peer("127.0.0.1", server.server_address[1], "FAKE")
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def made() -> dict[str, pydicom.Dataset]:
    return all_objects()


def test_each_object_has_its_own_answer(made: dict[str, pydicom.Dataset]) -> None:
    statuses = {made["sr"].SOPInstanceUID: 0xA700, made["gsps"].SOPInstanceUID: 0xC000}
    got: dict[str, pydicom.Dataset] = {}

    def answer(event: Any) -> int:
        got[str(event.request.AffectedSOPInstanceUID)] = event.dataset
        return statuses.get(event.request.AffectedSOPInstanceUID, 0)

    classes = [str(d.SOPClassUID) for kind, d in made.items() if kind != "pdf"]
    with pacs(answer, classes) as peer:
        sent = list(store(peer, [file_of(d) for d in made.values()]))
    found = {s.uid: s for s in sent}
    assert [s.uid for s in sent] == [str(d.SOPInstanceUID) for d in made.values()]
    by_kind = {kind: found[str(d.SOPInstanceUID)] for kind, d in made.items()}
    assert by_kind["sr"].again and not by_kind["sr"].stored
    assert not by_kind["gsps"].again and "C000" in by_kind["gsps"].reason
    assert by_kind["pdf"].status is None and not by_kind["pdf"].again
    assert all(by_kind[kind].stored for kind in ("film", "seg", "fractional", "sc"))
    assert got[str(made["seg"].SOPInstanceUID)].PixelData == made["seg"].PixelData


def test_a_peer_that_takes_none_refuses_each_object(made: dict[str, pydicom.Dataset]) -> None:
    with pacs(lambda event: 0, []) as peer:
        (sent,) = store(peer, [file_of(made["sr"])])
    assert sent.status is None and not sent.stored and not sent.again


def test_a_lost_association_leaves_the_rest_unknown(made: dict[str, pydicom.Dataset]) -> None:
    def answer(event: Any) -> int:
        event.assoc.abort()
        return 0

    with pacs(answer, [str(made["seg"].SOPClassUID), str(made["sr"].SOPClassUID)]) as peer:
        sent = list(store(peer, [file_of(made["seg"]), file_of(made["sr"])]))
    assert [s.status for s in sent] == [None, None] and all(s.again for s in sent)


# pynetdicom drops the socket of a refused connection without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_echo_and_a_peer_that_is_not_there(made: dict[str, pydicom.Dataset]) -> None:
    with pacs(lambda event: 0, []) as peer:
        echo(peer)
    nobody = Peer("127.0.0.1", free_port(), "FAKE", seconds=5)
    with pytest.raises(PeerError, match="does not answer"):
        echo(nobody)
    with pytest.raises(PeerError, match="does not answer"):
        list(store(nobody, [file_of(made["sr"])]))
    assert list(store(nobody, [])) == []
    close_sockets()


def test_orthanc_takes_all_objects_and_gives_them_back(
    made: dict[str, pydicom.Dataset], tmp_path: Path
) -> None:
    files = {kind: file_of(d) for kind, d in made.items()}
    with running(tmp_path) as orthanc:
        peer = Peer("127.0.0.1", orthanc.dicom, "ORTHANC")
        echo(peer)
        assert all(sent.stored for sent in store(peer, files.values()))
        # The same bytes again: a success, and no second object.
        assert all(sent.stored for sent in store(peer, files.values()))
        assert orthanc.instances() == len(made)
        web = DicomWeb(orthanc.url)
        study = str(made["film"].StudyInstanceUID)
        found = web.find({"StudyInstanceUID": study})
        assert {str(d.SOPInstanceUID) for d in found} == {
            str(d.SOPInstanceUID) for d in made.values()
        }
        for kind in ("seg", "fractional"):
            sent = made[kind]
            got = web.fetch(study, str(sent.SeriesInstanceUID), str(sent.SOPInstanceUID))
            np.testing.assert_array_equal(
                hd.seg.segread(io.BytesIO(file_of(got))).pixel_array,
                hd.seg.segread(io.BytesIO(files[kind])).pixel_array,
            )
