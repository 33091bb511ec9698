"""The server's folder."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from infmap.serve import uploads
from infmap.serve.store import MARK, Store, sweep, sync


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


def trouble(store: Store, spare: int = 0) -> int | None:
    with pytest.raises(OSError) as raised:
        store.check(spare)
    return raised.value.errno


def test_a_folder_is_checked_before_it_is_used(tmp_path: Path, url: str | None) -> None:
    store = Store.open(tmp_path / "server", url)
    store.check()
    assert trouble(store, shutil.disk_usage(tmp_path).total * 2) == errno.ENOSPC
    for folder in (store.uploads, store.results):
        folder.rename(tmp_path / "away")
        assert trouble(store) == errno.ENOENT
        folder.mkdir()  # what is left where a disk was taken away
        assert trouble(store) == errno.ENOENT
        folder.rmdir()
        (tmp_path / "away").rename(folder)
        store.check()
    store.close()


def test_an_empty_folder_beside_rows_is_not_taken_for_the_servers(
    tmp_path: Path, url: str | None
) -> None:
    store = Store.open(tmp_path / "server", url)
    uploads.put(store, [b"film"])
    store.close()
    store.uploads.rename(tmp_path / "away")
    again = Store.open(tmp_path / "server", url)
    assert trouble(again) == errno.ENOENT
    again.close()
    store.uploads.rmdir()
    (tmp_path / "away").rename(store.uploads)
    # A server of an earlier version has no marks, and has films.
    (store.uploads / MARK).rmdir()
    again = Store.open(tmp_path / "server", url)
    again.check()
    again.close()
