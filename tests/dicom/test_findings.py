"""Tests of `infmap.dicom.findings`; what a report makes of them is tested with the report."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reports import CLEAR, PREDICTION  # noqa: E402

from infmap.dicom.findings import findings  # noqa: E402


def test_groups_come_in_the_order_of_a_report() -> None:
    labels = [group.label for group in findings(PREDICTION)]
    assert labels[:4] == [
        "Lung opacity",
        "COVID-19: detected",
        "COVID-19 infected region, right lung",
        "COVID-19 infected region, left lung",
    ]
    assert labels[4:6] == ["Right lung", "Left lung"]
    assert [label[5] for label in labels[6:]] == ["A", "B", "C", "D", "F"]  # E was not measured


def test_figures_are_finite_and_rounded_to_a_thousandth() -> None:
    changes = {"opacity_fraction": 1 / 3, "opacity_fraction_left": math.nan}
    found = {g.label: g for g in findings(replace(PREDICTION, **changes))}
    assert found["Lung opacity"].figures[0].value == 33.333
    assert [f.name[0] for f in found["Left lung"].figures] == ["infected-share"]


def test_where_nothing_is_found_nothing_is_a_finding() -> None:
    assert not any(group.opaque for group in findings(CLEAR))
