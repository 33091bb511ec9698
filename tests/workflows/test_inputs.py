"""Which files a run reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infmap.core.errors import UsageError
from infmap.workflows.inputs import find_films, listed_films, look_for_films, snapshot_films


def film(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path, format="PNG")
    return path


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_linked_folders_are_followed_and_loops_cut(tmp_path: Path) -> None:
    film(tmp_path / "real" / "b.png")
    film(tmp_path / "links" / "a.png")
    (tmp_path / "links" / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "links")
    found = look_for_films([str(tmp_path / "links")])
    assert names(found.paths) == ["a.png", "b.png"]
    assert found.repeated == 1


def test_one_file_under_several_names_counts_once(tmp_path: Path) -> None:
    path = film(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(path)
    given = [str(path), str(tmp_path), str(tmp_path / "." / "a.png"), str(tmp_path / "*.png")]
    found = look_for_films(given)
    assert names(found.paths) == ["a.png"]
    assert found.repeated >= 3
    assert any("repeated" in note for note in found.notes())


def test_what_lies_beside_films_is_skipped_and_counted(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    for name in ("Thumbs.db", "desktop.ini", "DICOMDIR", "labels.csv", "notes.TXT", ".DS_Store"):
        (tmp_path / name).write_bytes(b"no film")
    film(tmp_path / "film.txt")  # a film under a wrong name is a film
    found = look_for_films([str(tmp_path)])
    assert names(found.paths) == ["a.png", "film.txt"]
    assert found.skipped == 6
    assert any("6 other files skipped" in note for note in found.notes())


def test_documents_and_programs_beside_films_are_skipped(tmp_path: Path) -> None:
    film(tmp_path / "IM000001")  # as on a disc: films without an ending
    for name, content in (
        ("README", b"text"),
        ("AUTORUN.INF", b"[autorun]"),
        ("viewer.exe", b"MZ\x90\0"),
        ("convert.py", b"print()"),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "damaged").write_bytes(bytes(200))  # may have been a film
    found = look_for_films([str(tmp_path)])
    assert names(found.paths) == ["IM000001", "damaged"]
    assert found.skipped == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("notes.txt", "pipe"):
        os.mkfifo(tmp_path / name)
    assert names(find_films([str(tmp_path)])) == ["notes.txt", "pipe"]


def test_what_is_named_itself_is_never_skipped(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("a,b\n")
    assert find_films([str(table)]) == [str(table)]


@pytest.mark.parametrize("named", [True, False])
def test_results_inside_an_input_are_not_read(tmp_path: Path, *, named: bool) -> None:
    film(tmp_path / "films" / "a.png")
    out = tmp_path / "films" / "results"
    for folder in ("maps", "masks", "thumbnails"):
        film(out / folder / "a.png")
    (out / "results.jsonl").touch()
    (out / "run.json").touch()
    found = look_for_films([str(tmp_path / "films")], out if named else None)
    assert names(found.paths) == ["a.png"]
    assert found.results == 1


def test_results_beside_the_films_leave_the_films(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "maps" / "a.png")
    (tmp_path / "results.jsonl").touch()
    (tmp_path / "run.json").touch()
    assert find_films([str(tmp_path)]) == [str(tmp_path / "a.png")]


def test_nothing_found_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("a\n")
    with pytest.raises(UsageError, match="1 other file skipped"):
        find_films([str(tmp_path)])


def test_inputs_are_folders_globs_and_paths_in_order(tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", ".hidden.png", "b/.x/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_films([str(tmp_path / "b"), str(tmp_path / "*.png"), "missing.dcm"])
    names = [Path(p).name for p in found]
    assert names == ["1.png", "2.png", "a.png", "missing.dcm"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no film"):
        find_films([str(tmp_path / "empty")])


def test_a_list_names_films_one_path_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    listed = tmp_path / "films.txt"
    listed.write_text(f"{tmp_path / 'a.png'}\n\n{tmp_path / 'gone.png'}\n{tmp_path / 'a.png'}\n")
    found = listed_films(listed)
    assert found.paths == [str(tmp_path / "a.png"), str(tmp_path / "gone.png")]
    assert found.repeated == 1
    listed.write_text("\n")
    with pytest.raises(UsageError, match="expected films, got none"):
        listed_films(listed)
    with pytest.raises(UsageError, match="name a text file"):
        listed_films(tmp_path / "none.txt")


def test_a_snapshot_s_films_are_named_by_their_files(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars", reason="polars is not installed: 'infmap[catalog]'")
    sys.path.insert(0, str(Path(__file__).parents[1] / "catalog"))
    from small_catalog import catalog, row

    from infmap.catalog.snapshot import read_snapshot, write_snapshot

    made = catalog(tmp_path / "c", [row("a/0"), row("a/1")])
    write_snapshot(made, tmp_path / "s")
    found = snapshot_films(tmp_path / "s")
    frame, roots = read_snapshot(tmp_path / "s")
    assert isinstance(frame, pl.DataFrame) and len(found.paths) == len(frame) == 2
    assert {Path(p).name for p in found.paths} == {Path(p).name for p in frame["path"]}
    assert all(path.startswith(tuple(roots.values())) for path in found.paths)
