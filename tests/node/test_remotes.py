"""Tests of `infmap.node.remotes`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")

from infmap.core.errors import UsageError
from infmap.dicom.network import Tls
from infmap.node.remotes import Dimse, Manner, Remote, Web, remote_of

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from objects import all_objects, file_of  # noqa: E402
from orthanc import Orthanc, running  # noqa: E402


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


def test_both_protocols_answer_alike(orthanc: Orthanc) -> None:
    made = all_objects()
    addresses = (f"ORTHANC@127.0.0.1:{orthanc.dicom}", orthanc.url)
    for kind, address in zip(("sr", "seg"), addresses, strict=True):
        remote: Remote = remote_of(address)
        one = made[kind]
        where = (str(one.StudyInstanceUID), str(one.SeriesInstanceUID), str(one.SOPInstanceUID))
        assert not remote.holds(*where)
        assert [sent.stored for sent in remote.send([file_of(one)])] == [True]
        assert remote.holds(*where) and not remote.holds(*where[:2], "1.2.3")
        files: list[bytes] = []
        keys = {"StudyInstanceUID": where[0], "SeriesInstanceUID": where[1]}
        keys["SOPInstanceUID"] = where[2]
        assert remote.get(keys, "IMAGE", files.append) == len(files) == 1
        assert len(remote.find({"StudyInstanceUID": where[0]}, "STUDY")) == 1


def test_an_address_and_a_manner_make_a_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS_AUTHORIZATION", "Bearer secret")
    manner = Manner("ME", 5.0, Tls(), "PACS_AUTHORIZATION")
    web = remote_of("https://pacs.example/dicom-web", manner)
    assert isinstance(web, Web) and web.server.headers == {"Authorization": "Bearer secret"}
    dimse = remote_of("PACS@host:104", manner)
    assert isinstance(dimse, Dimse)
    assert (dimse.peer.calling, dimse.peer.seconds, dimse.peer.tls) == ("ME", 5.0, Tls())
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE"):
        remote_of("https://x", Manner(authorization="NOT_SET_ANYWHERE"))
