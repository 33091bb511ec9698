"""Tests of `infmap.audit.report`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from infmap.audit.counts import Table
from infmap.audit.probes import Probe
from infmap.audit.report import AuditReport, write
from infmap.audit.verdict import Finding
from infmap.core.errors import UsageError
from infmap.metrics import Estimate


def report(*probes: Probe) -> AuditReport:
    return AuditReport(
        findings=(Finding("shortcut", "the edge tells the class."), Finding("note", "little.")),
        probes=probes,
        rates=(),
        overlaps=(),
        tables=(Table("source", {"=a": (1, 0, 2, 0, 0)}),),
        films=3,
        read=3,
        lateral=0,
        unmasked=3,
        unread=(),
        seed=0,
    )


def test_the_verdict_is_one_line_a_finding_with_its_grade() -> None:
    assert report().verdict == ["shortcut: the edge tells the class.", "note: little."]


def test_a_figure_that_does_not_exist_is_null(tmp_path: Path) -> None:
    nothing = Estimate(math.nan, math.nan, math.nan, 0)
    made = report(Probe("whole film", "label", "=a", nothing, nothing, math.nan, {"other": 3}))
    record = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert record["probes"][0]["chance_auroc"] is None
    assert record["probes"][0]["auroc"]["value"] is None
    assert record["classes"][0] == "COVID-19"


def test_three_files_are_written_and_none_is_left_half(tmp_path: Path) -> None:
    write(report(), [], tmp_path / "audit")
    names = sorted(path.name for path in (tmp_path / "audit").iterdir())
    assert names == ["audit.csv", "audit.html", "audit.json"]
    assert json.loads((tmp_path / "audit" / "audit.json").read_text())["films"] == 3


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot"):
        write(report(), [], tmp_path / "file" / "audit")
