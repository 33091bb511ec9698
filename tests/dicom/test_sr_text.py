"""Tests of `infmap.dicom.sr_text`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infmap.dicom import severity_report

sys.path.insert(0, str(Path(__file__).parent))
from reports import PREDICTION, comments, film, read_back, report_of  # noqa: E402


def test_warnings_stand_in_the_report_unless_they_name_a_file_or_a_person() -> None:
    kept = (
        "low lung/mediastinum contrast",
        "JPEG 2000: bits above BitsStored were masked (12 of 16)",
        "opacities over 30 % of the lungs without COVID-19 being detected",
    )
    dropped = (
        "/data/jane/film7.dcm: resampled",
        "film7 was read twice",
        "the copy other.DCM differs",
        r"see C:\\films\\x",
        "the folder a/b/c holds the prior",
        "Phantom: name burned into the film",
        "the same as P7X-3",
    )
    source = film()
    source.PatientID = "P7X-3"
    p = replace(PREDICTION, warnings=kept + dropped)
    report = read_back(severity_report(source, p))
    said = comments(report)
    assert said[1:-1] == [f"Warning: {warning}" for warning in kept]
    assert said[-1] == f"Warnings left out because they name a file or a person: {len(dropped)}"


def test_sides_that_the_film_does_not_state_are_said_to_be_the_films() -> None:
    unstated = replace(PREDICTION.radiograph, side_stated=False)
    assert "as displayed" in comments(report_of(radiograph=unstated))[0]
    assert "as displayed" not in comments(report_of())[0]


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0.0 %"), (0.0004, "below 0.1 %"), (0.9996, "above 99.9 %"), (1.0, "100.0 %")],
)
def test_a_little_is_not_shown_as_nothing(share: float, said: str) -> None:
    assert (
        f"{said} of the lung area (infection map)"
        in comments(report_of(infected_fraction=share))[0]
    )
