"""``infmap dicom``: objects to a PACS, search, and back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pydicom
import pytest

pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")

from infmap.cli.dicom import _remote  # noqa: E402
from infmap.node.remotes import Web  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from calling import call  # noqa: E402
from objects import all_objects  # noqa: E402
from orthanc import Orthanc, free_port, running  # noqa: E402
from peers import answering, close_sockets  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film and all its objects as files."""
    folder = tmp_path_factory.mktemp("objects")
    for kind, dataset in all_objects().items():
        dataset.save_as(folder / f"{kind}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("orthanc")) as running_one:
        yield running_one


def test_a_damaged_file_stops_no_other(orthanc: Orthanc, folder: Path, tmp_path: Path, capsys):
    whole = (folder / "sr.dcm").read_bytes()
    for name, data in (("a", whole[:400]), ("b", bytes(128) + b"DICMgarbage"), ("c", whole)):
        (tmp_path / f"{name}.dcm").write_bytes(data)
    assert call("dicom", "push", tmp_path, "--at", f"ORTHANC@127.0.0.1:{orthanc.dicom}") == 3
    told = capsys.readouterr()
    assert "1 of 3 objects stored" in told.out and told.err.count("got a damaged one") == 2


def test_another_service_of_the_same_server_is_one_line(orthanc: Orthanc, capsys) -> None:
    at = orthanc.url.removesuffix("/dicom-web")
    assert call("dicom", "query", "StudyDate=", "--at", at) == 2
    assert "check the address" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["DIMSE", "DICOMweb"])
def test_objects_go_are_found_and_come_back(
    protocol: str, orthanc: Orthanc, folder: Path, tmp_path: Path, capsys
) -> None:
    at = orthanc.url if protocol == "DICOMweb" else f"ORTHANC@127.0.0.1:{orthanc.dicom}"
    files = sorted(folder.iterdir())
    assert call("dicom", "push", folder, "--at", at) == 0
    assert f"{len(files)} of {len(files)} objects stored" in capsys.readouterr().out

    film = pydicom.dcmread(folder / "film.dcm")
    key = f"StudyInstanceUID={film.StudyInstanceUID}"
    assert call("dicom", "query", key, "--at", at) == 0
    (row,) = capsys.readouterr().out.splitlines()
    assert str(film.StudyInstanceUID) in row and str(film.StudyDate) in row
    assert call("dicom", "query", key, "--at", at, "--level", "image", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == len(files)

    assert call("dicom", "get", key, "--at", at, "--out", tmp_path / "back") == 0
    got = {p.stem: pydicom.dcmread(p) for p in (tmp_path / "back").iterdir()}
    sent = [pydicom.dcmread(path) for path in files]
    assert set(got) == {str(d.SOPInstanceUID) for d in sent}
    seg = pydicom.dcmread(folder / "seg.dcm")
    assert got[str(seg.SOPInstanceUID)].PixelData == seg.PixelData


def test_a_pacs_sends_to_a_receiver_that_it_knows(folder: Path, tmp_path: Path, capsys) -> None:
    got: list[str] = []

    def take(event: Any) -> int:
        got.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    seg = pydicom.dcmread(folder / "seg.dcm")
    handlers = [(pynetdicom.evt.EVT_C_STORE, take)]
    with (
        answering(handlers, [str(seg.SOPClassUID)]) as receiver,
        running(tmp_path, {"receiver": ["FAKE", "127.0.0.1", receiver.port]}) as pacs,
    ):
        at = f"ORTHANC@127.0.0.1:{pacs.dicom}"
        assert call("dicom", "push", folder / "seg.dcm", "--at", at) == 0
        key = f"StudyInstanceUID={seg.StudyInstanceUID}"
        assert call("dicom", "get", key, "--at", at, "--to", "FAKE") == 0
    assert "1 objects sent to FAKE, 0 not" in capsys.readouterr().out
    assert got == [str(seg.SOPInstanceUID)]


def test_an_answer_of_each_file_as_json(orthanc: Orthanc, folder: Path, capsys) -> None:
    at = f"ORTHANC@127.0.0.1:{orthanc.dicom}"
    assert call("dicom", "push", folder / "sr.dcm", "--at", at, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["stored"], told["status"], told["reason"]) == (True, 0, "")


# pynetdicom drops the socket of a refused connection without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_wrong_use_is_one_line(folder: Path, tmp_path: Path, capsys) -> None:
    nobody = f"PACS@127.0.0.1:{free_port()}"
    (tmp_path / "note.dcm").write_text("no DICOM")
    (tmp_path / "empty").mkdir()
    for words, message in (
        (("push", folder, "--at", "nobody"), "TITLE@HOST:PORT"),
        (("push", folder / "sr.dcm", "--at", nobody), "does not answer"),
        (("push", tmp_path, "--at", nobody), "expected a DICOM file"),
        (("push", tmp_path / "missing", "--at", nobody), "found none"),
        (("push", folder, "--at", "http://x", "--authorization", "NOT_SET_ANYWHERE"), "not set"),
        (("query", "PatientName", "--at", nobody), "KEYWORD=VALUE"),
        (("query", "Nonsense=1", "--at", nobody), "KEYWORD=VALUE"),
        (("query", "Rows=many", "--at", nobody), "Rows"),
        (("query", "StudyDate=yesterday", "--at", nobody), "StudyDate"),
        (("query", "ReferencedSOPSequence=1", "--at", "http://x"), "ReferencedSOPSequence"),
        (("query", "PatientID=1", "--at", "PACS@no.such.host.invalid:104"), "check its name"),
        (("query", "PatientID=1", "--at", "http://"), "expected the address"),
        (("get", "PatientID=1", "--at", nobody, "-o", tmp_path / "note.dcm"), "expected a folder"),
        (("push", tmp_path / "empty", "--at", nobody), "found none"),
        (("query", "PatientID=1", "--at", nobody, "--level", "room"), "--level"),
        (("get", "PatientID=1", "--at", nobody, "-o", tmp_path / "o"), "does not answer"),
        (("get", "PatientID=1", "--at", nobody), "--out"),
        (("get", "PatientID=1", "--at", "http://x", "--to", "NODE"), "DIMSE"),
    ):
        assert call("dicom", *words) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    close_sockets()


def test_the_authorization_is_named_as_for_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    def headers(named: str | None) -> object:
        remote = _remote("http://x/dicom-web", "ME", 5.0, False, None, None, None, named)
        assert isinstance(remote, Web)
        return remote.server.headers

    monkeypatch.delenv("INFMAP_AUTHORIZATION", raising=False)
    assert headers(None) == {}
    monkeypatch.setenv("INFMAP_AUTHORIZATION", "Bearer x")
    monkeypatch.setenv("OTHER_PACS", "Bearer y")
    assert headers(None) == {"Authorization": "Bearer x"}
    assert headers("OTHER_PACS") == {"Authorization": "Bearer y"}
