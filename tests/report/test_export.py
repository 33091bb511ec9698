"""Planes, ids, ``results.jsonl`` and ``results.csv``."""

from __future__ import annotations

import csv
import errno
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infmap.core.errors import RejectedFilm, UsageError
from infmap.report import (
    FilmRow,
    ResultsWriter,
    read_results,
    write_report,
)
from infmap.report.export import CSV_COLUMNS, KEYS


def test_a_path_that_is_a_formula_does_not_run_in_the_table(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as writer:
        writer.write(FilmRow.failed("a", "=cmd.png", "@ could not be read"))
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as f:
        (row,) = csv.DictReader(f)
    assert (row["path"], row["reason"]) == ("'=cmd.png", "'@ could not be read")
    assert read_results(tmp_path)[0]["path"] == "=cmd.png"


def test_every_line_has_every_key_in_order(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    with ResultsWriter(tmp_path) as writer:
        for row in one_of_each:
            writer.write(row)
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    parsed = [json.loads(line) for line in lines]
    assert [tuple(row) for row in parsed] == [KEYS] * 3
    assert [row["status"] for row in parsed] == ["ok", "rejected", "failed"]
    assert parsed[0]["zones"] == dict.fromkeys("ABCDEF", 0.25)
    severity = parsed[0]["severity"]
    assert (severity["grade"], severity["extent_score"]) == ("mild", 1.5)
    assert severity["interval"] == [0.5, 2.5]
    assert parsed[0]["quality"] == {"contrast": 0.5, "blur": None}
    assert (parsed[1]["width"], parsed[1]["covid_detected"]) == (5, None)
    assert [k for k in KEYS if parsed[2][k] is not None] == ["id", "path", "status", "reason"]


def test_a_line_is_on_disk_when_write_returns(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    writer = ResultsWriter(tmp_path)
    writer.write(one_of_each[0])
    assert [row["id"] for row in read_results(tmp_path)] == ["a"]
    writer.close()


def test_csv_says_the_same_as_jsonl(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    areas = dict(zip("ABCDEF", (0.1, 0.2, 0.2, 0.1, 0.25, 0.15), strict=True))
    severity = {**one_of_each[0].fields["severity"], "grades": ["none", "mild"]}
    calibrated = {"probability": "the films of X"}
    known = {"zone_areas": areas, "calibrated_on": calibrated, "severity": severity}
    known["operating"] = {"rule_out": False, "rule_in": True}
    judged = replace(one_of_each[0], fields={**one_of_each[0].fields, **known})
    with ResultsWriter(tmp_path) as writer:
        for row in (judged, *one_of_each[1:]):
            writer.write(row)
    rows = read_results(tmp_path)
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as f:
        flat = list(csv.DictReader(f))
    assert tuple(flat[0]) == CSV_COLUMNS
    assert [r["id"] for r in flat] == [r["id"] for r in rows]
    first = flat[0]
    assert float(first["covid_probability"]) == rows[0]["covid_probability"]
    assert first["covid_detected"] == "true"
    assert float(first["zones_C"]) == rows[0]["zones"]["C"]
    assert [first["severity_grade"], first["severity_low"], first["severity_high"]] == [
        "mild",
        "0.5",
        "2.5",
    ]
    assert json.loads(first["quality_json"]) == rows[0]["quality"]
    assert json.loads(first["calibrated_on_json"]) == calibrated
    assert {z: float(first[f"zone_areas_{z}"]) for z in areas} == areas
    assert first["severity_grades"] == "none; mild"
    left_out = set(KEYS) - {name.removesuffix("_json") for name in CSV_COLUMNS}
    assert (first["operating_rule_out"], first["operating_rule_in"]) == ("false", "true")
    assert left_out == {"zones", "zone_areas", "severity", "operating"}, (
        "they have columns of their parts"
    )
    assert first["warnings"] == "first warning; second, with comma"
    assert (flat[2]["status"], flat[2]["zones_A"], flat[2]["reason"]) == (
        "failed",
        "",
        "could not be read",
    )


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    path = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    with ResultsWriter(tmp_path) as writer:
        writer.write(FilmRow.failed("a", path, "could not be read"))
    assert read_results(tmp_path)[0]["path"] == path
    assert b"caf\xe9.png" in (tmp_path / "results.csv").read_bytes()
    write_report(tmp_path, read_results(tmp_path), {}, model_card="m")
    assert "caf\\udce9.png" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("cut", [1, 20])
def test_resume_drops_a_truncated_last_line_and_goes_on(
    tmp_path: Path, cut: int, one_of_each: list[FilmRow]
) -> None:
    with ResultsWriter(tmp_path) as writer:
        for row in one_of_each:
            writer.write(row)
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [row["id"] for row in read_results(tmp_path)] == ["a", "b"]
    with ResultsWriter(tmp_path, resume=True) as writer:
        writer.write(FilmRow.failed("d", "d.png", "could not be read"))
    assert [row["id"] for row in read_results(tmp_path)] == ["a", "b", "d"]
    assert len(path.read_bytes().splitlines()) == 3
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 4


def test_without_resume_a_run_starts_anew(tmp_path: Path, one_of_each: list[FilmRow]) -> None:
    for _ in range(2):
        with ResultsWriter(tmp_path) as writer:
            writer.write(one_of_each[2])
    assert len(read_results(tmp_path)) == 1


def test_damage_before_the_last_line_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"id": "a", "st\n{"id": "b", "status": "ok"}\n')
    with pytest.raises(UsageError, match="damaged at line 1"):
        read_results(tmp_path)


def test_no_results_yet_is_an_empty_list(tmp_path: Path) -> None:
    assert read_results(tmp_path) == []


def test_a_full_disk_is_one_line_and_keeps_whole_lines(
    tmp_path: Path, one_of_each: list[FilmRow]
) -> None:
    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if len(data) > 30:
                return super().write(bytes(data[:30]))
            raise OSError(errno.ENOSPC, "No space left on device")

    writer = ResultsWriter(tmp_path)
    writer.write(one_of_each[2])
    real, writer._file = writer._file, Full(tmp_path / "results.jsonl", "r+")
    real.close()
    writer._file.seek(0, io.SEEK_END)
    with pytest.raises(UsageError, match="disk is full.*--resume"), writer:
        writer.write(one_of_each[0])
    assert (tmp_path / "results.jsonl").read_bytes().endswith(b"}\n")
    assert [row["id"] for row in read_results(tmp_path)] == ["c"]


def test_a_row_needs_a_reason_unless_ok() -> None:
    with pytest.raises(ValueError, match="reason"):
        FilmRow("a", "a.png", "failed")
    with pytest.raises(ValueError, match="expected fields"):
        FilmRow.rejected("a", "a.png", "lateral", extra=1)


def test_a_rejected_film_has_all_that_is_known_of_it(one_of_each: list[FilmRow]) -> None:
    error = RejectedFilm("a lateral view", "b.png", quality={"area": 0.5}, warnings=("dark",))
    line = FilmRow.of_rejection("b", "b.png", error, "lite0@1").to_dict()
    assert line["status"] == "rejected" and line["reason"] == "a lateral view"
    assert (line["quality"], line["warnings"], line["model"]) == (
        {"area": 0.5},
        ["dark"],
        "lite0@1",
    )
    assert line["height"] is None  # it was not read
