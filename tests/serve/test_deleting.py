"""Deleting films and jobs, and what others have of them."""

from __future__ import annotations

import json
import logging
import os

import pytest
from small_server import NOON, SmallServer, digest
from sqlalchemy import func, select, update
from web_server import WebServer, film, sha

from infmap.serve import deleting, events, items, jobs, keys, results, schema, uploads
from infmap.serve.deleting import Deleted
from infmap.serve.errors import NotFound, UploadRefused
from infmap.serve.uploads import Upload


def rows(small: SmallServer) -> dict[str, int]:
    """Number of rows of every table that tells of films."""
    tables = (schema.uploads, schema.jobs, schema.items, schema.results, schema.events)
    with small.store.read() as c:
        return {
            table.name: int(c.execute(select(func.count()).select_from(table)).scalar_one())
            for table in tables
        }


NOTHING = dict.fromkeys(("upload", "job", "item", "result", "event"), 0)


def test_a_film_goes_with_all_that_was_made_of_it(small: SmallServer) -> None:
    small.job("a", models=["lite", "large"])
    first, second = (small.finish(*small.claim())[0].film for _ in range(2))
    for name in (first, second):
        results.folder(small.store, name).mkdir(parents=True)
    with small.store.begin() as c:
        deleted = deleting.film(c, first, None)
    assert deleted.results == {first, second} and deleted.films == {digest("a")}
    assert rows(small) == NOTHING
    deleting.discard(small.store, deleted)
    assert not uploads.path(small.store, digest("a")).exists()
    assert not list(small.store.results.glob("*/*"))
    with small.store.begin() as c, pytest.raises(NotFound):
        deleting.film(c, first, None)


def test_what_another_key_sent_stays_its_own(small: SmallServer) -> None:
    with small.store.begin() as c:
        ann, ben = keys.create(c, "ann")[0].id, keys.create(c, "ben")[0].id
    small.job("a", key=ann)
    (told,) = small.finish(*small.claim())
    small.job("a", key=ben)
    with small.store.begin() as c:
        deleted = deleting.film(c, told.film, ann)
        assert not deleted.films and not deleted.results
        assert not results.visible(c, told.film, ann) and results.visible(c, told.film, ben)
        assert deleting.film(c, told.film, ben).results == {told.film}
    assert rows(small) == NOTHING


def test_a_job_leaves_what_another_job_has(small: SmallServer) -> None:
    one, other = small.job("a", "b"), small.job("b")
    while claimed := small.claim(1):
        small.finish(*claimed)
    with small.store.begin() as c:
        deleted = deleting.job(c, one.id)
        assert deleted.films == {digest("a")} and len(deleted.results) == 1
        with pytest.raises(NotFound):
            jobs.get(c, one.id)
        assert [item.name for item in jobs.items(c, other.id)] == ["b"]


def test_the_name_of_a_deleted_film_is_in_no_event(small: SmallServer) -> None:
    job = small.job("a", "b")
    (first, _) = small.finish(*small.claim())
    with small.store.begin() as c:
        name = results.name(c, first.film, None)[0]
        deleting.film(c, first.film, None)
        told = events.after(c, job.id)
    assert [event.kind for event in told] == ["item", "done"]
    assert told[0].data["name"] != name


def test_what_is_being_read_of_a_deleted_film_changes_nothing(small: SmallServer) -> None:
    job = small.job("a", "b")
    claimed = small.claim()
    with small.store.begin() as c:
        deleting.job(c, job.id)
    assert small.finish(*claimed) == []
    with small.store.begin() as c:
        assert items.crashed(c, claimed) == [] and items.fail(c, claimed, "late") == []
        items.give_back(c, [item.token for item in claimed])
    assert rows(small) == NOTHING


def test_a_film_that_comes_again_meanwhile_is_kept(small: SmallServer) -> None:
    small.job("a")
    (told,) = small.finish(*small.claim())
    with small.store.begin() as c:
        deleted = deleting.film(c, told.film, None)
    small.upload("a")
    deleting.discard(small.store, deleted)
    assert uploads.path(small.store, digest("a")).is_file()


def test_bytes_that_were_deleted_before_their_row_are_refused(small: SmallServer) -> None:
    with pytest.raises(UploadRefused, match="send it again"), small.store.begin() as c:
        uploads.note(c, small.store, Upload(digest("never"), 1))
    assert rows(small)["upload"] == 0


def test_films_that_no_job_names_go_by_age(small: SmallServer) -> None:
    old = small.job("old", "shared")
    small.finish(*small.claim())
    small.job("shared")
    with small.store.begin() as c:
        jobs.create(c, [jobs.NewFilm("never sent", digest("never sent"))], ["lite"])
        own = schema.items.c.name.in_(("old", "never sent")) | (schema.items.c.job_id == old.id)
        c.execute(update(schema.items).where(own).values(created=NOON, ended=NOON))
        c.execute(update(schema.uploads).values(created=NOON))
        assert deleting.aged(c, NOON) == Deleted()
        assert deleting.aged(c, NOON + 1).films == {digest("old")}
        assert deleting.aged(c, NOON + 1).items == 1
        assert not deleting.aged(c, NOON + 1)
        left = c.execute(select(schema.items.c.name)).scalars().all()
    assert sorted(left) == ["shared", "shared"]


def test_films_whose_objects_are_not_sent_yet_are_kept(small: SmallServer) -> None:
    small.job("a")
    (told,) = small.finish(*small.claim())
    row = {"id": "o", "film_id": told.film, "kind": "seg", "destination": "pacs", "attempts": 0}
    with small.store.begin() as c:
        c.execute(schema.outbox.insert().values(state="waiting", next_at=0, created=0, **row))
        c.execute(update(schema.items).values(created=NOON, ended=NOON))
        c.execute(update(schema.uploads).values(created=NOON))
        assert not deleting.aged(c, NOON + 1)
        c.execute(update(schema.outbox).values(state="sent"))
        assert deleting.aged(c, NOON + 1).results == {told.film}
        assert not c.execute(select(schema.outbox)).all()


def test_over_http_it_is_gone_and_the_log_names_no_film(
    web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "infmap.web")
    logging.getLogger("infmap.web").propagate = True
    found = web.read(film(1))
    assert "kept_films 1.0" in web.ask("GET", "/metrics").text
    assert web.ask("DELETE", f"/v1/films/{found}").status_code == 204
    assert web.ask("DELETE", f"/v1/films/{found}").status_code == 404
    assert web.ask("GET", f"/v1/films/{found}/json").status_code == 404
    assert not [name for _, _, names in os.walk(web.store.folder / "uploads") for name in names]
    assert "kept_bytes 0.0" in web.ask("GET", "/metrics").text
    said = [record.getMessage() for record in caplog.records if "deleted" in record.getMessage()]
    assert json.loads(said[0]) == {
        "deleted": {"films": 1, "uploads": 1, "results": 1}, "by": "this machine",
    }  # fmt: skip
    assert found not in said[0] and sha(film(1)) not in said[0]


def test_followers_of_a_deleted_job_hear_its_end(web: WebServer) -> None:
    web.reader.asleep = True
    job = web.job(film(1))
    assert web.ask("DELETE", f"/v1/jobs/{job}/films").status_code == 204
    assert web.ask("GET", f"/v1/jobs/{job}/events").status_code == 404
    assert web.send(job, film(1)).status_code == 404
