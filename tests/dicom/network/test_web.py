"""Tests of `infmap.dicom.network.web`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.errors import PeerError
from infmap.dicom.network import DicomWeb
from infmap.dicom.network.outcome import Busy, Refused

pytest.importorskip("dicomweb_client")
hd = pytest.importorskip("highdicom")

sys.path.insert(0, str(Path(__file__).parent))
from objects import all_objects, file_of  # noqa: E402
from orthanc import free_port, running  # noqa: E402
from web_stand_in import DicomJson, served, stow_item  # noqa: E402


@pytest.fixture(scope="module")
def made() -> dict[str, Dataset]:
    return all_objects()


@contextmanager
def server(
    status: int, answer: object, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP server with one answer; its URL, and what it was sent."""
    bodies: list[bytes] = []

    class Handler(DicomJson):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def do_GET(self) -> None:
            self.say(status, answer, headers)

    with served(Handler) as url:
        yield url, bodies


def three(made: dict[str, Dataset]) -> tuple[list[bytes], list[str]]:
    chosen = [made[kind] for kind in ("seg", "sr", "pdf")]
    return [file_of(d) for d in chosen], [str(d.SOPInstanceUID) for d in chosen]


def test_a_success_that_names_failures_is_read(made: dict[str, Dataset]) -> None:
    files, uids = three(made)
    answer = {
        "00081199": {"vr": "SQ", "Value": [stow_item(uids[0])]},
        "00081198": {"vr": "SQ", "Value": [stow_item(uids[1], 0xA700)]},
    }
    with server(200, answer) as (url, bodies):
        sent = DicomWeb(url).store(files)
    assert [s.uid for s in sent] == uids
    assert [s.status for s in sent] == [0, 0xA700, None]
    assert [s.stored for s in sent] == [True, False, False] and sent[2].again
    # Sent byte by byte, each part plain application/dicom.
    (body,) = bodies
    assert all(file in body for file in files)
    assert body.count(b"Content-Type: application/dicom\r\n") == 3


def test_a_conflict_fails_each_object_for_its_reason(made: dict[str, Dataset]) -> None:
    files, uids = three(made)
    answer = {"00081198": {"vr": "SQ", "Value": [stow_item(uid, 0x0122) for uid in uids]}}
    with server(409, answer) as (url, _):
        assert [s.status for s in DicomWeb(url).store(files)] == [0x0122] * 3


def test_a_full_server_is_tried_again_and_a_wrong_address_is_an_error(
    made: dict[str, Dataset],
) -> None:
    files, _ = three(made)
    with server(503, {}) as (url, _):
        assert all(s.again for s in DicomWeb(url).store(files))
    with server(404, {}) as (url, _), pytest.raises(PeerError, match="HTTP 404"):
        DicomWeb(url).store(files)
    nobody = DicomWeb(f"http://127.0.0.1:{free_port()}", seconds=5)
    with pytest.raises(PeerError, match="got none"):
        nobody.store(files)
    with pytest.raises(PeerError, match="query"):
        nobody.find({"Modality": "SEG"})
    assert nobody.store([]) == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (301, "moved"),
        (401, "check the Authorization header"),
        (403, "let these credentials"),
        (404, "check the address"),
        (405, "check the address"),
        (501, "check the address"),
    ],
)
def test_a_server_that_says_no_tells_what_to_do(
    made: dict[str, Dataset], status: int, advice: str
) -> None:
    files, _ = three(made)
    with server(status, {}, {"Location": "/elsewhere"} if status == 301 else {}) as (url, _):
        with pytest.raises(Refused, match=f"HTTP {status}; .*{advice}"):
            DicomWeb(url).store(files)
        if status != 301:  # a search goes where it is sent
            with pytest.raises(Refused, match=f"HTTP {status}"):
                DicomWeb(url).find({"Modality": "SEG"})


@pytest.mark.parametrize("status", [400, 406, 409, 413, 415])
def test_objects_that_are_never_taken_are_told_one_by_one(
    made: dict[str, Dataset], status: int
) -> None:
    files, uids = three(made)
    with server(status, {}) as (url, bodies):
        sent = DicomWeb(url).store(files)
    assert [s.uid for s in sent] == uids and not any(s.again or s.stored for s in sent)
    assert all(s.final and f"HTTP {status}" in s.reason for s in sent)
    # Together, then in halves: one that is to blame takes none with it.
    assert [sum(file in body for file in files) for body in bodies] == [3, 1, 2, 1, 1]


