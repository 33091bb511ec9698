"""Tests of `infmap.dicom.plain_film`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from infmap.core.types import Radiograph
from infmap.dicom import film_of_picture, header_notes, read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import saved  # noqa: E402

PIXELS = np.linspace(0, 1, 35 * 41, dtype=np.float32).reshape(35, 41)


def film(bits: int | None = 8, sha256: str = "ab" * 32) -> pydicom.Dataset:
    made = film_of_picture(Radiograph(PIXELS, "jane.png", sha256, bits=bits))
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(stream.getvalue()))


@pytest.mark.parametrize(("bits", "stored"), [(8, 8), (1, 8), (12, 16), (None, 16)])
def test_pixels_are_the_film_s(bits: int | None, stored: int) -> None:
    made = film(bits)
    assert made.BitsStored == stored
    np.testing.assert_array_equal(made.pixel_array, np.rint(PIXELS * np.float32(2**stored - 1)))
    np.testing.assert_allclose(read_radiograph(made).pixels, PIXELS, atol=0.5 / 255)


def test_nothing_of_a_patient_is_made_up() -> None:
    made = film()
    assert not any(made[k].value for k in ("PatientName", "PatientSex", "StudyDate", "StudyID"))
    assert not made.PatientOrientation
    assert "jane" not in str(made)
    assert header_notes(made) == ()


def test_films_of_two_files_are_of_two_patients_and_studies() -> None:
    first, second = film(), film(sha256="cd" * 32)
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert first[keyword].value != second[keyword].value
    assert saved(first) == saved(film())
