"""Tests of `infmap.dicom.orient`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infmap.dicom import read_radiograph

sys.path.insert(0, str(Path(__file__).parent))
from films import EXPECTED, dx  # noqa: E402


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (["L", "F"], lambda a: a),
        (["R", "F"], lambda a: a[:, ::-1]),
        (["L", "H"], lambda a: a[::-1]),
        (["R", "H"], lambda a: a[::-1, ::-1]),
        (["F", "L"], lambda a: a.T),
        (["H", "L"], lambda a: a.T[::-1]),
        (["F", "R"], lambda a: a.T[:, ::-1]),
    ],
)
def test_patient_orientation_is_obeyed(orientation: list[str], turn: Any) -> None:
    film = read_radiograph(dx(PatientOrientation=orientation))
    # Rising columns of the result must run to the patient's left, rising rows to the feet.
    np.testing.assert_allclose(film.pixels, turn(EXPECTED), atol=1e-6)
    swapped = orientation[0] in "FH"
    assert film.spacing_mm == ((0.2, 0.1) if swapped else (0.1, 0.2))
    assert bool(film.warnings) == (orientation != ["L", "F"])
    assert film.side_stated


@pytest.mark.parametrize("orientation", [None, ["A", "F"], ["L", "A"], ["", "F"], ["L", "R"]])
def test_a_side_is_stated_only_by_both_axes(orientation: list[str] | None) -> None:
    assert not read_radiograph(dx(PatientOrientation=orientation)).side_stated


def test_detector_flip_already_done_is_not_done_again() -> None:
    film = read_radiograph(dx(FieldOfViewHorizontalFlip="YES", FieldOfViewRotation=180))
    np.testing.assert_allclose(film.pixels, EXPECTED, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "view"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": "LL"}, "LATERAL"),
        ({"ViewPosition": "RL"}, "LATERAL"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"),
        ({"ViewPosition": ""}, "PA"),
        ({"ViewPosition": "", "ViewCodeSequence": None}, None),
        (
            {"ViewPosition": "", "ViewCodeSequence": None, "PatientOrientation": ["A", "F"]},
            "LATERAL",
        ),
    ],
)
def test_view(changes: dict[str, Any], view: str | None) -> None:
    assert read_radiograph(dx(**changes)).view == view
