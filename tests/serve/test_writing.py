"""The folder of a result."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from reading_server import phantom

from infmap.api import load
from infmap.core.errors import FilmError, UnreadableFilm
from infmap.core.types import Prediction
from infmap.dicom import read_radiograph, write_dx
from infmap.serve import results
from infmap.serve.results import Result
from infmap.serve.store import MARK, Store
from infmap.serve.writing import Film, Header, header_of, settle, write_result


@pytest.fixture
def server(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "server")


FILM = Film("a" * 64, "m@1", "b" * 64, 0.5, False, Header(True, "north", "17", date(1970, 1, 11)))


def unmarked(store: Store) -> list[Path]:
    return [path for path in store.results.iterdir() if path.name != MARK]


def keep(store: Store, answer: Prediction | FilmError) -> Result:
    written = write_result(store, FILM, answer)
    settle(store, [written])
    return written.result


def test_a_folder_is_whole_and_written_once(server: Store) -> None:
    prediction = load().predict(replace(read_radiograph(phantom(2)), view="AP"))
    row = keep(server, prediction)
    folder = results.folder(server, row.film)
    with Image.open(folder / "lungs.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture) > 0, prediction.lungs)
    before = (folder / "result.json").stat().st_mtime_ns
    assert keep(server, prediction).film == row.film
    assert (folder / "result.json").stat().st_mtime_ns == before
    assert [path.name for path in unmarked(server)] == [row.film[:2]]
    assert row.view == "AP"
    assert (row.status, row.study_date, row.score) == ("ok", 10, prediction.severity.extent_score)
    assert row.patient == results.patient_hash(server.key, "north", "17")
    facts = results.facts(server, row.film)
    assert (facts["study_date"], facts.get("view")) == ("1970-01-11", "AP")


def test_a_film_that_cannot_be_read_has_no_folder(server: Store) -> None:
    row = keep(server, UnreadableFilm("damaged"))
    assert (row.status, row.reason, row.score) == ("failed", "damaged", None)
    assert unmarked(server) == []


def test_a_folder_that_cannot_be_written_whole_leaves_nothing(
    server: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    prediction = load().predict(phantom(2))
    monkeypatch.setattr("infmap.serve.writing._planes", full)
    with pytest.raises(OSError, match="No space"):
        keep(server, prediction)
    assert unmarked(server) == []
    monkeypatch.undo()
    monkeypatch.setattr("infmap.serve.writing.sync", full)
    with pytest.raises(OSError, match="No space"):
        keep(server, prediction)
    assert unmarked(server) == []


def test_a_film_that_is_written_twice_at_once_is_there_once(server: Store) -> None:
    prediction = load().predict(phantom(2))
    both = [write_result(server, FILM, prediction) for _ in range(2)]
    settle(server, both)
    folder = results.folder(server, both[0].result.film)
    assert len(list(folder.iterdir())) == 7
    assert [path.name for path in unmarked(server)] == [folder.parent.name]


def test_what_a_header_says_is_taken_from_dicom_alone(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    pixels = np.zeros((64, 64), np.uint16)
    write_dx(path, pixels, spacing_mm=(0.1, 0.1), patient_id="17")
    film = dcmread(path)
    film.IssuerOfPatientID, film.AcquisitionDate, film.StudyDate = "north", "", "20260131"
    film.save_as(path)
    data = path.read_bytes()
    assert header_of(dcmread(path)) == Header(True, "north", "17", date(2026, 1, 31))
    unknown = data.replace(b"\x08\x00\x20\x00DA", b"\x08\x00\x20\x00FA")
    broken = dcmread(BytesIO(unknown))
    assert unknown != data and header_of(broken) == Header(dicom=True)
