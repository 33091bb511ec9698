"""A folder with its database, whatever the tables."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from infmap.core.errors import UsageError
from infmap.serve.schema import uploads
from infmap.serve.store import Store
from infmap.web.database import KEY, inserting, new_id, portions, write_key


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
