"""A station in one file, and back, into either database."""

from __future__ import annotations

import io
import json
import stat
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infmap.annotation import audit, films, outcomes, users
from infmap.annotation.backup import backup, restore
from infmap.annotation.store import Store, get_mask
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON, Station, box  # noqa: E402

from postgres_server import database  # noqa: E402

MASK, FAR = box(1, 1, 21, 21), box(20, 20, 39, 39)


def work(store: Store) -> Station:
    """A station with something of every kind: all that a backup has to hold."""
    station = Station(store)
    station.rules(readers_per_film=2, repeat_share=0.5)
    for name in ("a", "b", "c", "d"):
        film = station.film(name, patient="f" * 64, day=19_000)
        folder = store.film_folder(film)
        folder.mkdir(parents=True)
        (folder / "full").write_bytes(name.encode() * 5000)
        (folder / "preview.jpg").write_bytes(name.encode() * 50)
        station.propose(film, [MASK, box(1, 1, 20, 21), FAR])
    station.plan()
    for user, mask in ((station.ann, MASK), (station.ben, FAR)):
        for _ in range(3):
            task = station.next(user)
            assert task is not None
            draft = station.draw(task, user, mask)
            station.decide(task, user, "draw", draft=draft, active_ms=900)
            station.decide(task, user, "choose", side="A")  # another tab
    task = station.next(station.sue)
    assert task is not None and task.kind == "adjudicate"
    station.decide(task, station.sue, "choose", side="B")
    station.draw(station.next(station.ann), station.ann, MASK)  # a draft without a decision
    with store.begin() as c:
        users.start(c, station.ann, NOON)
    return station


@pytest.fixture
def made(store: Store) -> Station:
    return work(store)


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The database that a backup is restored into."""
    if request.param == "sqlite":
        yield None
    else:
        with database(request.getfixturevalue("postgres")) as address:
            yield address


def test_a_restored_station_gives_the_same_backup(
    made: Station, other: str | None, tmp_path: Path
) -> None:
    saved = backup(made.store, tmp_path / "one.tar")
    assert saved.films == 8 and saved.audit.broken is None
    assert restore(tmp_path / "one.tar", tmp_path / "copy", other) == saved
    copy = Store.open(tmp_path / "copy", other)
    assert backup(copy, tmp_path / "two.tar") == saved
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert copy.key == made.store.key
    with copy.read() as c, made.store.read() as d:
        approved = outcomes.approved(c, made.project)
        assert approved == outcomes.approved(d, made.project) and approved
        for film in approved:
            for revision in film.revisions:
                assert get_mask(c, revision.mask) == get_mask(d, revision.mask)
        for film in films.every(c, made.project):
            there, here = (s.film_folder(film.id) / "full" for s in (made.store, copy))
            assert there.read_bytes() == here.read_bytes()
    copy.close()


def test_a_restored_station_goes_on(made: Station, other: str | None, tmp_path: Path) -> None:
    backup(made.store, tmp_path / "one.tar")
    restore(tmp_path / "one.tar", tmp_path / "copy", other)
    copy = Store.open(tmp_path / "copy", other)
    here = made.next(made.ann)
    made.store = copy
    task = made.next(made.ann)
    assert task is not None and here is not None and (task.id, task.draft) == (here.id, here.draft)
    made.decide(task, made.ann, "draw", draft=task.draft.id)
    with copy.read() as c:
        assert audit.verify(c).broken is None
    copy.close()


def test_nobody_is_signed_in_in_a_restored_station(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    station = Station(store)
    with store.begin() as c:
        token = users.start(c, station.ann, NOON)
    backup(store, tmp_path / "one.tar")
    store.close()
    restore(tmp_path / "one.tar", tmp_path / "copy")
    copy = Store.open(tmp_path / "copy")
    with copy.read() as c:
        assert users.user_of(c, token, NOON) is None
        assert users.get(c, station.ann.id) == station.ann
    copy.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A backup of a SQLite station."""
    store = Store.open(tmp_path / "source")
    work(store)
    backup(store, tmp_path / "one.tar")
    store.close()
    return tmp_path / "one.tar"


def test_a_backup_is_its_owners_alone(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_or_a_database_in_use_is_not_restored_into(
    file: Path, tmp_path: Path, new_database: str
) -> None:
    with pytest.raises(UsageError, match="empty folder"):
        restore(file, tmp_path / "source")
    restore(file, tmp_path / "copy", new_database)
    with pytest.raises(UsageError, match="empty database"):
        restore(file, tmp_path / "another", new_database)
    assert not (tmp_path / "another").exists()


@pytest.mark.parametrize("size", [0, 100, 5_000, 40_000, -30_000])
def test_a_file_cut_short_leaves_nothing(file: Path, tmp_path: Path, size: int) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    with pytest.raises(UsageError, match="damaged"):
        restore(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def rewritten(file: Path, name: str, change: object) -> None:
    """Make the archive again with one member changed, renamed or left out."""
    out = io.BytesIO()
    with tarfile.open(file) as old, tarfile.open(fileobj=out, mode="w") as new:
        for info in old.getmembers():
            data = old.extractfile(info).read()
            if info.name == name:
                info.name, data = change(info.name, data)
                info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    file.write_bytes(out.getvalue())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "rows/revisions.jsonl",
            lambda n, d: (n, d.replace(b'"conflict": true', b'"conflict": 0')),
        ),
        ("rows/films.jsonl", lambda n, d: ("../../films", d)),
        ("rows/films.jsonl", lambda n, d: ("rows/alembic_version.jsonl", d)),
        ("checksums.json", lambda n, d: (n, b"{}")),
    ],
    ids=["a changed row", "a path that leaves the folder", "another table", "no checksums"],
)
def test_a_changed_file_leaves_nothing(
    file: Path, tmp_path: Path, name: str, change: object
) -> None:
    rewritten(file, name, change)
    with pytest.raises(UsageError, match="damaged"):
        restore(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "about", [{"format": 2, "revision": "0001"}, {"format": 1, "revision": "9"}]
)
def test_a_backup_of_a_newer_version_is_refused(
    file: Path, tmp_path: Path, about: dict[str, object]
) -> None:
    rewritten(file, "station.json", lambda n, d: (n, json.dumps(about).encode()))
    with pytest.raises(UsageError, match="install the"):
        restore(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
