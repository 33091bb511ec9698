"""What a crash or a lost file leaves is found, and old films go."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from small_server import SmallServer, digest
from sqlalchemy import Connection, update

from infmap.serve import days, deleting, housekeeping, jobs, results, schema, uploads
from infmap.serve.housekeeping import GONE, Housekeeping, tidy
from infmap.serve.jobs import NewFilm


def old(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


def read(small: SmallServer, name: str) -> tuple[str, Path]:
    """A film that was read and whose folder is there."""
    small.job(name)
    (told,) = small.finish(*small.claim())
    folder = results.folder(small.store, told.film)
    folder.mkdir(parents=True)
    return told.film, folder


@pytest.mark.parametrize("moment", ["rows", "bytes", "folder"])
def test_a_deletion_that_was_killed_is_ended(
    small: SmallServer, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, folder = read(small, "a")
    path = uploads.path(small.store, digest("a"))
    with small.store.begin() as c:
        deleted = deleting.film(c, film, None)
    # Killed after the rows, after the bytes, or while the folder was emptied.
    if moment == "bytes":
        deleting.discard(small.store, deleting.Deleted(films=deleted.films))
    if moment == "folder":
        monkeypatch.setattr(deleting.shutil, "rmtree", lambda *_, **__: None)
        deleting.discard(small.store, deleted)
        monkeypatch.undo()
        assert list(small.store.results.glob(".*.part"))  # swept when workers start
    for left in (path, folder):
        if left.exists():
            old(left)
    tidy(small.store)
    assert not path.exists() and not folder.exists()


def test_files_wait_for_their_row_for_a_while(small: SmallServer) -> None:
    with uploads.Receiving(small.store) as receiving:
        receiving.write(b"coming")
        kept = receiving.settle()
    tidy(small.store)
    path = uploads.path(small.store, kept.sha256)
    assert path.exists()
    old(path)
    tidy(small.store)
    assert not path.exists()


def test_rows_and_files_that_belong_together_stay(small: SmallServer) -> None:
    film, folder = read(small, "a")
    old(folder), old(uploads.path(small.store, digest("a")))
    tidy(small.store)
    with small.store.read() as c:
        assert results.get(c, film).status == "ok" and uploads.known(c, [digest("a")])
    assert folder.is_dir()


def test_rows_without_a_file_are_told_and_the_film_is_asked_for_again(small: SmallServer) -> None:
    film, folder = read(small, "a")
    waits = small.job("b")
    folder.rmdir()
    for name in ("a", "b"):
        uploads.path(small.store, digest(name)).unlink()
    tidy(small.store)
    assert (small.states(waits), small.state(waits)) == (["failed"], "done")
    with small.store.begin() as c:
        again = jobs.create(c, [NewFilm("a", digest("a"))], ["lite"])
        assert jobs.wanted(c, again.id) == [digest("a")]
        with pytest.raises(results.NotFound):
            results.get(c, film)
        reasons = {item.reason for job in jobs.of_key(c, None) for item in jobs.items(c, job.id)}
    assert GONE in reasons


@pytest.mark.parametrize("which", ["uploads", "results"])
def test_a_disk_that_was_taken_away_is_no_loss(
    small: SmallServer, which: str, tmp_path: Path
) -> None:
    film, _ = read(small, "a")
    waits = small.job("b")
    place = small.store.folder / which
    place.rename(tmp_path / "away")
    place.mkdir()
    with pytest.raises(FileNotFoundError):
        tidy(small.store)
    place.rmdir()
    (tmp_path / "away").rename(place)
    tidy(small.store, young=0.0)
    with small.store.read() as c:
        assert results.get(c, film).status == "ok"
        assert uploads.known(c, [digest("a"), digest("b")]) == {digest("a"), digest("b")}
    assert small.states(waits) == ["queued"] and list(place.glob("??/*"))


def test_a_file_that_came_again_since_it_was_missed_keeps_its_row(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, folder = read(small, "a")
    path = uploads.path(small.store, digest("a"))
    data = path.read_bytes()
    path.unlink()
    folder.rmdir()
    begin = small.store.begin

    def begin_late() -> AbstractContextManager[Connection]:
        """The film is sent and read again just before the rows are looked at."""
        path.write_bytes(data)
        folder.mkdir()
        return begin()

    monkeypatch.setattr(small.store, "begin", begin_late)
    tidy(small.store)
    monkeypatch.undo()
    with small.store.read() as c:
        assert results.get(c, film).status == "ok" and uploads.known(c, [digest("a")])


def test_films_are_kept_for_ever_or_for_days(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(small, "a")
    long_ago = 1_000_000
    with small.store.begin() as c:
        c.execute(update(schema.items).values(created=long_ago, ended=long_ago))
        c.execute(update(schema.uploads).values(created=long_ago))
        for day in range(32):  # on which the server ran since
            days.note(c, day * days.DAY_MS)
    for keep, left in ((None, {digest("a")}), (30.0, set())):
        work = Housekeeping(small.store, keep)
        work.start()
        work.stop()
        with small.store.read() as c:
            assert uploads.known(c, [digest("a")]) == left
    assert not list(small.store.results.glob("*/*"))


def test_a_round_that_failed_is_said_and_tried_again(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    housekeeping.LOG.propagate = True

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(housekeeping, "tidy", forbidden)
    work = Housekeeping(small.store, None)
    work.start()
    work.stop()
    assert "housekeeping: PermissionError" in caplog.text
