"""Tests of `infmap.export.manifest`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from infmap.catalog.schema import COLUMNS
from infmap.export.films import ExportFilm, Origin
from infmap.export.manifest import UNSTATED, licence_line, write_licences, write_manifest
from infmap.export.sheet import Entry, LeftOut


def film(name: str, licence: str | None = "CC BY 4.0", split: str = "train") -> ExportFilm:
    row = dict.fromkeys(COLUMNS["films"]) | {
        "film_id": f"cohen/{name}.png",
        "source": "cohen",
        "path": f"{name}.png",
        "licence": licence,
    }
    return ExportFilm(name, split, "covid19", row, Path(f"{name}.png"), {"lungs": Path("m.png")})


def test_what_is_in_and_what_is_not_is_counted(tmp_path: Path) -> None:
    entries = [Entry(film("a"), "a.png"), Entry(film("b", split="val"), "b.png")]
    left_out = [
        (film("c"), LeftOut("no mask")),
        (film("d"), LeftOut("no mask")),
        (film("e"), LeftOut("unreadable", "cut off", failed=True)),
    ]
    made = write_manifest(
        tmp_path, {"format": "coco"}, Origin("catalog", 7), entries, left_out, {"turned": 1}
    )
    assert made == json.loads((tmp_path / "export.json").read_text())
    assert (made["catalog"], made["films"], made["failed"]) == (7, 2, 1)
    assert made["splits"] == {"train": 1, "val": 1}
    assert made["masks"] == {"lungs": 2}
    assert made["left_out"] == [
        {"reason": "no mask", "films": 2},
        {"reason": "unreadable", "films": 1},
    ]
    with (tmp_path / "left_out.csv").open(newline="") as file:
        assert [line["detail"] for line in csv.DictReader(file)] == ["", "", "cut off"]


def test_no_table_of_what_is_left_out_where_nothing_is(tmp_path: Path) -> None:
    write_manifest(tmp_path, {}, Origin("snapshot", "ab"), [Entry(film("a"), "a.png")], [], {})
    assert not (tmp_path / "left_out.csv").exists()
    with (tmp_path / "films.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["lungs_known"], line["infection_known"]) == ("true", "false")


def test_a_name_that_is_a_formula_does_not_run(tmp_path: Path) -> None:
    entry = Entry(film("=1+1"), "a.png")
    write_manifest(tmp_path, {}, Origin("catalog", 1), [entry], [], {})
    assert "'=1+1" in (tmp_path / "films.csv").read_text()


def test_licences_are_named_once_and_unstated_ones_too(tmp_path: Path) -> None:
    films = [film("a"), film("b", None), film("c")]
    assert licence_line(films) == f"CC BY 4.0; {UNSTATED}; see LICENCES.md"
    write_licences(tmp_path, [Entry(one, "x") for one in films])
    text = (tmp_path / "LICENCES.md").read_text()
    assert "| CC BY 4.0 | 2 |" in text
    assert f"| {UNSTATED} | 1 | unknown: ask the publisher" in text
