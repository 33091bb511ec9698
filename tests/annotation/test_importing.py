from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.annotation import audit, films
from infmap.annotation.errors import NotFound
from infmap.annotation.importing import FULL, PREVIEW, import_films
from infmap.dicom import read_radiograph
from infmap.dicom.write import write_dx
from infmap.phantom import sample_films
from infmap.web.film_encoding import decode_film, grey_levels


@pytest.fixture
def url() -> None:
    """SQLite: the files of films are what is tested, and they are not in the database."""
    return None


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return sample_films()[0][1].pixels[::4, ::4]


@pytest.fixture
def png(tmp_path: Path, film: np.ndarray) -> Path:
    path = tmp_path / "chest.png"
    Image.fromarray(np.round(film * 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def dicom(tmp_path: Path, film: np.ndarray) -> Path:
    path = tmp_path / "chest.dcm"
    levels = np.round(film * 4095).astype(np.uint16)
    write_dx(path, levels, spacing_mm=(0.7, 0.7), patient_id="Doe^Jane")
    return path


def test_a_film_is_kept_in_full_depth_with_a_preview(station, png, dicom) -> None:
    assert import_films(station.store, station.project, [png, dicom]).added == 2
    with station.store.read() as c:
        kept = films.every(c, station.project)
    for path in (png, dicom):
        radiograph = read_radiograph(path)
        bits = radiograph.bits
        (film,) = [f for f in kept if f.sha256 == radiograph.sha256]
        assert (film.height, film.width, film.bits) == (*radiograph.shape, bits)
        assert (film.window_center, film.window_width) == (2 ** (bits - 1), 2**bits)
        folder = station.store.film_folder(film.id)
        levels, stored = decode_film((folder / FULL).read_bytes())
        assert stored == bits
        np.testing.assert_array_equal(levels, grey_levels(radiograph.pixels, bits))
        with Image.open(folder / PREVIEW) as preview:
            assert preview.size == (-(-film.width // 3), -(-film.height // 3))


def test_the_patient_is_kept_as_a_keyed_hash_only(station, dicom) -> None:
    import_films(station.store, station.project, [dicom])
    with station.store.read() as c:
        (film,) = films.every(c, station.project)
        stored = " ".join(map(str, c.exec_driver_sql("SELECT * FROM films").one()))
        told = " ".join(str(entry.detail) for entry in audit.entries(c))
    assert film.has_patient and "Doe" not in stored + told
    for path in station.store.film_folder(film.id).iterdir():
        assert b"Doe" not in path.read_bytes()


def test_a_film_comes_in_once(station, png, dicom) -> None:
    first = import_films(station.store, station.project, [png, png])
    again = import_films(station.store, station.project, [png, dicom])
    assert (first.added, first.known) == (1, 1)
    assert (again.added, again.known) == (1, 1)


def test_an_import_that_was_stopped_between_files_is_completed(station, png) -> None:
    import_films(station.store, station.project, [png])
    with station.store.read() as c:
        (film,) = films.every(c, station.project)
    preview = station.store.film_folder(film.id) / PREVIEW
    preview.unlink()
    assert import_films(station.store, station.project, [png]).known == 1
    assert preview.is_file()


def test_a_file_that_is_no_film_is_named_and_the_others_come_in(station, png, tmp_path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a film")
    found = import_films(station.store, station.project, [wrong, png])
    assert found.added == 1
    (failure,) = found.failed
    assert failure.path == str(wrong) and "expected a PNG" in failure.reason


def test_a_project_that_is_not_there_is_refused(station, png) -> None:
    with pytest.raises(NotFound):
        import_films(station.store, "nowhere", [png])


def test_a_lateral_film_is_refused_and_the_others_come_in(
    station, png, film: np.ndarray, tmp_path: Path
) -> None:
    lateral = tmp_path / "lateral.dcm"
    levels = np.round(film * 4095).astype(np.uint16)
    write_dx(lateral, levels, spacing_mm=(0.7, 0.7), patient_id="a", view="LL")
    done = import_films(station.store, station.project, [lateral, png])
    assert done.added == 1
    (failure,) = done.failed
    assert failure.path == str(lateral)
    assert "frontal" in failure.reason and "\n" not in failure.reason
