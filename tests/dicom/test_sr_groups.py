"""Tests of `infmap.dicom.sr_groups`."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from infmap.core.types import Severity
from infmap.dicom import infection_seg, severity_report

sys.path.insert(0, str(Path(__file__).parent))
from reports import (  # noqa: E402
    NONE,
    OPAQUE,
    PREDICTION,
    comments,
    film,
    groups,
    methods,
    read_back,
    report_of,
    values,
)


def near(found: np.ndarray, expected: list[int]) -> None:
    # Lines are simplified to half a pixel.
    np.testing.assert_allclose(found, expected, atol=0.5)


def span(contour: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom."""
    return np.concatenate([contour.min(axis=0), contour.max(axis=0)])


def test_lungs_and_zones_have_groups_of_their_own() -> None:
    found = groups(report_of())
    right, left = found["Right lung"], found["Left lung"]
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
    assert methods(found["COVID-19: detected"])["infected-share"] == "infection-map"
    assert all(m for group in found.values() for m in methods(group).values())


def test_each_group_has_one_contour_of_its_region() -> None:
    found = report_of(infected=OPAQUE)
    regions = {
        g.tracking_identifier: g.roi.value
        for g in found.content.get_planar_roi_measurement_groups()
    }
    assert set(regions) == set(groups(found))
    for contour in regions.values():
        np.testing.assert_array_equal(contour[0], contour[-1])
    near(span(regions["Right lung"]), [5, 5, 25, 35])
    near(span(regions["Left lung"]), [35, 5, 55, 35])
    infected = regions["COVID-19 infected region, left lung"]
    near(span(infected), [35, 20, 55, 35])
    zone = regions["Zone F, lower zone of left lung"]
    near(span(zone), [35, 25, 55, 35])
    # The film as a whole was judged: the box around both lungs.
    near(span(regions["COVID-19: detected"]), [5, 5, 55, 35])


def test_contours_lie_in_the_stored_grid() -> None:
    source = film()
    source.PatientOrientation = ["R", "H"]
    report = read_back(severity_report(source, PREDICTION))
    right = groups(report)["Right lung"].roi.value
    near(span(right), [60 - 25, 40 - 35, 60 - 5, 40 - 5])


def test_groups_refer_to_their_segments_and_share_their_tracking() -> None:
    seg = infection_seg(film(), PREDICTION)
    report = read_back(severity_report(film(), PREDICTION, segmentation=seg))
    illustrated = {
        g.tracking_identifier: int(item.ReferencedSOPSequence[0].ReferencedSegmentNumber)
        for g in report.content.get_planar_roi_measurement_groups()
        for item in g[0].ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Illustration of ROI"
    }
    numbers = {s.SegmentLabel: int(s.SegmentNumber) for s in seg.SegmentSequence}
    assert illustrated == numbers
    tracked = {s.TrackingID: s.TrackingUID for s in seg.SegmentSequence}
    found = groups(report)
    assert all(found[label].tracking_uid == uid for label, uid in tracked.items())
    assert seg.SOPInstanceUID in report.CurrentRequestedProcedureEvidenceSequence[0].to_json()


def test_an_empty_region_is_not_referred_to_and_nothing_is_infected_then() -> None:
    changes = {"infected": NONE, "covid_detected": False}
    seg = infection_seg(film(), replace(PREDICTION, **changes))
    found = groups(report_of(segmentation=seg, **changes))
    assert not any("infected region" in label for label in found)
    assert "COVID-19: not detected" in found


def test_without_lungs_there_is_no_contour() -> None:
    report = report_of(lungs=NONE, opaque=NONE, infected=NONE, covid_detected=False)
    assert not report.content.get_planar_roi_measurement_groups()
    assert "COVID-19: not detected" in groups(report)


def test_radlex_names_the_same_concept() -> None:
    group = groups(report_of())["Lung opacity"]
    (equivalent,) = group.finding_type.EquivalentCodeSequence
    assert (equivalent.CodeValue, equivalent.CodingSchemeDesignator) == ("RID28530", "RADLEX")


def test_what_was_not_measured_is_left_out() -> None:
    report = report_of(
        infected_fraction_left=math.nan,
        opacity_fraction_left=math.nan,
        severity=Severity("moderate", 3.0, (2.0, 4.5), extent_right=2.0, extent_left=math.nan),
    )
    assert "Left lung" not in groups(report)
    assert "left lung not measured" in comments(report)[0]
