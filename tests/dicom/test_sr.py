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

from infmap.core.types import Prediction, Radiograph, Severity
from infmap.dicom import infection_seg, severity_report, write_dx

hd = pytest.importorskip("highdicom")

SHAPE = (40, 60)
ZERO = np.zeros(SHAPE, np.float32)
MASK = ZERO.astype(bool)
PREDICTION = Prediction(
    infection=ZERO,
    opacity=ZERO,
    lungs=MASK,
    infected=MASK,
    opaque=MASK,
    covid_probability=0.875,
    covid_detected=True,
    infected_fraction=0.25,
    infected_fraction_right=0.4,
    infected_fraction_left=0.1,
    opacity_fraction=0.3,
    opacity_fraction_right=0.4,
    opacity_fraction_left=0.2,
    zones={},
    severity=Severity("moderate", 3.0, (2.0, 4.5), extent_right=2.0, extent_left=1.0),
    quality={},
    warnings=("a warning",),
    model="m@1",
    radiograph=Radiograph(ZERO),
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


def figures(group: Any) -> dict[str, tuple[float, str]]:
    return {m.name.meaning: (float(m.value), m.unit.value) for m in group.get_measurements()}


def groups(report: Any) -> dict[str, Any]:
    found = [
        *report.content.get_planar_roi_measurement_groups(),
        *report.content.get_image_measurement_groups(),
    ]
    return {group.tracking_identifier.rsplit(", ")[-1]: group for group in found}


def test_figures_of_both_lungs_and_of_each() -> None:
    report = read_back(severity_report(film(), PREDICTION))
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    found = groups(report)
    assert list(found) == ["both lungs", "right lung", "left lung"]
    share, extent = "Infected share of lung area", "Geographic extent score"
    assert figures(found["both lungs"]) == {
        share: (25.0, "%"),
        extent: (3.0, "{0:8}"),
        "Probability of COVID-19": (87.5, "%"),
    }
    assert figures(found["right lung"]) == {share: (40.0, "%"), extent: (2.0, "{0:4}")}
    assert figures(found["left lung"]) == {share: (10.0, "%"), extent: (1.0, "{0:4}")}
    sides = [g.finding_sites[0].laterality.meaning for g in found.values()]
    assert sides[1:] == ["Right", "Left"]
    assert {g.finding_type.value for g in found.values()} == {"840539006"}


def test_source_is_evidence_and_source_of_the_measurements() -> None:
    source = film()
    report = read_back(severity_report(source, PREDICTION))
    for group in groups(report).values():
        (image,) = group.source_images
        assert image.referenced_sop_instance_uid == source.SOPInstanceUID
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (report.PatientID, report.StudyInstanceUID) == ("p7", source.StudyInstanceUID)
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.PreliminaryFlag == "PRELIMINARY"


def test_segmentation_is_referred_to() -> None:
    source = film()
    seg = infection_seg(source, PREDICTION)
    report = read_back(severity_report(source, PREDICTION, segmentation=seg))
    text = report.to_json()
    assert text.count(seg.SOPInstanceUID) == 2  # the evidence and the region
    assert [len(groups) for groups in _kinds(report)] == [1, 2]


def _kinds(report: Any) -> tuple[Any, Any]:
    content = report.content
    return content.get_planar_roi_measurement_groups(), content.get_image_measurement_groups()


def test_report_says_it_is_for_research_and_gives_the_grade() -> None:
    report = read_back(severity_report(film(), PREDICTION))
    (comment,) = [
        i
        for i in report.ContentSequence
        if i.ValueType == "TEXT" and i.ConceptNameCodeSequence[0].CodeMeaning == "Comment"
    ]
    assert "Research use only" in comment.TextValue and "moderate" in comment.TextValue
    assert "a warning" not in report.to_json()


def test_what_was_not_measured_is_left_out() -> None:
    unknown = replace(PREDICTION, infected_fraction_left=math.nan, infected_fraction_right=math.nan)
    assert list(groups(read_back(severity_report(film(), unknown)))) == ["both lungs"]


def test_real_films(data: Path) -> None:
    for path in sorted((data / "dicom").glob("*.dcm")):
        source = pydicom.dcmread(path, stop_before_pixels=True)
        assert len(groups(read_back(severity_report(source, PREDICTION)))) == 3
