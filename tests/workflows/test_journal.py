"""Tests of `infmap.workflows.journal`; whole runs: tests/workflows/test_predict_on.py."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from infmap.report import FilmRow, ResultsWriter, read_results
from infmap.workflows.journal import (
    SHARDS,
    TOKEN,
    Journal,
    clear_shards,
    recover,
    shard_of,
    write_failures,
    write_shard,
)
from infmap.workflows.record import RECORD
from infmap.workflows.resume import INPUTS, Film, InputNotes


def row(name: str) -> FilmRow:
    return FilmRow.failed(name, f"{name}.png", "damaged")


def shard(out: Path, token: str, *names: str) -> Path:
    path = shard_of(out, token, [Film(0, name, f"{name}.png") for name in names])
    write_shard(path, map(row, names), [(names[0], (1, 2)), (names[-1], None)])
    return path


def test_a_shard_has_the_same_name_for_the_same_films_of_a_run(tmp_path: Path) -> None:
    films = [Film(0, "a", "a.png"), Film(1, "b", "b.png")]
    path = shard_of(tmp_path, "t", films)
    assert path == shard_of(tmp_path, "t", list(films)) and path.name.startswith("t-")
    assert len({path, shard_of(tmp_path, "u", films), shard_of(tmp_path, "t", films[:1])}) == 3


def test_a_shard_is_taken_whole_and_is_gone_then(tmp_path: Path) -> None:
    path = shard(tmp_path, "t", "a", "b")
    with ResultsWriter(tmp_path) as writer, closing(InputNotes(tmp_path)) as notes:
        lines = Journal(writer, notes).take(path)
    assert [line["id"] for line in lines] == ["a", "b"]
    assert [line["id"] for line in read_results(tmp_path)] == ["a", "b"]
    assert [json.loads(n) for n in (tmp_path / INPUTS).read_text().splitlines()] == [
        {"id": "a", "size": 1, "mtime_ns": 2}
    ]
    assert list((tmp_path / SHARDS).iterdir()) == []


def test_shards_of_the_last_run_are_recovered_and_no_others(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as writer:
        writer.write(row("first"))
    (tmp_path / RECORD).write_text(json.dumps({TOKEN: "t"}))
    shard(tmp_path, "t", "a")
    shard(tmp_path, "old", "b")
    (tmp_path / SHARDS / ".t-half.jsonl.1.part").write_text('{"id": "ha')
    assert recover(tmp_path) == 1
    assert [line["id"] for line in read_results(tmp_path)] == ["first", "a"]
    assert not (tmp_path / SHARDS).exists() and recover(tmp_path) == 0
    # A run that had no shards, or whose record is damaged, has none to take over.
    (tmp_path / RECORD).write_text("{")
    shard(tmp_path, "t", "c")
    assert recover(tmp_path) == 0 and len(read_results(tmp_path)) == 2
    clear_shards(tmp_path)


def test_the_ledger_has_what_has_no_figures(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path) as writer:
        writer.write(row("a"))
        writer.write(FilmRow("b", "b.png", "ok"))
        writer.write(FilmRow.rejected("c", "c.png", "no chest"))
    write_failures(tmp_path)
    lines = map(json.loads, (tmp_path / "failures.jsonl").read_text().splitlines())
    assert [(r["id"], r["status"], r["reason"]) for r in lines] == [
        ("a", "failed", "damaged"),
        ("c", "rejected", "no chest"),
    ]
