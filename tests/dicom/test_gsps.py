"""Tests of `infmap.dicom.gsps`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from infmap.core.errors import UnreadableFilm
from infmap.dicom import presentation_state

sys.path.insert(0, str(Path(__file__).parent))
from films import clock_of_another_day, dx, saved  # noqa: E402
from reports import NONE, PREDICTION, SHAPE, film  # noqa: E402


def lines(made: Dataset) -> dict[str, list[np.ndarray]]:
    """Layer to its lines, (column, row)."""
    return {
        item.GraphicLayer: [
            np.reshape(line.GraphicData, (-1, 2)) for line in item.get("GraphicObjectSequence", ())
        ]
        for item in made.GraphicAnnotationSequence
    }


def test_each_region_is_outlined_in_its_layer() -> None:
    found = lines(presentation_state(film(), PREDICTION))
    assert {name: len(of) for name, of in found.items()} == {
        "LUNGS": 2,
        "INFECTION": 2,
        "OPACITY": 2,
        "NOTICE": 0,
    }
    right, left = found["LUNGS"]
    np.testing.assert_allclose([right.min(axis=0), right.max(axis=0)], [(5, 5), (25, 35)], atol=0.5)
    np.testing.assert_allclose([left.min(axis=0), left.max(axis=0)], [(35, 5), (55, 35)], atol=0.5)
    assert all((line[0] == line[-1]).all() for of in found.values() for line in of)


def test_lines_lie_in_the_stored_grid() -> None:
    source = film()
    source.PatientOrientation = ["R", "H"]
    right, _ = lines(presentation_state(source, PREDICTION))["LUNGS"]
    span = [right.min(axis=0), right.max(axis=0)]
    np.testing.assert_allclose(span, [(35, 5), (55, 35)], atol=0.5)


def test_it_says_that_it_is_for_research_and_which_film_it_is_of() -> None:
    made = presentation_state(film(), PREDICTION)
    (text,) = made.GraphicAnnotationSequence[-1].TextObjectSequence
    assert "RESEARCH USE ONLY" in text.UnformattedTextValue
    (series,) = made.ReferencedSeriesSequence
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == film().SOPInstanceUID
    (area,) = made.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaBottomRightHandCorner) == list(SHAPE[::-1])


@pytest.mark.parametrize(
    ("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")]
)
def test_the_film_looks_as_its_header_says(photometric: str, shape: str) -> None:
    source = dx(np.ones(SHAPE, np.uint16), photometric=photometric, WindowCenter=700, WindowWidth=9)
    made = presentation_state(source, PREDICTION)
    assert made.PresentationLUTShape == shape
    (voi,) = made.SoftcopyVOILUTSequence
    assert (float(voi.WindowCenter), float(voi.WindowWidth)) == (700.0, 9.0)
    assert (float(made.RescaleSlope), float(made.RescaleIntercept)) == (1.0, 0.0)


def test_a_voi_lut_is_taken_over_and_a_broken_window_is_not() -> None:
    item = Dataset()
    item.LUTDescriptor = [4, 10, 16]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.array([0, 9, 500, 60000], "<u2").tobytes()
    item["LUTData"].VR = "OW"
    source = film()
    source.WindowWidth = 0
    source.VOILUTSequence = [item]
    (voi,) = presentation_state(source, PREDICTION).SoftcopyVOILUTSequence
    assert list(voi.VOILUTSequence[0].LUTDescriptor) == [4, 10, 16]
    del source.VOILUTSequence
    assert "SoftcopyVOILUTSequence" not in presentation_state(source, PREDICTION)


def test_nothing_found_leaves_the_notice_alone() -> None:
    empty = replace(PREDICTION, lungs=NONE, opaque=NONE, infected=NONE)
    assert list(lines(presentation_state(film(), empty))) == ["NOTICE"]


def test_a_colour_film_is_refused() -> None:
    source = film()
    source.SamplesPerPixel = 3
    with pytest.raises(UnreadableFilm, match="grey film"):
        presentation_state(source, PREDICTION)


def test_the_same_film_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = saved(presentation_state(film(), PREDICTION))
    clock_of_another_day(monkeypatch)
    assert saved(presentation_state(film(), PREDICTION)) == first


def test_dcmtk_finds_no_fault(tmp_path: Path) -> None:
    if shutil.which("dcmpschk") is None:
        pytest.skip("no dcmpschk: apt-get install dcmtk")
    path = tmp_path / "gsps.dcm"
    presentation_state(film(), PREDICTION).save_as(path, enforce_file_format=True)
    done = subprocess.run(["dcmpschk", str(path)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "Test passed" in said, said
