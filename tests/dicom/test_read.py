"""The one door: sources, sniffing, digests, paths."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from infmap.core.errors import UnreadableFilm
from infmap.dicom import read_radiograph, write_dx

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PLANE).save(stream, "PNG")
    return stream.getvalue()


def test_kind_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(png())
    film = read_radiograph(path)
    np.testing.assert_array_equal(film.pixels, PLANE.astype(np.float32) / np.float32(255))
    assert film.sha256 == hashlib.sha256(png()).hexdigest()
    assert film.source == str(path)
    assert read_radiograph(str(path), name="mine").source == "mine"


def test_who_needs_the_header_sees_what_is_decoded() -> None:
    stream, seen = io.BytesIO(), []
    write_dx(stream, PLANE.astype(np.uint16), spacing_mm=(0.1, 0.1), patient_id="17")
    read_radiograph(stream.getvalue(), seen=lambda d: seen.append(d.PatientID))
    with pytest.raises(UnreadableFilm):  # before it turns out to be damaged
        read_radiograph(stream.getvalue()[:-20], seen=lambda d: seen.append(d.PatientID))
    read_radiograph(png(), seen=seen.append)
    assert seen == ["17", "17"]


def test_bytes_path_and_array_agree(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(png())
    from_array = read_radiograph(PLANE)
    np.testing.assert_array_equal(from_array.pixels, read_radiograph(png()).pixels)
    np.testing.assert_array_equal(from_array.pixels, read_radiograph(path).pixels)
    assert from_array.sha256 == hashlib.sha256(from_array.pixels.tobytes()).hexdigest()


def test_folder_missing_path_and_pipe_say_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFilm, match="got a folder"):
        read_radiograph(tmp_path)
    with pytest.raises(UnreadableFilm, match="found nothing"):
        read_radiograph(tmp_path / "none.png")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFilm, match="pipe"):
        read_radiograph(tmp_path / "pipe")
    with pytest.raises(UnreadableFilm):
        read_radiograph("a\0b")


def test_no_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png())

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreadableFilm, match="no permission"):
        read_radiograph(path)


def test_other_types_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="got int"):
        read_radiograph(3)  # type: ignore[arg-type]


def test_dicom_without_preamble_is_dicom(tmp_path: Path) -> None:
    path = tmp_path / "film"
    write_dx(path, PLANE.astype(np.uint16) * 257, spacing_mm=(0.1, 0.2), patient_id="p")
    whole = path.read_bytes()
    dataset = pydicom.dcmread(path)
    for data in (whole, whole[132:]):
        film = read_radiograph(data)
        np.testing.assert_array_equal(film.pixels, read_radiograph(dataset).pixels)


def test_dataset_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "film"
    write_dx(path, PLANE.astype(np.uint16), spacing_mm=(0.1, 0.2), patient_id="p")
    dataset, untouched = pydicom.dcmread(path), pydicom.dcmread(path)
    read_radiograph(dataset)
    assert dataset == untouched


def test_real_films_are_all_read(data: Path) -> None:
    paths = [*sorted((data / "dicom").iterdir()), *sorted((data / "cohen/images").iterdir())[:8]]
    for path in paths:
        film = read_radiograph(path)
        assert film.pixels.std() > 0.05, path.name


def test_the_relabelled_real_film_is_the_negative_of_the_other(data: Path) -> None:
    first, second = (read_radiograph(p) for p in sorted((data / "dicom").iterdir()))
    assert np.corrcoef(first.pixels.ravel(), second.pixels.ravel())[0, 1] < -0.99


def test_open_files_are_named_and_must_be_binary(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(png())
    with path.open("rb") as file:
        assert read_radiograph(file).source == str(path)
    with pytest.raises(TypeError, match="binary mode"):
        read_radiograph(io.StringIO("film"))


def test_a_dataset_whose_pixels_were_set_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film"
    write_dx(path, PLANE.astype(np.uint16) * 257, spacing_mm=(0.1, 0.2), patient_id="p")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    turned = np.ascontiguousarray(PLANE.astype(np.uint16)[::-1] * 257)
    dataset.PixelData = turned.tobytes()
    film = read_radiograph(dataset)
    assert np.corrcoef(film.pixels.ravel(), turned.ravel())[0, 1] > 0.999


def test_values_beyond_the_bits_that_a_file_states_stay_within_the_range() -> None:
    from infmap.dicom.grey_levels import from_numbers

    for bits, white in ((8, 255), (5, 255), (16, 255)):
        pixels, _ = from_numbers(PLANE, bits)
        np.testing.assert_allclose(pixels, PLANE / np.float32(white), atol=1e-6)
    np.testing.assert_allclose(from_numbers(PLANE // 16, 4)[0], (PLANE // 16) / 15, atol=1e-6)
