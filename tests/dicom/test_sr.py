"""DICOM Structured Reports after TID 1500."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.types import CalibratedOn, Prediction, Radiograph, Severity
from infmap.dicom import codes, infection_seg, severity_report, write_dx

hd = pytest.importorskip("highdicom")

SHAPE = (40, 60)
ZERO = np.zeros(SHAPE, np.float32)
NONE = ZERO.astype(bool)
LUNGS, OPAQUE, INFECTED = NONE.copy(), NONE.copy(), NONE.copy()
LUNGS[5:35, 5:55] = True
OPAQUE[20:35, 5:55] = True
INFECTED[30:35, 5:55] = True
PREDICTION = Prediction(
    infection=ZERO,
    opacity=ZERO,
    lungs=LUNGS,
    infected=INFECTED,
    opaque=OPAQUE,
    covid_probability=0.875,
    covid_detected=True,
    infected_fraction=0.25,
    infected_fraction_right=0.4,
    infected_fraction_left=0.1,
    opacity_fraction=0.3,
    opacity_fraction_right=0.4,
    opacity_fraction_left=0.2,
    zones=dict(zip("ABCDEF", (0.0, 0.25, 0.5, 0.0, math.nan, 1.0))),
    severity=Severity("moderate", 3.0, (2.0, 4.5), extent_right=2.0, extent_left=1.0),
    quality={},
    warnings=("a warning",),
    model="m@1",
    model_sha256="cd" * 32,
    thresholds={"lungs": 0.5, "opacity": 0.2, "infection": 0.35, "covid": 0.3},
    radiograph=Radiograph(ZERO, "/data/jane/film7.dcm", "ab", side_stated=True),
)


def film() -> Dataset:
    stream = io.BytesIO()
    write_dx(stream, np.ones(SHAPE, np.uint16), spacing_mm=(0.1, 0.2), patient_id="p7")
    return pydicom.dcmread(io.BytesIO(stream.getvalue()))


def read_back(report: Dataset) -> Any:
    stream = io.BytesIO()
    report.save_as(stream)
    stream.seek(0)
    return hd.sr.srread(stream)


def values(group: Any) -> dict[str, tuple[float, str]]:
    return {m.name.value: (float(m.value), m.unit.value) for m in group.get_measurements()}


def methods(group: Any) -> dict[str, str]:
    return {m.name.value: m.method.value for m in group.get_measurements()}


def evaluations(group: Any) -> list[tuple[str, str]]:
    return [(e.name.meaning, e.value.meaning) for e in group.get_qualitative_evaluations()]


def groups(report: Any) -> dict[str, Any]:
    found = [
        *report.content.get_planar_roi_measurement_groups(),
        *report.content.get_image_measurement_groups(),
    ]
    return {group.tracking_identifier: group for group in found}


def comments(report: Any) -> list[str]:
    return [
        str(item.TextValue)
        for item in report.ContentSequence
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeMeaning == "Comment"
    ]


def report_of(segmentation: Any = None, **changes: Any) -> Any:
    p = replace(PREDICTION, **changes)
    return read_back(severity_report(film(), p, segmentation=segmentation))


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
    group = found["COVID-19 infected region" if detected else "COVID-19"]
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
    clear = dict.fromkeys("ABCDEF", 0.0)
    report = report_of(
        opaque=NONE,
        infected=NONE,
        covid_detected=False,
        covid_probability=0.01,
        infected_fraction=0.0,
        infected_fraction_right=0.0,
        infected_fraction_left=0.0,
        opacity_fraction=0.0,
        opacity_fraction_right=0.0,
        opacity_fraction_left=0.0,
        zones=clear,
        severity=Severity("none", 0.0, (0.0, 1.0)),
    )
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


def test_lungs_and_zones_have_groups_of_their_own() -> None:
    found = groups(report_of())
    right, left = found["Lung opacity, right lung"], found["Lung opacity, left lung"]
    assert values(right) == {
        "opacity-share": (40.0, "%"),
        "infected-share": (40.0, "%"),
        "extent-lung": (2.0, "{0:4}"),
    }
    assert values(left)["infected-share"] == (10.0, "%")
    assert right.finding_sites[0].laterality.meaning == "Right"
    zones = {name: group for name, group in found.items() if name.startswith("Zone ")}
    assert [name[5] for name in zones] == ["A", "B", "C", "D", "F"]  # E was not measured
    sites = {
        name[5]: (g.finding_sites[0].value.value, g.finding_sites[0].laterality.meaning)
        for name, g in zones.items()
    }
    assert sites["A"] == ("281392002", "Right") and sites["F"] == ("281394001", "Left")
    last = zones["Zone F, lower zone of left lung"]
    assert values(last) == {"infected-zone": (100.0, "%")}
    assert last.finding_type.value == "112001"
    assert zones["Zone A, upper zone of right lung"].finding_type is None


def test_every_figure_names_the_map_it_is_read_from() -> None:
    found = groups(report_of())
    assert methods(found["Lung opacity"]) == {
        "opacity-share": "opacity-map",
        "extent-score": "opacity-map-mean",
        "extent-low": "opacity-map-mean",
        "extent-high": "opacity-map-mean",
    }
    assert methods(found["COVID-19 infected region"])["infected-share"] == "infection-map"
    assert all(m for group in found.values() for m in methods(group).values())


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


def test_regions_refer_to_their_segments_and_share_their_tracking() -> None:
    seg = infection_seg(film(), PREDICTION)
    report = report_of(segmentation=seg)
    regions = report.content.get_planar_roi_measurement_groups()
    assert [g.tracking_identifier for g in regions] == ["Lung opacity", "COVID-19 infected region"]
    frames = [int(g.referenced_segmentation_frame.referenced_frame_numbers[0]) for g in regions]
    assert frames == [3, 2]
    tracked = {s.TrackingID: s.TrackingUID for s in seg.SegmentSequence}
    assert all(tracked[g.tracking_identifier] == g.tracking_uid for g in regions)
    assert seg.SOPInstanceUID in report.CurrentRequestedProcedureEvidenceSequence[0].to_json()


def test_an_empty_region_is_not_referred_to() -> None:
    seg = infection_seg(film(), replace(PREDICTION, infected=NONE))
    report = report_of(segmentation=seg, infected=NONE, covid_detected=False)
    (region,) = report.content.get_planar_roi_measurement_groups()
    assert region.tracking_identifier == "Lung opacity"


def test_same_content_of_the_same_film_has_the_same_uids() -> None:
    first, again, other = report_of(), report_of(), report_of(covid_probability=0.9)
    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert first.SeriesInstanceUID == again.SeriesInstanceUID != first.SOPInstanceUID
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID != other.SeriesInstanceUID
    tracked = [g.tracking_uid for g in groups(first).values()]
    assert tracked == [g.tracking_uid for g in groups(again).values()]
    assert len(set(tracked)) == 9


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


def test_what_was_not_measured_is_left_out() -> None:
    report = report_of(
        infected_fraction_left=math.nan,
        opacity_fraction_left=math.nan,
        severity=Severity("moderate", 3.0, (2.0, 4.5), extent_right=2.0, extent_left=math.nan),
    )
    assert "Lung opacity, left lung" not in groups(report)
    assert "left lung not measured" in comments(report)[0]


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0.0 %"), (0.0004, "below 0.1 %"), (0.9996, "above 99.9 %"), (1.0, "100.0 %")],
)
def test_a_little_is_not_shown_as_nothing(share: float, said: str) -> None:
    assert (
        f"{said} of the lung area (infection map)"
        in comments(report_of(infected_fraction=share))[0]
    )


def test_real_films(data: Path) -> None:
    for path in sorted((data / "dicom").glob("*.dcm")):
        source = pydicom.dcmread(path, stop_before_pixels=True)
        assert len(groups(read_back(severity_report(source, PREDICTION)))) == 9
