"""Tests of `infmap.dicom.sr_groups`."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

from infmap.core.types import Severity
from infmap.dicom import infection_seg

sys.path.insert(0, str(Path(__file__).parent))
from reports import NONE, PREDICTION, comments, film, groups, methods, report_of, values  # noqa: E402


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


def test_what_was_not_measured_is_left_out() -> None:
    report = report_of(
        infected_fraction_left=math.nan,
        opacity_fraction_left=math.nan,
        severity=Severity("moderate", 3.0, (2.0, 4.5), extent_right=2.0, extent_left=math.nan),
    )
    assert "Lung opacity, left lung" not in groups(report)
    assert "left lung not measured" in comments(report)[0]
