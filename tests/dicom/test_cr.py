"""DICOM films: transfer syntaxes, LUTs, polarity, orientation."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from infmap.core.errors import RejectedFilm, UnreadableFilm
from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, X, Y, dx, saved  # noqa: E402


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"])
def test_implicit_and_deflated(syntax: str) -> None:
    dataset = dx()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=syntax.endswith("1.2"), little_endian=True)
    np.testing.assert_allclose(read_radiograph(stream.getvalue()).pixels, EXPECTED, atol=1e-6)


def test_spacing_falls_back_and_ignores_nonsense() -> None:
    assert read_radiograph(dx(ImagerPixelSpacing=None)).spacing_mm == (0.1, 0.2)
    dataset = dx(ImagerPixelSpacing=[0, 0], PixelSpacing=None)
    assert read_radiograph(dataset).spacing_mm is None


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG", "NM"])
def test_other_modalities_are_rejected(modality: str) -> None:
    with pytest.raises(RejectedFilm, match=modality):
        read_radiograph(dx(Modality=modality))


def test_single_frame_fluoroscopy_is_read() -> None:
    np.testing.assert_allclose(
        read_radiograph(dx(Modality="RF", NumberOfFrames=1)).pixels, EXPECTED, atol=1e-6
    )


def test_deflate_bomb_is_refused_before_it_is_inflated() -> None:
    dataset = dx()
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.99")
    dataset.PixelData = bytes(40_000_000)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, implicit_vr=False, little_endian=True)
    with pytest.raises(UnreadableFilm, match="after inflating"):
        read_radiograph(stream.getvalue(), max_pixels=1000)


def test_colour_dicom_of_a_grey_film_is_read() -> None:
    grey = (X * 3 + Y).astype(np.uint8)
    dataset = dx(BitsAllocated=8, BitsStored=8, HighBit=7, SamplesPerPixel=3)
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.PixelData = np.dstack([grey] * 3).tobytes()
    np.testing.assert_allclose(read_radiograph(dataset).pixels, grey / 255, atol=1e-6)


def test_wrong_values_warn_nobody(recwarn: pytest.WarningsRecorder) -> None:
    data = saved(dx()).replace(b"CHEST ", b"doe^jo")
    assert b"doe^jo" in data
    film = read_radiograph(data)
    assert not [w for w in recwarn if "doe" in str(w.message).lower()]
    assert not any("doe" in w.lower() for w in film.warnings)
