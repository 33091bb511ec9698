"""Tests of `infmap.dicom.sc`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from infmap.core.errors import UsageError
from infmap.dicom import secondary_capture

sys.path.insert(0, str(Path(__file__).parent))
from films import clock_of_another_day, saved  # noqa: E402
from reports import PREDICTION, SHAPE, film  # noqa: E402

PICTURE = np.zeros((*SHAPE, 3), np.uint8)
PICTURE[:, 30:] = (200, 60, 20)


def test_the_picture_comes_back_with_its_colours(tmp_path: Path) -> None:
    made = secondary_capture(film(), PREDICTION, PICTURE)
    made.save_as(tmp_path / "sc.dcm", enforce_file_format=True)
    read = pydicom.dcmread(tmp_path / "sc.dcm")
    pixels = read.pixel_array.astype(int)
    # JPEG: a few levels off, two columns from the border of the colours.
    assert np.abs(pixels[:, 34:] - PICTURE[:, 34:]).max() < 12 and pixels[:, :26].max() < 12
    assert (read.BodyPartExamined, read.LossyImageCompression) == ("CHEST", "01")
    assert list(read.PatientOrientation) == ["L", "F"]
    assert "Research use only" in read.ImageComments
    assert read.SourceImageSequence[0].ReferencedSOPInstanceUID == film().SOPInstanceUID
    assert (read.PatientID, read.StudyInstanceUID) == ("p7", film().StudyInstanceUID)


def test_an_unstated_side_is_not_claimed() -> None:
    plain = replace(PREDICTION, radiograph=replace(PREDICTION.radiograph, side_stated=False))
    assert not secondary_capture(film(), plain, PICTURE).PatientOrientation


def test_the_same_film_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = saved(secondary_capture(film(), PREDICTION, PICTURE))
    clock_of_another_day(monkeypatch)
    assert saved(secondary_capture(film(), PREDICTION, PICTURE)) == first
    other = secondary_capture(film(), PREDICTION, PICTURE[:, ::-1].copy())
    assert other.SOPInstanceUID != secondary_capture(film(), PREDICTION, PICTURE).SOPInstanceUID


def test_a_grey_picture_is_refused() -> None:
    with pytest.raises(UsageError, match=r"uint8 \(H, W, 3\)"):
        secondary_capture(film(), PREDICTION, PICTURE[:, :, 0])
