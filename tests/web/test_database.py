"""A folder with its database, whatever the tables."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from infmap.core.errors import UsageError
from infmap.serve.schema import uploads
from infmap.serve.store import Store
from infmap.web import database
from infmap.web.database import KEY, inserting, is_full, new_id, portions, said, write_key


def test_a_folder_opened_again_has_its_rows_and_its_key(tmp_path: Path, url: str | None) -> None:
    first = Store.open(tmp_path / "s", url)
    with first.begin() as c:
        c.execute(text("INSERT INTO upload (sha256, size, created) VALUES ('a', 1, 2)"))
    first.close()
    second = Store.open(tmp_path / "s", url)
    with second.read() as c:
        assert c.execute(text("SELECT sha256, size, created FROM upload")).one() == ("a", 1, 2)
    assert second.key == first.key
    second.close()


def test_the_key_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    write_key(tmp_path, b"k" * 32)
    write_key(tmp_path, b"x" * 32)
    assert (tmp_path / KEY).read_bytes() == b"k" * 32
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_body_that_fails_leaves_nothing(tmp_path: Path, url: str | None) -> None:
    store = Store.open(tmp_path, url)
    with pytest.raises(RuntimeError), store.begin() as c:
        c.execute(text("INSERT INTO upload (sha256, size, created) VALUES ('a', 1, 2)"))
        raise RuntimeError
    with store.read() as c:
        assert c.execute(text("SELECT count(*) FROM upload")).scalar() == 0
    store.close()


def test_tables_of_a_newer_version_are_refused_in_the_servers_own_words(
    tmp_path: Path, url: str | None
) -> None:
    store = Store.open(tmp_path, url)
    with store.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(UsageError, match="server: its tables are of version 9999"):
        Store.open(tmp_path, url)


@pytest.mark.parametrize("address", ["mysql://u:secret@h/n", "not an address: secret"])
def test_an_address_that_is_none_is_one_line_without_the_password(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(UsageError, match="database") as error:
        Store.open(tmp_path, address)
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_writers_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    start = threading.Barrier(8)

    def count() -> None:
        start.wait()
        for _ in range(20):
            with store.begin() as c:
                n = c.execute(text("SELECT count(*) FROM upload")).scalar_one()
                c.execute(
                    text("INSERT INTO upload (sha256, size, created) VALUES (:s, :n, 0)"),
                    {"s": new_id(), "n": n},
                )

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as c:
        sizes = c.execute(text("SELECT size FROM upload ORDER BY size")).scalars().all()
    assert sizes == list(range(160))
    store.close()


def test_a_database_has_its_journal_mode_when_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers that start at one moment do not change it against each other."""
    linked = []
    link = os.link

    def look(part: Path, name: Path) -> None:
        linked.append((name.name, part.read_bytes()[18:20]))
        link(part, name)

    monkeypatch.setattr(os, "link", look)
    Store.open(tmp_path).close()
    Store.open(tmp_path).close()
    assert [name for name, _ in linked] == [Store.layout.file, KEY]
    assert linked[0][1] == b"\x02\x02"  # https://sqlite.org/fileformat.html: 2 is WAL
    assert not list(tmp_path.glob(".*"))


def test_a_database_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(OSError, match="folder"):
        Store.open(tmp_path / "folder")


def test_values_come_in_portions_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infmap.web.database._AT_ONCE", 2)
    found = list(portions(iter(["a", "b", "a", "c"])))
    assert sorted(map(len, found)) == [1, 2]
    assert sorted(value for some in found for value in some) == ["a", "b", "c"]
    assert list(portions([])) == []


def test_a_row_that_is_there_may_stay(tmp_path: Path, url: str | None) -> None:
    store = Store.open(tmp_path, url)
    row = {"sha256": "ab" * 32, "size": 1, "created": 1}
    with store.begin() as c:
        for size in (1, 2):
            c.execute(inserting(c, uploads).values(row | {"size": size}).on_conflict_do_nothing())
        assert c.execute(text("SELECT size FROM upload")).scalars().all() == [1]
    store.close()


def test_writers_wait_for_a_lock_for_a_time_and_go_on_after_it(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 100)
    store, other = Store.open(tmp_path / "s", url), Store.open(tmp_path / "s", url)
    row = text("INSERT INTO upload (sha256, size, created) VALUES ('a', 1, 2)")
    with other.begin() as held:
        if url is not None:
            held.execute(text("LOCK TABLE upload IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(OperationalError), store.begin() as c:
            c.execute(row)
    with store.begin() as c:
        c.execute(row)
    with store.read() as c:
        assert c.execute(text("SELECT count(*) FROM upload")).scalar() == 1
    store.close(), other.close()


def test_a_server_does_not_start_on_a_locked_database_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "s")
    monkeypatch.setattr(database, "BUSY_MS", 1)
    with store.begin(), pytest.raises(UsageError, match="locked"):
        Store.open(tmp_path / "s")
    store.close()


def test_threads_do_not_wait_for_a_lock_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "s")
    monkeypatch.setattr(database, "BUSY_MS", 1)
    refused = []

    def write() -> None:
        try:
            with store.begin():
                pass
        except OperationalError as error:
            refused.append(error)

    with store.begin():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(refused) == 1
    write()
    assert len(refused) == 1
    store.close()


def test_nothing_is_written_into_a_database_that_was_deleted(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    (tmp_path / "s").rename(tmp_path / "away")
    with pytest.raises(OperationalError), store.begin():
        pass
    shutil.copytree(tmp_path / "away", tmp_path / "s")  # another file of the same name
    with pytest.raises(OperationalError), store.begin():
        pass
    shutil.rmtree(tmp_path / "s")
    (tmp_path / "away").rename(tmp_path / "s")
    with store.begin():
        pass
    store.close()


def test_a_database_without_room_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    with closing(store.engine.connect()) as c:
        pages = c.execute(text("PRAGMA page_count")).scalar_one()
        c.execute(text(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(OperationalError) as raised:
            c.execute(text("CREATE TABLE more (n INTEGER)"))
            c.execute(text("CREATE TABLE many (n INTEGER)"))
            c.execute(text("CREATE TABLE most (n INTEGER)"))
    assert is_full(raised.value)
    with pytest.raises(UsageError, match="disk is full"), said("server"):
        raise raised.value
    assert not is_full(OperationalError("SELECT", {}, Exception("away")))
    store.close()
