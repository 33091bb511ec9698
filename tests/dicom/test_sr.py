"""DICOM Structured Reports after TID 1500."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from infmap.core.types import CalibratedOn
from infmap.dicom import codes, severity_report

sys.path.insert(0, str(Path(__file__).parent))
from films import clock_of_another_day, saved  # noqa: E402
from reports import (  # noqa: E402
    CLEAR,
    INFECTED,
    NONE,
    PREDICTION,
    comments,
    evaluations,
    film,
    groups,
    read_back,
    report_of,
    values,
)


def test_the_finding_is_opacity_with_its_extent_and_severity() -> None:
    report = report_of()
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    group = groups(report)["Lung opacity"]
    assert (group.finding_type.value, group.finding_type.scheme_designator) == ("112001", "DCM")
    assert group.finding_sites[0].topographical_modifier is None
    assert group.finding_sites[0].laterality.meaning == "Bilateral"
    assert values(group) == {
        "opacity-share": (30.0, "%"),
        "extent-score": (3.0, "{0:8}"),
        "extent-low": (2.0, "{0:8}"),
        "extent-high": (4.5, "{0:8}"),
    }
    assert ("Severity", "Moderate") in evaluations(group)


@pytest.mark.parametrize(
    ("detected", "probability", "said"),
    [(True, 0.875, "Detected"), (False, 0.006, "Not detected")],
)
def test_covid19_is_an_evaluation_and_never_a_finding(
    detected: bool, probability: float, said: str
) -> None:
    infected = INFECTED if detected else NONE
    report = report_of(
        covid_detected=detected,
        covid_probability=probability,
        infected=infected,
        infected_fraction=0.25 if detected else 0.0,
    )
    found = groups(report)
    assert all(g.finding_type is None or g.finding_type.value == "112001" for g in found.values())
    group = found[f"COVID-19: {said.lower()}"]
    assert evaluations(group) == [("COVID-19", said)]
    assert values(group) == {
        "covid19-prob": (100 * probability, "%"),
        "operating-point": (30.0, "%"),
        "infected-share": (25.0 if detected else 0.0, "%"),
    }
    other = "Not detected" if detected else "Detected"
    said_codes = [
        i.ConceptCodeSequence[0].CodeMeaning for i in _items(report) if i.ValueType == "CODE"
    ]
    assert said in said_codes and other not in said_codes
    text = comments(report)[0]
    assert (f"COVID-19 {said.lower()}: probability" in text) and "operating point of 30.0 %" in text


def _items(item: Any) -> list[Any]:
    return [i for child in item.get("ContentSequence", []) for i in (child, *_items(child))]


def test_a_clear_film_has_no_finding() -> None:
    report = read_back(severity_report(film(), CLEAR))
    found = groups(report)
    assert [g.finding_type for g in found.values()] == [None] * 10
    assert values(found["Lung opacity"])["opacity-share"] == (0.0, "%")
    assert ("Severity", "None") in evaluations(found["Lung opacity"])
    assert "No lung opacity found" in comments(report)[0]


def test_the_grades_that_the_interval_allows_are_named() -> None:
    severity = replace(PREDICTION.severity, grades=("mild", "moderate", "severe"))
    report = report_of(severity=severity)
    said = evaluations(groups(report)["Lung opacity"])
    assert said[0] == ("Severity", "Moderate")
    name = "Severity grade that the interval allows"
    assert said[1:] == [(name, "Mild"), (name, "Moderate"), (name, "Severe")]
    assert "which allows mild, moderate, severe." in comments(report)[0]


def test_the_films_behind_the_calibration_are_named() -> None:
    on = CalibratedOn("40 films of A", "30 films of B", "20 films of C", "10 films of D")
    text = comments(report_of(calibrated_on=on))[0]
    assert (
        "Calibrated on: probability, 40 films of A; operating point, 30 films of B; "
        "opacity, 20 films of C; severity, 10 films of D."
    ) in text


def test_model_version_checksum_and_operating_points_are_named() -> None:
    report = report_of()
    texts = [str(item.TextValue) for item in _items(report) if item.ValueType == "TEXT"]
    assert "m@1" in texts and f"SHA-256 {'cd' * 32}" in texts
    points = "operating points: lungs 0.5, opacity 0.2, infection 0.35, covid 0.3"
    assert points in texts
    assert "cd" * 32 in comments(report)[0] and "Research use only" in comments(report)[0]


def test_no_code_is_long() -> None:
    assert not any(element.keyword == "LongCodeValue" for element in report_of().iterall())
    assert all(len(code[2]) <= 64 for code in vars(codes).values() if isinstance(code, tuple))


def test_source_is_evidence_and_source_of_the_measurements() -> None:
    source = film()
    report = report_of()
    for group in report.content.get_image_measurement_groups():
        (image,) = group.source_images
        assert image.referenced_sop_instance_uid == source.SOPInstanceUID
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (report.PatientID, report.StudyInstanceUID) == ("p7", source.StudyInstanceUID)
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.PreliminaryFlag == "PRELIMINARY"


def test_same_content_of_the_same_film_has_the_same_uids() -> None:
    first, again, other = report_of(), report_of(), report_of(covid_probability=0.9)
    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert first.SeriesInstanceUID == again.SeriesInstanceUID != first.SOPInstanceUID
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID != other.SeriesInstanceUID
    tracked = [g.tracking_uid for g in groups(first).values()]
    assert tracked == [g.tracking_uid for g in groups(again).values()]
    assert len(set(tracked)) == 11


def test_real_films(data: Path) -> None:
    for path in sorted((data / "dicom").glob("*.dcm")):
        source = pydicom.dcmread(path, stop_before_pixels=True)
        assert len(groups(read_back(severity_report(source, PREDICTION)))) == 11


def test_the_same_film_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = saved(severity_report(film(), PREDICTION))
    clock_of_another_day(monkeypatch)
    assert saved(severity_report(film(), PREDICTION)) == first
