"""A prediction made up for the report, and the report read back."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from infmap.core.types import Prediction, Radiograph, Severity
from infmap.dicom import severity_report, write_dx

hd = pytest.importorskip("highdicom")


SHAPE = (40, 60)
ZERO = np.zeros(SHAPE, np.float32)
NONE = ZERO.astype(bool)
LUNGS, OPAQUE, INFECTED = NONE.copy(), NONE.copy(), NONE.copy()
LUNGS[5:35, 5:25] = LUNGS[5:35, 35:55] = True
OPAQUE[20:35] = LUNGS[20:35]
INFECTED[30:35] = LUNGS[30:35]
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
CLEAR = replace(
    PREDICTION,
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
    zones=dict.fromkeys("ABCDEF", 0.0),
    severity=Severity("none", 0.0, (0.0, 1.0)),
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
