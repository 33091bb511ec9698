"""Tests of `infmap.dicom.write`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from infmap.dicom import read_radiograph, write_dx
from infmap.dicom.write import file_bytes

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, PLANE, dx, saved  # noqa: E402
from validator import errors  # noqa: E402


@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_phantom_is_valid(view: str, photometric: Any, tmp_path: Path) -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    write_dx(
        tmp_path / "dx.dcm",
        pixels,
        spacing_mm=(0.1, 0.2),
        patient_id="p7",
        view=view,
        photometric=photometric,
    )
    assert errors(tmp_path / "dx.dcm") == []


def test_write_dx_round_trips_and_is_repeatable() -> None:
    film = read_radiograph(saved(dx()))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)
    assert film.spacing_mm == (0.1, 0.2) and film.view == "PA" and film.warnings == ()
    assert saved(dx()) == saved(dx())


def test_written_monochrome1_looks_the_same() -> None:
    stream = io.BytesIO()
    write_dx(stream, PLANE, spacing_mm=(1, 1), patient_id="p", photometric="MONOCHROME1")  # type: ignore[arg-type]
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_burned_text_changes_the_corner_only() -> None:
    stream = io.BytesIO()
    plane = np.full((256, 256), 1000, np.uint16)
    plane[200:] = 60000
    write_dx(stream, plane, spacing_mm=(1, 1), patient_id="p", burned_text="DOE")  # type: ignore[arg-type]
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    changed = dataset.pixel_array != plane
    assert changed.any() and not changed[64:].any()
    assert dataset.BurnedInAnnotation == "YES"


def test_bytes_of_a_data_set_are_those_of_its_file(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(io.BytesIO(saved(dx())))
    dataset.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    assert file_bytes(dataset) == (tmp_path / "film.dcm").read_bytes()
