"""Tests of `infmap.dicom.pixels`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import UID

from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, PLANE, dx, saved  # noqa: E402


def test_big_endian() -> None:
    dataset = dx(PixelData=PLANE.astype(">u2").tobytes())
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.2")
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=False, little_endian=False)
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_rle() -> None:
    dataset = dx()
    dataset.compress(UID("1.2.840.10008.1.2.5"), generate_instance_uid=False)
    np.testing.assert_allclose(read_radiograph(saved(dataset)).pixels, EXPECTED, atol=1e-6)


def test_signed_pixels() -> None:
    plane = np.array([[-100, 0], [50, 100]], np.int16)
    dataset = dx(PLANE[:2, :2], PixelRepresentation=1, PixelData=plane.tobytes())
    dataset.WindowCenter, dataset.WindowWidth = 0.5, 201
    np.testing.assert_allclose(read_radiograph(dataset).pixels, [[0, 0.5], [0.75, 1]], atol=1e-6)


def test_surplus_pixel_data_is_ignored_with_a_warning() -> None:
    film = read_radiograph(dx(PixelData=PLANE.tobytes() + bytes(100)))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)
    assert any("more pixel data" in w for w in film.warnings)
