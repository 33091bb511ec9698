from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infmap.cli.dicom import app

sys.path.insert(0, str(Path(__file__).parents[1] / "deidentify"))
from hospital import PATIENT, WORDS, film, labelled, read, saved  # noqa: E402


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "Mustermann.dcm").write_bytes(saved(film()))
    return folder


def call(folder: Path, *more: str) -> tuple[int, str, Path]:
    out = folder.parent / "out"
    arguments = [
        "deidentify",
        str(folder),
        "-o",
        str(out),
        "--key",
        str(folder.parent / "key"),
        *more,
    ]
    arguments += [] if "--review" in more else ["--review", "none"]
    done = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value, done.output, out  # type: ignore[return-value]


def test_films_of_a_folder(films: Path) -> None:
    status, said, out = call(films)
    made = [read(path.read_bytes()) for path in out.rglob("*.dcm")]
    assert status == 0 and len(made) == 1 and made[0].PatientID != PATIENT
    assert "1 of 1 films written" in said and "text in them stays" in said
    assert (out / "report.html").exists()
    assert not any(word in said.casefold() for word in WORDS)


def test_options_reach_the_films(films: Path) -> None:
    more = ("--keep-dates", "--keep-patient", "--keep-device", "--descriptors", "clean")
    _, _, out = call(films, *more)
    made = read(next(out.rglob("*.dcm")).read_bytes())
    assert made.StudyDate not in ("", "20190228") and made.PatientSex == "F"
    assert made.DeviceSerialNumber == "SN12345"
    assert made.StudyDescription == "Thorax pa von REMOVED REMOVED"


def test_a_bad_film_does_not_stop_the_others(films: Path) -> None:
    (films / "bad.dcm").write_bytes(b"nothing")
    status, said, out = call(films, "--json")
    content = json.loads(said)
    assert status == 3 and [line["status"] for line in content["films"]] == ["ok", "failed"]
    assert len(list(out.rglob("*.dcm"))) == 1


def test_text_is_looked_for(films: Path) -> None:
    (films / "Mustermann.dcm").write_bytes(saved(labelled(at=(8, 60))))
    status, said, _ = call(films, "--review", "accept", "--json")
    (line,) = json.loads(said)["films"]
    assert status == 0 and line["found"] == 1 and line["confirmed"] == "program"


def test_a_linking_table_that_cannot_be_written_leaves_no_films(films: Path) -> None:
    out = films.parent / "out"
    words = ["deidentify", str(films), "-o", str(out), "--key", str(films.parent / "key")]
    words += ["--review", "none", "--linking", str(films.parent / "missing" / "table.csv")]
    done = CliRunner().invoke(app, words, standalone_mode=False)
    assert isinstance(done.exception, FileNotFoundError)
    assert not out.exists()
