"""Tests of `infmap.workflows.resume`."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from infmap.report import PLANES
from infmap.workflows.resume import Film, InputNotes, Plan, plan, put_in_order, state_of

LONG_AGO = 1_000_000_000


def written(path: Path, text: str = "film", changed: float = LONG_AGO) -> str:
    """A file that was changed long ago."""
    path.write_text(text)
    os.utime(path, (changed, changed))
    return str(path)


def done(out: Path, film_id: str, path: str, status: str = "ok", **more: object) -> None:
    """A film that an earlier run has read, with its planes."""
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    line = {"id": film_id, "path": path, "sha256": sha256, "status": status, "width": 1}
    with (out / "results.jsonl").open("a") as file:
        file.write(json.dumps(line | more) + "\n")
    if status == "ok":
        for folder in PLANES:
            (out / folder).mkdir(exist_ok=True)
            (out / folder / f"{film_id}.png").write_bytes(b"plane")


def look(out: Path, paths: list[str], **options: object) -> Plan:
    return plan(out, paths, pictures=lambda number, film_id: True, **options)  # type: ignore[arg-type]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_films_without_results_are_read(tmp_path: Path, out: Path) -> None:
    paths = [written(tmp_path / "a.png"), written(tmp_path / "b.png")]
    found = look(out, paths)
    assert found.todo == [Film(0, "a", paths[0]), Film(1, "b", paths[1])]
    assert found.kept == 0


def test_what_is_the_same_stays_and_what_changed_or_failed_is_read(
    tmp_path: Path, out: Path
) -> None:
    paths = [written(tmp_path / f"{name}.png", name) for name in "abc"]
    done(out, "a", paths[0])
    done(out, "b", paths[1])
    done(out, "c", paths[2], status="failed")
    written(tmp_path / "b.png", "another film")
    found = look(out, paths)
    assert [film.id for film in found.todo] == ["b", "c"]
    assert found.ids == ["a", "b", "c"]


def test_a_film_that_moved_keeps_its_result_and_one_that_went_is_dropped(
    tmp_path: Path, out: Path
) -> None:
    old, gone = written(tmp_path / "old.png", "one"), written(tmp_path / "gone.png", "two")
    done(out, "old", old)
    done(out, "gone", gone)
    Path(old).rename(tmp_path / "new.png")
    found = look(out, [str(tmp_path / "new.png")])
    assert (found.ids, found.todo, found.dropped) == (["old"], [], ["gone"])


def test_a_film_whose_plane_or_object_is_missing_is_read(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "a.png")
    done(out, "a", path)
    assert look(out, [path]).todo == []
    assert [film.id for film in look(out, [path], objects=("seg",)).todo] == ["a"]
    (out / "masks" / "a.png").unlink()
    assert [film.id for film in look(out, [path]).todo] == ["a"]


def test_the_last_line_of_a_film_holds(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "a.png")
    done(out, "a", path, status="failed")
    done(out, "a", path)
    assert look(out, [path]).todo == []


def test_the_state_of_a_file_that_changed_just_now_is_not_trusted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", "film")
    assert state_of(path) == (4, LONG_AGO * 10**9)
    Path(path).touch()
    assert state_of(path) is None
    assert state_of(str(tmp_path / "gone.png")) is None


def test_lines_are_put_in_the_order_of_the_inputs(tmp_path: Path, out: Path) -> None:
    paths = [written(tmp_path / f"{name}.png", name) for name in "ab"]
    done(out, "b", paths[1], status="failed")
    done(out, "a", paths[0])
    done(out, "b", paths[1])
    with closing(InputNotes(out)) as notes:
        for number, (name, path) in enumerate(zip("ab", paths, strict=True)):
            notes.look(Film(number, name, path))
        for name in "ba":
            notes.write(name)
    put_in_order(out, ["a", "b"], [paths[0], "elsewhere/b.png"])
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [(line["id"], line["status"]) for line in lines] == [("a", "ok"), ("b", "ok")]
    assert lines[1]["path"] == "elsewhere/b.png"
    states = [json.loads(line)["id"] for line in (out / "inputs.jsonl").read_text().splitlines()]
    assert states == ["a", "b"]