def test_a_server_that_is_busy_says_for_how_long(made: dict[str, Dataset]) -> None:
    files, uids = three(made)
    at = (datetime.now(UTC) + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for status, given, low, high in (
        (429, "120", 120, 120), (503, at, 7000, 7200), (503, "never", 0, 0), (500, "", 0, 0),
        (502, "9999999", 86400, 86400), (408, "-5", 0, 0),
    ):  # fmt: skip
        with server(status, {}, {"Retry-After": given}) as (url, bodies):
            sent = DicomWeb(url).store(files)
            with pytest.raises(Busy) as caught:
                DicomWeb(url).find({"Modality": "SEG"})
        assert [s.uid for s in sent] == uids and all(s.again for s in sent) and len(bodies) == 1
        assert all(low <= s.wait <= high for s in sent) and low <= caught.value.wait <= high
        # Of these two it is known that nothing is stored.
        assert {s.status for s in sent} == {0xA700 if status in (429, 503) else None}


def test_an_answer_that_is_none_leaves_all_unknown(made: dict[str, Dataset]) -> None:
    with server(200, ["not", "a dataset"]) as (url, _):
        assert [s.status for s in DicomWeb(url).store(three(made)[0])] == [None] * 3


def test_orthanc_takes_all_objects_and_gives_them_back(
    made: dict[str, Dataset], tmp_path: Path
) -> None:
    with running(tmp_path) as orthanc:
        web = DicomWeb(orthanc.url)
        sent = web.store([file_of(d) for d in made.values()])
        assert [(s.uid, s.status) for s in sent] == [
            (str(d.SOPInstanceUID), 0) for d in made.values()
        ]
        for kind, modality in (("sr", "SR"), ("gsps", "PR"), ("pdf", "DOC"), ("sc", "OT")):
            (found,) = web.find({"Modality": modality})
            assert found.SOPInstanceUID == made[kind].SOPInstanceUID
        assert len(web.find({"SOPClassUID": str(made["seg"].SOPClassUID)})) == 2
        seg = made["seg"]
        where = (str(seg.StudyInstanceUID), str(seg.SeriesInstanceUID), str(seg.SOPInstanceUID))
        got = web.fetch(*where)
        np.testing.assert_array_equal(
            hd.seg.segread(io.BytesIO(file_of(got))).pixel_array,
            hd.seg.segread(io.BytesIO(file_of(seg))).pixel_array,
        )
        with pytest.raises(PeerError, match="expected an instance"):
            web.fetch(*where[:2], "1.2.3")
        study = {"StudyInstanceUID": where[0]}
        (found,) = web.find(study, "STUDY")
        assert found.StudyInstanceUID == where[0] and len(web.find(study, "SERIES")) == len(made)
        files: list[bytes] = []
        assert web.get(study, files.append) == len(made)
        uids = {str(pydicom.dcmread(io.BytesIO(file)).SOPInstanceUID) for file in files}
        assert uids == {str(d.SOPInstanceUID) for d in made.values()}


@pytest.mark.parametrize("paged", [True, False])
def test_all_matches_are_given_whatever_the_server_gives_at_once(
    monkeypatch: pytest.MonkeyPatch, paged: bool
) -> None:
    every = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{n}"]}} for n in range(1, 8)]
    asked: list[str] = []

    class Handler(DicomJson):
        def do_GET(self) -> None:
            given = dict(parse_qsl(urlsplit(self.path).query))
            asked.append(given["offset"])
            first = int(given["offset"]) if paged else 0
            self.say(200, every[first : first + 3] if paged else every)

    with served(Handler) as url:
        found = DicomWeb(url).matches({"Modality": "DX"}, "STUDY")
        assert str(next(found).StudyInstanceUID) == "1.2.1"
        assert asked == ["0"]  # the others are asked for when they are wanted
        assert [str(one.StudyInstanceUID) for one in found] == [f"1.2.{n}" for n in range(2, 8)]
    assert asked == (["0", "3", "6", "7"] if paged else ["0", "7"])
