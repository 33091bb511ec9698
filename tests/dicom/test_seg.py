"""DICOM Segmentation objects: grid, content, references."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.errors import MissingExtra, UnreadableFilm, UsageError
from infmap.dicom import infection_seg, read_radiograph, write_dx
from infmap.dicom.orient import as_stored, upright

hd = pytest.importorskip("highdicom")

ROWS, COLUMNS = 50, 70
GRID = np.random.default_rng(0).integers(0, 65535, (ROWS, COLUMNS), dtype=np.uint16)
LAYS = [f"{a}{b}" for a in "LRAP" for b in "HF"] + [f"{b}{a}" for a in "LRAP" for b in "HF"]


def film(photometric: str = "MONOCHROME2", **changes: Any) -> Dataset:
    stream = io.BytesIO()
    write_dx(stream, GRID, spacing_mm=(0.1, 0.2), patient_id="p7", photometric=photometric)
    dataset = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    for name, value in changes.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    return dataset


def read_back(seg: Dataset) -> Any:
    stream = io.BytesIO()
    seg.save_as(stream)
    stream.seek(0)
    return hd.seg.segread(stream)


def regions(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    lungs, infected = np.zeros((2, *shape), bool)
    lungs[5:40, 3:31] = True
    infected[8:15, 4:9] = True
    return lungs, infected


@pytest.mark.parametrize("lay", LAYS)
def test_stored_grid_is_what_the_reader_turned(lay: str) -> None:
    dataset = film(PatientOrientation=list(lay))
    turned, _ = upright(GRID.astype(np.float32), dataset, [])
    np.testing.assert_array_equal(as_stored(turned, dataset), GRID)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("lay", ["LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR"])
def test_masks_come_back_in_the_stored_grid(lay: str, photometric: str) -> None:
    source = film(photometric, PatientOrientation=list(lay))
    # The regions are where the film itself is bright, so the stored pixels tell where they lie.
    pixels = read_radiograph(source).pixels
    lungs, infected = pixels > 0.5, pixels > 0.9
    planes = read_back(infection_seg(source, lungs, infected, model="m@1")).pixel_array
    stored = source.pixel_array.astype(np.int64)
    bright = stored if photometric == "MONOCHROME2" else 65535 - stored
    scaled = (bright - bright.min()) / (bright.max() - bright.min())
    assert planes.shape == (2, *source.pixel_array.shape)
    np.testing.assert_array_equal(planes[0], scaled > 0.5)
    np.testing.assert_array_equal(planes[1], scaled > 0.9)


def test_segments_say_what_they_are_and_that_they_are_for_research() -> None:
    seg = read_back(infection_seg(film(), *regions((ROWS, COLUMNS)), model="m@1"))
    lungs, infected = seg.SegmentSequence
    assert lungs.SegmentedPropertyTypeCodeSequence[0].CodeValue == "39607008"
    assert infected.SegmentedPropertyTypeCodeSequence[0].CodeValue == "112001"
    for segment in (lungs, infected):
        assert "Research use only" in segment.SegmentDescription
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert algorithm.AlgorithmName == "infmap" and algorithm.AlgorithmVersion
        assert "m@1" in algorithm.AlgorithmParameters
    assert "Research use only" in seg.ContentDescription


def test_source_is_referred_to_and_left_as_it_is() -> None:
    source = film()
    before = source.to_json()
    seg = read_back(infection_seg(source, *regions((ROWS, COLUMNS)), model="m@1"))
    assert source.to_json() == before
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert {uids[2] for uids in seg.get_source_image_uids()} == {source.SOPInstanceUID}
    assert (seg.PatientID, seg.PatientName) == (source.PatientID, source.PatientName)
    assert seg.StudyInstanceUID == source.StudyInstanceUID
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert list(seg.PatientOrientation) == ["L", "F"]


def test_empty_regions_keep_their_frames() -> None:
    empty = np.zeros((ROWS, COLUMNS), bool)
    seg = read_back(infection_seg(film(), empty, empty, model="m@1"))
    assert seg.number_of_segments == 2 and seg.pixel_array.shape == (2, ROWS, COLUMNS)
    assert not seg.pixel_array.any()


def test_fractional_holds_the_probability() -> None:
    lungs, infected = regions((ROWS, COLUMNS))
    p = np.random.default_rng(1).random((ROWS, COLUMNS), dtype=np.float32)
    source = film(PatientOrientation=["R", "F"])
    seg = read_back(infection_seg(source, lungs, infected, p, model="m@1", kind="fractional"))
    assert seg.SegmentationType == "FRACTIONAL" and seg.MaximumFractionalValue == 255
    np.testing.assert_array_equal(seg.pixel_array[0], lungs[:, ::-1] * 255)
    np.testing.assert_allclose(seg.pixel_array[1] / 255, p[:, ::-1], atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"FrameOfReferenceUID": "1.2.3"},
        {"PatientName": None, "StudyDate": None, "PatientOrientation": None},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"PixelData": None},
    ],
)
def test_films_of_everyday_are_taken(changes: dict[str, Any]) -> None:
    lungs, infected = regions((ROWS, COLUMNS))
    seg = read_back(infection_seg(film(**changes), lungs, infected, model="m@1"))
    np.testing.assert_array_equal(seg.pixel_array, [lungs, infected])


def test_wrong_films_and_planes_are_one_line() -> None:
    lungs, infected = regions((ROWS, COLUMNS))
    with pytest.raises(UnreadableFilm, match="SOPInstanceUID"):
        infection_seg(film(SOPInstanceUID=None), lungs, infected, model="m@1")
    with pytest.raises(UsageError, match="50 x 70"):
        infection_seg(film(), lungs[:-1], infected[:-1], model="m@1")
    with pytest.raises(UsageError, match="probability"):
        infection_seg(film(), lungs, infected, model="m@1", kind="fractional")


def test_broken_elements_say_nothing_of_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    source = film(PatientName="Secret^Name")
    source["StudyDate"]._value = "Secret^Name"
    caplog.set_level("DEBUG")
    try:
        infection_seg(source, *regions((ROWS, COLUMNS)), model="m@1")
    except UnreadableFilm as error:
        assert "Secret" not in str(error)
    assert "Secret" not in caplog.text


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(MissingExtra, match=r"infmap\[dicom\]"):
        infection_seg(film(), *regions((ROWS, COLUMNS)), model="m@1")


def test_real_films(data: Path) -> None:
    paths = sorted((data / "dicom").glob("*.dcm"))
    assert paths
    for path in paths:
        source = pydicom.dcmread(path)
        lungs, infected = regions((source.Rows, source.Columns))
        seg = read_back(infection_seg(source, lungs, infected, model="m@1"))
        np.testing.assert_array_equal(seg.pixel_array, [lungs, infected])
