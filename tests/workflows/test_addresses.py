"""Films of a DICOMweb server: what a query finds, how an address is read. Without a network."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

import infmap.dicom.network
from infmap.core.errors import PeerError, UnreadableFilm, UsageError
from infmap.dicom import write_dx
from infmap.dicom.network import DicomWeb
from infmap.dicom.network.web import AUTHORIZATION
from infmap.phantom import render
from infmap.workflows.addresses import (
    FILMS,
    film_bytes,
    is_address,
    name_of,
    query_films,
    read_film,
)

ROOT = "http://pacs.example/dicom-web"
ADDRESS = f"{ROOT}/studies/1.2/series/1.3/instances/1.4"


def instance(uid: str, sop_class: str) -> Dataset:
    found = Dataset()
    found.StudyInstanceUID, found.SeriesInstanceUID = "1.2", "1.3"
    found.SOPInstanceUID, found.SOPClassUID = uid, sop_class
    return found


class Server(DicomWeb):
    """Stands in for a DICOMweb server with some instances, of which it gives two at once."""

    asked: list[dict[str, str]] = []
    sent: list[Mapping[str, str]] = []
    instances: list[tuple[str, str]] = []
    knows_offset = True

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        assert url == ROOT
        self.sent.append(headers)

    def find(
        self, filters: Mapping[str, str], level: str = "IMAGE", offset: int | None = None
    ) -> list[Any]:
        self.asked.append(dict(filters))
        found = [
            instance(uid, sop_class)
            for uid, sop_class in self.instances
            if sop_class == filters["SOPClassUID"]
        ]
        if not self.knows_offset:  # all at once, each time in another order
            return found[:: 1 if len(self.asked) % 2 else -1]
        return found[offset : (offset or 0) + 2]

    def fetch(self, study: str, series: str, instance: str) -> Dataset:
        if instance != "1.4":
            raise PeerError("expected an instance, got none")
        stream = io.BytesIO()
        pixels = (render(1, size=96).pixels * 4095).astype(np.uint16)
        write_dx(stream, pixels, spacing_mm=(1.0, 1.0), patient_id="p")
        dataset: Dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
        return dataset


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    monkeypatch.setattr(infmap.dicom.network, "DicomWeb", Server)
    monkeypatch.delenv(AUTHORIZATION, raising=False)
    Server.asked, Server.sent, Server.instances = [], [], []
    Server.knows_offset = True
    return Server


@pytest.mark.parametrize("knows_offset", [True, False])
def test_a_query_finds_each_film_once_page_by_page(
    server: type[Server], knows_offset: bool
) -> None:
    server.knows_offset = knows_offset
    server.instances = [("1.9", FILMS[0]), ("1.4", FILMS[1]), ("1.8", FILMS[0])]
    server.instances += [("1.7", "1.2.840.10008.5.1.4.1.1.7")]
    if knows_offset:
        server.instances += [("1.5", FILMS[0])]
    found = query_films(f"{ROOT}/?StudyDate=20260101-&PatientID=p%201")
    last = ["1.4", "1.5", "1.8", "1.9"] if knows_offset else ["1.4", "1.8", "1.9"]
    assert [path.rsplit("/", 1)[1] for path in found] == last
    assert all(is_address(path) for path in found)
    assert server.asked[0]["StudyDate"] == "20260101-" and server.asked[0]["PatientID"] == "p 1"


def test_a_query_without_films_or_server_is_one_line(server: type[Server]) -> None:
    with pytest.raises(UsageError, match="has no film .* for Modality=CT"):
        query_films(f"{ROOT}?Modality=CT")
    for wrong in ("pacs.example", "ftp://pacs.example/x", ""):
        with pytest.raises(UsageError, match="expected http"):
            query_films(wrong)


def test_an_address_is_read_like_a_file_and_always_has_the_same_bytes(
    server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUTHORIZATION, "Bearer x")
    film = read_film(ADDRESS)
    assert film.source == ADDRESS and film.shape == (96, 96)
    file = tmp_path / "film.dcm"
    file.write_bytes(film_bytes(ADDRESS))
    assert read_film(str(file)).sha256 == film.sha256
    assert film_bytes(str(file)) == file.read_bytes()
    assert server.sent[0] == {"Authorization": "Bearer x"}
    monkeypatch.setenv("OTHER_PACS", "Bearer y")
    assert film_bytes(ADDRESS, "OTHER_PACS") == file.read_bytes()
    assert server.sent[-1] == {"Authorization": "Bearer y"}
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE, which is not set"):
        read_film(ADDRESS, "NOT_SET_ANYWHERE")
    with pytest.raises(UnreadableFilm, match="got none; check the server"):
        read_film(ADDRESS.replace("1.4", "1.5"))


def test_addresses_and_paths_are_not_mistaken_for_each_other() -> None:
    for path in ("films/a.png", "/studies/1/series/2/instances/3", "https://x/film.dcm"):
        assert not is_address(path) and name_of(path) == path
    assert name_of(ADDRESS) == f"{ADDRESS}.dcm"
