"""Planes, ids, ``results.jsonl`` and ``results.csv``."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.core.types import Prediction
from infmap.report import (
    FilmIds,
    FilmRow,
    ResultsWriter,
    film_ids,
    read_results,
    write_planes,
    write_report,
)
from infmap.report.export import CSV_COLUMNS, KEYS

Predict = Callable[..., Prediction]


def test_planes_are_eight_bit_on_the_film_grid(tmp_path: Path, predict: Predict) -> None:
    p = predict()
    written = write_planes(p, "a", tmp_path)
    assert written["maps"] == tmp_path / "maps" / "a.png"
    planes = {k: Image.open(path) for k, path in written.items()}
    assert {(i.mode, i.size) for i in planes.values()} == {("L", (128, 96))}
    assert np.array_equal(np.asarray(planes["maps"]), np.where(p.infected, 204, 0))
    assert np.array_equal(np.asarray(planes["masks"]), np.where(p.infected, 255, 0))
    assert np.array_equal(np.asarray(planes["lungs"]), np.where(p.lungs, 255, 0))
    assert written["opacity"] == tmp_path / "opacity" / "a.png"
    assert np.array_equal(np.asarray(planes["opacity"]), np.where(p.opaque, 255, 0))


def test_a_plane_that_fails_leaves_the_old_file_and_no_leavings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predict: Predict
) -> None:
    write_planes(predict(), "a", tmp_path)
    before = (tmp_path / "maps" / "a.png").read_bytes()

    def full(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(UsageError, match="disk is full") as caught:
        write_planes(predict(infection=np.zeros((96, 128), np.float32)), "a", tmp_path)
    assert "\n" not in str(caught.value)
    assert [f.name for f in (tmp_path / "maps").iterdir()] == ["a.png"]
    assert (tmp_path / "maps" / "a.png").read_bytes() == before


@pytest.mark.parametrize("film_id", ["", "../a", "a/b", "a\\b", ".hidden", "a\0b"])
def test_an_id_that_would_leave_its_folder_is_refused(
    tmp_path: Path, film_id: str, predict: Predict
) -> None:
    with pytest.raises(ValueError, match="id fit for a file name"):
        write_planes(predict(), film_id, tmp_path)


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(UsageError, match="cannot write .*choose another output folder"):
        ResultsWriter(tmp_path / "out")


def test_ids_are_readable_unique_and_repeatable() -> None:
    paths = [
        "x/chest.png",
        "y/chest.png",
        "z/CHEST.jpg",
        "chest-2.png",
        "a b<c>.dcm",
        "..",
        "é.png",
    ]
    ids = list(film_ids(paths))
    assert ids[:4] == ["chest", "chest-2", "CHEST-3", "chest-2-2"]
    assert ids[4:] == ["a_b_c", "film", "e"]
    assert len({i.casefold() for i in ids}) == len(paths)
    assert list(film_ids(paths)) == ids


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Müller_Straße.png", "Muller_Strasse"),
        ("Грудь.dcm", "Grud"),
        ("CON.png", "film-CON"),
        ("nul.tar.png", "film-nul.tar"),
        ("com1", "film-com1"),
        ("com10.png", "com10"),
        ("console.png", "console"),
        ("a. .png", "a"),
        ("x" * 300 + ".png", "x" * 80),
        ("y" * 79 + "..z.png", "y" * 79),
    ],
)
def test_an_id_is_readable_and_fit_for_any_system(name: str, expected: str) -> None:
    assert list(film_ids([name])) == [expected]


@pytest.mark.parametrize("name", ["胸部レントゲン", "흉부", "صدر", "หน้าอก", "छाती", "πνεύμονας"])
def test_no_script_is_lost(name: str) -> None:
    (film_id,) = film_ids([f"{name}.png"])
    assert film_id.isascii() and "film" not in film_id and len(film_id) >= 3


def test_many_films_of_one_name_get_ids_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    class Counting(set[str]):
        def __contains__(self, name: object) -> bool:
            nonlocal asked
            asked += 1
            return super().__contains__(name)

    ids = FilmIds(["image-7"])
    ids._taken = Counting(ids._taken)
    given = [ids.new(f"{number}/image.dcm") for number in range(1000)]
    assert given[:3] == ["image", "image-2", "image-3"] and given[6] == "image-8"
    assert len(set(given)) == 1000 and asked < 5000


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


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 7},
        {"id": "../../x"},
        {"status": "fine"},
        {"sha256": [1]},
        {"warnings": 3},
        {"warnings": [3]},
        {"severity": 3},
        {"zones": [0.5]},
        {"quality": {"tilt": "steep"}},
        {"width": "wide"},
        {"covid_probability": math.nan},
        {"infected_fraction": "a"},
    ],
)
def test_a_line_that_someone_edited_is_damage(
    tmp_path: Path, one_of_each: list[FilmRow], changed: dict[str, Any]
) -> None:
    with ResultsWriter(tmp_path) as writer:
        for row in one_of_each:
            writer.write(row)
    path = tmp_path / "results.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps(json.loads(first) | changed) + "\n" + "".join(others))
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
