"""The server's folder."""

from __future__ import annotations

from pathlib import Path

from infmap.serve.store import Store, sweep, sync


def test_everything_of_a_server_lies_in_its_folder(store: Store) -> None:
    places = (store.uploads, store.results, store.owners)
    assert {place.parent for place in places} == {store.folder} and len(set(places)) == 3


def test_a_folder_is_brought_to_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    sync(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(b"whole")
    (tmp_path / ".abc.part").write_bytes(b"half")
    (tmp_path / ".def.part").mkdir()
    (tmp_path / ".def.part" / "0").write_bytes(b"half")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
