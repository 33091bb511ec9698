"""DICOM Segmentation objects: grid, content, references."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.errors import MissingExtra, UsageError
from infmap.core.types import Prediction, Radiograph, Severity
from infmap.core.zones import brixia_zones
from infmap.dicom import infection_seg, read_radiograph
from infmap.dicom.orient import as_stored, upright

sys.path.insert(0, str(Path(__file__).parent))
from films import clock_of_another_day, dx, saved  # noqa: E402

hd = pytest.importorskip("highdicom")

ROWS, COLUMNS = 50, 70
GRID = np.random.default_rng(0).integers(0, 65535, (ROWS, COLUMNS), dtype=np.uint16)
KINDS: tuple[Any, ...] = ("binary", "fractional")
LAYS = [f"{a}{b}" for a in "LRAP" for b in "HF"] + [f"{b}{a}" for a in "LRAP" for b in "HF"]


def film(photometric: str = "MONOCHROME2", **changes: Any) -> Dataset:
    return dx(GRID, "p7", photometric, **changes)


def read_back(seg: Dataset) -> Any:
    stream = io.BytesIO()
    seg.save_as(stream)
    stream.seek(0)
    return hd.seg.segread(stream)


def judged(
    lungs: np.ndarray,
    infected: np.ndarray,
    opaque: np.ndarray,
    infection: np.ndarray | None = None,
    opacity: np.ndarray | None = None,
    sha256: str = "ab",
    model: str = "m@1",
) -> Prediction:
    plane = np.zeros(lungs.shape, np.float32)
    return Prediction(
        infection=plane if infection is None else infection,
        opacity=plane if opacity is None else opacity,
        lungs=lungs,
        infected=infected,
        opaque=opaque,
        covid_probability=0.9,
        covid_detected=True,
        infected_fraction=0.1,
        infected_fraction_right=0.1,
        infected_fraction_left=0.1,
        opacity_fraction=0.2,
        opacity_fraction_right=0.2,
        opacity_fraction_left=0.2,
        zones={},
        severity=Severity("mild", 1.0, (0.0, 2.0)),
        quality={},
        warnings=(),
        model=model,
        radiograph=Radiograph(plane, sha256=sha256),
    )


def planes_of(lungs: np.ndarray, infected: np.ndarray, opaque: np.ndarray) -> list[np.ndarray]:
    """What the five segments of these regions are, in their own grid."""
    zones = brixia_zones(lungs)
    sides = zones.right, zones.left
    return [*sides, *(infected & side for side in sides), opaque]


def regions(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lungs, infected, opaque = np.zeros((3, *shape), bool)
    lungs[5:40, 3:25] = lungs[5:40, 32:60] = True
    infected[8:15, 4:9] = infected[9:12, 40:44] = True
    opaque[7:20, 4:12] = opaque[8:13, 38:45] = True
    return lungs, infected, opaque


PREDICTION = judged(*regions((ROWS, COLUMNS)))


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
    halves = np.where(np.arange(pixels.shape[1]) < pixels.shape[1] // 2, 1, 4)
    labels = ((pixels > 0.5) * halves).astype(np.uint8)
    p = replace(judged(pixels > 0.5, pixels > 0.9, pixels > 0.7), zone_labels=labels)
    planes = read_back(infection_seg(source, p)).pixel_array > 0
    stored = source.pixel_array.astype(np.int64)
    bright = stored if photometric == "MONOCHROME2" else 65535 - stored
    scaled = (bright - bright.min()) / (bright.max() - bright.min())
    np.testing.assert_array_equal(planes[0] | planes[1], scaled > 0.5)
    np.testing.assert_array_equal(planes[2] | planes[3], scaled > 0.9)
    np.testing.assert_array_equal(planes[4], scaled > 0.7)
    assert not (planes[0] & planes[1]).any() and not (planes[2] & ~planes[0]).any()
    # The patient's right is where the orientation of the stored grid has it.
    axis, rising = (1, lay[0]) if lay[0] in "LR" else (0, lay[1])
    middle = [np.argwhere(planes[i])[:, axis].mean() for i in (0, 1)]
    assert (middle[0] < middle[1]) == (rising == "L")


def test_segments_say_what_they_are_and_that_they_are_for_research() -> None:
    seg = read_back(infection_seg(film(), PREDICTION))
    assert [int(s.SegmentNumber) for s in seg.SegmentSequence] == [1, 2, 3, 4, 5]
    labels = [segment.SegmentLabel for segment in seg.SegmentSequence]
    assert labels == [
        "Right lung",
        "Left lung",
        "COVID-19 infected region, right lung",
        "COVID-19 infected region, left lung",
        "Lung opacity",
    ]
    types = [s.SegmentedPropertyTypeCodeSequence[0].CodeValue for s in seg.SegmentSequence]
    assert types == ["39607008"] * 2 + ["112001"] * 3
    for segment in seg.SegmentSequence:
        assert "Research use only" in segment.SegmentDescription
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert algorithm.AlgorithmName == "infmap" and algorithm.AlgorithmVersion
        assert "m@1" in algorithm.AlgorithmParameters
    assert "Research use only" in seg.ContentDescription


def test_source_is_referred_to_and_left_as_it_is() -> None:
    source = film()
    before = source.to_json()
    seg = read_back(infection_seg(source, PREDICTION))
    assert source.to_json() == before
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert {uids[2] for uids in seg.get_source_image_uids()} == {source.SOPInstanceUID}
    assert (seg.PatientID, seg.PatientName) == (source.PatientID, source.PatientName)
    assert seg.StudyInstanceUID == source.StudyInstanceUID
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert list(seg.PatientOrientation) == ["L", "F"]


def test_empty_regions_keep_their_frames() -> None:
    empty = np.zeros((ROWS, COLUMNS), bool)
    seg = read_back(infection_seg(film(), judged(empty, empty, empty)))
    assert seg.number_of_segments == 5 and seg.pixel_array.shape == (5, ROWS, COLUMNS)
    assert not seg.pixel_array.any()


def test_fractional_holds_the_probabilities() -> None:
    lungs, infected, opaque = regions((ROWS, COLUMNS))
    infection, opacity = np.random.default_rng(1).random((2, ROWS, COLUMNS), dtype=np.float32)
    source = film(PatientOrientation=["R", "F"])
    p = judged(lungs, infected, opaque, infection, opacity)
    seg = read_back(infection_seg(source, p, kind="fractional"))
    assert seg.SegmentationType == "FRACTIONAL" and seg.MaximumFractionalValue == 255
    right, left, *_ = planes_of(lungs, infected, opaque)
    np.testing.assert_array_equal(seg.pixel_array[0], right[:, ::-1] * 255)
    expected = (infection * right, infection * left, opacity)
    for plane, probability in zip(seg.pixel_array[2:], expected):
        np.testing.assert_allclose(plane / 255, probability[:, ::-1], atol=0.5 / 255 + 1e-6)


def uids(dataset: Dataset) -> set[str]:
    """All UIDs that an object makes up: not those of its film, and not well-known ones."""
    found = {str(e.value) for e in dataset.iterall() if e.VR == "UI"}
    found |= {str(dataset.file_meta.MediaStorageSOPInstanceUID)}
    source = film()
    known = {source.SOPInstanceUID, source.SeriesInstanceUID, source.StudyInstanceUID}
    return {uid for uid in found - known if not uid.startswith("1.2.840.10008")}


def test_the_sides_are_those_that_the_figures_are_counted_on() -> None:
    lungs, infected, opaque = regions((ROWS, COLUMNS))
    # All of it the left lung: not what the mask alone would give.
    p = replace(judged(lungs, infected, opaque), zone_labels=lungs.astype(np.uint8) * np.uint8(4))
    planes = read_back(infection_seg(film(), p)).pixel_array
    np.testing.assert_array_equal(planes[:2], [np.zeros_like(lungs), lungs])


def test_the_same_film_gives_the_same_bytes_at_any_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [saved(infection_seg(film(), PREDICTION, kind=kind)) for kind in KINDS]
    clock_of_another_day(monkeypatch)
    assert made == [saved(infection_seg(film(), PREDICTION, kind=kind)) for kind in KINDS]
    later = infection_seg(film(), PREDICTION, when=datetime(2021, 3, 4, 5, 6, 7))
    assert (later.ContentDate, later.ContentTime) == ("20210304", "050607")


def test_same_content_of_the_same_film_has_the_same_uids() -> None:
    first = infection_seg(film(), PREDICTION)
    assert uids(first) == uids(infection_seg(film(), PREDICTION))
    assert all(uid.startswith("2.25.") and len(uid) <= 44 for uid in uids(first))
    lungs, infected, opaque = regions((ROWS, COLUMNS))
    others = [
        infection_seg(film(), PREDICTION, kind="fractional"),
        infection_seg(film(), judged(lungs, infected, opaque, sha256="cd")),
        infection_seg(film(), judged(lungs, infected, opaque, model="m@2")),
        infection_seg(film(), judged(lungs, opaque, opaque)),
        infection_seg(film(SOPInstanceUID="1.2.3"), PREDICTION),
    ]
    seen = [(s.SOPInstanceUID, s.SeriesInstanceUID) for s in (first, *others)]
    assert len({uid for pair in seen for uid in pair}) == 2 * len(seen)


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
    seg = read_back(infection_seg(film(**changes), PREDICTION))
    np.testing.assert_array_equal(seg.pixel_array, planes_of(*regions((ROWS, COLUMNS))))


def test_wrong_films_and_kinds_are_one_line() -> None:
    with pytest.raises(UsageError, match="50 x 70"):
        infection_seg(film(), judged(*(plane[:-1] for plane in regions((ROWS, COLUMNS)))))
    with pytest.raises(UsageError, match="binary or fractional"):
        infection_seg(film(), PREDICTION, kind="other")  # type: ignore[arg-type]


def test_broken_elements_say_nothing_of_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    source = film(PatientName="Secret^Name")
    source["StudyDate"]._value = "Secret^Name"
    caplog.set_level("DEBUG")
    seg = infection_seg(source, PREDICTION)
    assert seg.PatientName == "Secret^Name" and not seg.StudyDate
    assert "Secret" not in caplog.text


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(MissingExtra, match=r"infmap\[dicom\]"):
        infection_seg(film(), PREDICTION)


def test_real_films(data: Path) -> None:
    paths = sorted((data / "dicom").glob("*.dcm"))
    assert paths
    for path in paths:
        source = pydicom.dcmread(path)
        planes = regions((source.Rows, source.Columns))
        seg = read_back(infection_seg(source, judged(*planes)))
        np.testing.assert_array_equal(seg.pixel_array, planes_of(*planes))
