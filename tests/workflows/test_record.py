"""Tests of `infmap.workflows.record`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infmap.api import load, model_folder
from infmap.core.errors import UsageError
from infmap.inference import read_manifest
from infmap.workflows.record import RECORD, Settings, check_same, now, read_settings, write_record

OURS = Settings("net@1", "ab" * 32, 0.35, "openvino", "cpu", "0.1.0")


def test_settings_come_back_from_the_record(tmp_path: Path) -> None:
    write_record(tmp_path, OURS, started=now(), more={"films": {"ok": 2}})
    assert read_settings(tmp_path) == OURS
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["films"] == {"ok": 2}
    assert record["finished"] is None
    assert record["started"].endswith("Z")


def test_a_run_that_ended_says_when(tmp_path: Path) -> None:
    write_record(tmp_path, OURS, started=now(), finished=now())
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["finished"] >= record["started"]


def test_results_of_the_same_settings_may_go_on(tmp_path: Path) -> None:
    write_record(tmp_path, OURS, started=now())
    check_same(tmp_path, OURS)


def test_other_settings_are_refused_and_both_are_named(tmp_path: Path) -> None:
    write_record(tmp_path, OURS, started=now())
    with pytest.raises(UsageError) as caught:
        check_same(tmp_path, replace(OURS, threshold=0.5, model_sha256="cd" * 32))
    said = str(caught.value)
    assert "threshold 0.35" in said and "threshold 0.5" in said
    assert "abababababab" in said and "ab" * 32 not in said
    assert "runtime" not in said


def test_a_threshold_that_is_named_is_another_setting_than_an_equal_one_of_the_model() -> None:
    own = Settings.of(load())
    point = read_manifest(model_folder()).thresholds.infection
    named = Settings.of(load(threshold=point))
    assert own.threshold == named.threshold
    assert [name for name, *_ in own.differences(named)] == ["film_threshold"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": {"model": "net@1"}}'])
def test_a_damaged_record_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(UsageError, match="does not tell their settings"):
        read_settings(tmp_path)


def test_no_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out --resume"):
        read_settings(tmp_path)
