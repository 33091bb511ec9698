"""The station's folder and its database."""

from __future__ import annotations

import stat
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from infmap.annotation import schema
from infmap.annotation.store import Store, get_mask, new_id, put_mask
from infmap.core.errors import UsageError
from infmap.web.masks import encode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

MASK = encode(box(1, 1, 9, 9))


def test_a_station_opened_again_is_the_same(tmp_path: Path, url: str | None) -> None:
    first = Store.open(tmp_path / "s", url)
    project = Station(first).project
    first.close()
    second = Store.open(tmp_path / "s", url)
    with second.read() as c:
        assert c.execute(select(schema.projects.c.id)).scalars().all() == [project]
    assert second.key == first.key
    second.close()


def test_the_key_is_its_owners_alone(store: Store) -> None:
    mode = (store.folder / "key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600 and len(store.key) == 32
    assert [path.name for path in store.folder.iterdir() if ".key" in path.name] == []


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(UsageError, match="key of 32 bytes"):
        Store.open(tmp_path)


def test_tables_of_a_newer_version_are_refused(tmp_path: Path, url: str | None) -> None:
    store = Store.open(tmp_path, url)
    with store.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(UsageError, match="version 9999"):
        Store.open(tmp_path, url)


@pytest.mark.parametrize(
    "url",
    ["mysql://u:secret@h/n", "postgresql://u:secret@127.0.0.1:1/n", "not an address: secret"],
)
def test_a_database_that_is_not_there_is_one_line_without_the_password(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(UsageError, match="database") as error:
        Store.open(tmp_path, url)
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_two_openings_at_one_moment_make_one_station(tmp_path: Path, url: str | None) -> None:
    stores: list[Store] = []
    start = threading.Barrier(4)

    def begin() -> None:
        start.wait()
        stores.append(Store.open(tmp_path, url))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4 and len({store.key for store in stores}) == 1
    for store in stores:
        with store.read() as c:
            assert c.execute(select(func.count()).select_from(schema.audit_head)).scalar() == 1
        store.close()


def test_a_body_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as c:
        put_mask(c, MASK)
        raise RuntimeError
    with store.read() as c:
        assert c.execute(select(schema.masks)).all() == []


def test_what_is_read_is_of_one_moment(store: Store) -> None:
    count = select(func.count()).select_from(schema.masks)
    with store.read() as c:
        assert c.execute(count).scalar() == 0
        with store.begin() as writer:
            put_mask(writer, MASK)
        assert c.execute(count).scalar() == 0
    with store.read() as c:
        assert c.execute(count).scalar() == 1


def test_sqlite_is_safe_against_power_cuts(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.begin() as c:
        assert c.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert c.execute(text("PRAGMA synchronous")).scalar() == 2
        assert c.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


def test_a_mask_is_kept_once(store: Store) -> None:
    with store.begin() as c:
        name = put_mask(c, MASK)
        assert put_mask(c, MASK) == name
        assert get_mask(c, name) == MASK
        assert len(c.execute(select(schema.masks)).all()) == 1
        with pytest.raises(LookupError):
            get_mask(c, "0" * 64)


def test_identifiers_are_random(store: Store) -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000 and {len(one) for one in made} == {22}
