"""Jobs: what they hold, whose they are, when they end."""

from __future__ import annotations

import pytest
from small_server import NOON, SmallServer, digest

from infmap.core.errors import UsageError
from infmap.serve import events, jobs, keys, results
from infmap.serve.errors import NotFound
from infmap.serve.items import LEASE_MS
from infmap.serve.jobs import NewFilm


def test_films_are_read_by_every_model_and_wait_for_their_bytes(small: SmallServer) -> None:
    films = [small.film("here"), NewFilm("to come", digest("to come"))]
    with small.store.begin() as c:
        job = jobs.create(c, films, ["large", "lite"])
        found = jobs.items(c, job.id)
        assert [(i.position, i.name, i.model, i.state) for i in found] == [
            (0, "here", "large", "queued"),
            (1, "here", "lite", "queued"),
            (2, "to come", "large", "waiting"),
            (3, "to come", "lite", "waiting"),
        ]
        assert jobs.wanted(c, job.id) == [digest("to come")]
    small.upload("to come")
    with small.store.begin() as c:
        assert jobs.attach(c, job.id, digest("to come")) == [2, 3]
        assert jobs.attach(c, job.id, digest("to come")) == [2, 3]
        assert jobs.counts(c, [job.id])[job.id]["queued"] == 4 and jobs.wanted(c, job.id) == []


def test_bytes_that_did_not_come_are_not_attached(small: SmallServer) -> None:
    with small.store.begin() as c:
        films = [NewFilm("to come", digest("to come"))]
        job = jobs.create(c, films, ["lite"])
        with pytest.raises(NotFound):
            jobs.attach(c, job.id, digest("to come"))
        assert jobs.counts(c, [job.id])[job.id]["waiting"] == 1


def test_a_film_with_a_result_is_done_at_once(small: SmallServer) -> None:
    small.job("a")
    small.finish(*small.claim())
    again = small.job("a")
    assert again.state == "done" and small.states(again) == ["done"]
    assert small.claim() == []
    with small.store.read() as c:
        (item,) = jobs.items(c, again.id)
        assert item.film is not None and item.status == "ok"
        kinds = [event.kind for event in events.after(c, again.id)]
    assert kinds == ["item", "done"]


def test_of_bytes_that_are_new_no_result_is_looked_for(small: SmallServer) -> None:
    small.job("a")
    small.finish(*small.claim())
    film = NewFilm("a", digest("a"))
    with small.store.begin() as c:
        job = jobs.create(c, [film], ["lite"], brought=True, unseen=True)
        assert job.state == "open"  # a worker finds the result when it claims the item
        assert jobs.create(c, [film], ["lite"], brought=True).state == "done"


def test_a_threshold_that_is_named_has_results_of_its_own(small: SmallServer) -> None:
    small.job("a")
    own = small.result(*small.claim())
    small.finish(*small.claim(at=NOON + 10 * LEASE_MS))
    # The model's own value, named: one point for film and pixel, where the model has one for each.
    named = small.job("a", threshold=own.threshold)
    assert named.state == "open"
    (told,) = small.finish(*small.claim())
    assert told.film != own.film
    with small.store.read() as c:
        assert (results.get(c, told.film).named, results.get(c, own.film).named) == (True, False)
    again, without = small.job("a", threshold=own.threshold), small.job("a")
    with small.store.read() as c:
        assert [i.film for i in jobs.items(c, again.id)] == [told.film]
        assert [i.film for i in jobs.items(c, without.id)] == [own.film]


def test_a_checksum_is_no_proof_of_having_a_film(small: SmallServer) -> None:
    film = small.film("a")
    with small.store.begin() as c:
        ann, ben = keys.create(c, "ann")[0].id, keys.create(c, "ben")[0].id
        owned = jobs.create(c, [film], ["lite"], key=ann, brought=True)
        foreign = jobs.create(c, [film], ["lite"], key=ben)
    assert small.states(owned) == ["queued"] and small.states(foreign) == ["waiting"]
    small.finish(*small.claim())
    with small.store.begin() as c:
        # Whose film has a result need not send it again, with another model either.
        again = jobs.create(c, [film], ["lite", "large"], key=ann)
        foreign = jobs.create(c, [film], ["lite", "large"], key=ben)
        assert jobs.attach(c, foreign.id, digest("a")) == [0, 1]  # now it was sent
    assert small.states(again) == small.states(foreign) == ["done", "queued"]


def test_bytes_that_come_late_and_have_a_result_are_done_at_once(small: SmallServer) -> None:
    with small.store.begin() as c:
        job = jobs.create(c, [NewFilm("a", digest("a"))], ["lite"])
    small.job("a")
    small.finish(*small.claim())
    with small.store.begin() as c:
        assert jobs.attach(c, job.id, digest("a")) == [0]
        assert jobs.get(c, job.id).state == "done"
        assert [e.kind for e in events.after(c, job.id)] == ["item", "done"]


def test_another_threshold_or_model_is_another_result(small: SmallServer) -> None:
    small.job("a")
    small.finish(*small.claim())
    assert small.states(small.job("a", threshold=0.3)) == ["queued"]
    assert small.states(small.job("a", models=["large"])) == ["queued"]


def test_a_film_that_failed_is_tried_again_and_a_rejected_one_is_not(small: SmallServer) -> None:
    small.job("failed")
    small.finish(*small.claim(), status="failed")
    small.job("rejected")
    small.finish(*small.claim(), status="rejected")
    assert small.states(small.job("failed")) == ["queued"]
    assert small.states(small.job("rejected")) == ["failed"]


def test_a_job_of_refused_films_has_ended(small: SmallServer) -> None:
    with small.store.begin() as c:
        job = jobs.create(c, [NewFilm("x", None, "a symbolic link")], ["lite"])
        (item,) = jobs.items(c, job.id)
    assert (job.state, item.state, item.reason) == ("done", "failed", "a symbolic link")


def test_an_archives_item_gives_way_to_its_members(small: SmallServer) -> None:
    with small.store.begin() as c:
        zip_film = NewFilm("films.zip", digest("zip"))
        job = jobs.create(c, [zip_film], ["lite"])
    members = [small.film("films.zip/a"), NewFilm("films.zip/b", None, "encrypted")]
    with small.store.begin() as c:
        assert len(jobs.expand(c, job.id, digest("zip"), members)) == 2
        assert jobs.expand(c, job.id, digest("zip"), members) == []
        assert [(i.name, i.state) for i in jobs.items(c, job.id)] == [
            ("films.zip/a", "queued"),
            ("films.zip/b", "failed"),
        ]


def test_what_is_added_follows_and_an_ended_job_takes_nothing(small: SmallServer) -> None:
    job = small.job("a")
    more = [small.film("b")]
    with small.store.begin() as c:
        assert jobs.add(c, job.id, more) == [1]
        jobs.cancel(c, job.id)
        with pytest.raises(UsageError, match="cancelled"):
            jobs.add(c, job.id, more)


def test_cancelling_ends_what_is_under_way_and_nothing_else(small: SmallServer) -> None:
    job = small.job("a", "b", "c")
    done, leased = small.claim(2)
    small.finish(done)
    with small.store.begin() as c:
        jobs.cancel(c, job.id)
        jobs.cancel(c, job.id)
    assert small.states(job) == ["done", "cancelled", "cancelled"]
    assert small.finish(leased) == []
    assert small.states(job) == ["done", "cancelled", "cancelled"] and small.claim() == []
    with small.store.read() as c:
        (ended,) = [event for event in events.after(c, job.id) if event.kind == "done"]
        assert jobs.get(c, job.id).state == "cancelled"
    assert isinstance(ended.data["counts"], dict) and ended.data["counts"]["cancelled"] == 2


def test_a_key_sees_its_own_jobs_alone(small: SmallServer) -> None:
    with small.store.begin() as c:
        ann, ben = keys.create(c, "ann")[0].id, keys.create(c, "ben")[0].id
    job, other = small.job("a", key=ann), small.job("b", key=ben)
    with small.store.read() as c:
        assert jobs.get(c, job.id, ann).id == job.id
        with pytest.raises(NotFound):
            jobs.get(c, job.id, ben)
        assert [one.id for one in jobs.of_key(c, ben)] == [other.id]
        assert {one.id for one in jobs.of_key(c, None)} == {job.id, other.id}


def test_what_no_job_can_be_is_refused(small: SmallServer) -> None:
    with small.store.begin() as c:
        with pytest.raises(UsageError, match="one or more of large, lite"):
            jobs.create(c, [], ["other"])
        with pytest.raises(UsageError, match="one or more films"):
            jobs.create(c, [], ["lite"])
        with pytest.raises(UsageError, match="threshold"):
            jobs.create(c, [], ["lite"], threshold=1.0)
        with pytest.raises(NotFound):
            jobs.get(c, "none")
    with pytest.raises(UsageError, match="hexadecimal"):
        NewFilm("a", "../a")


def test_too_many_films_are_refused(small: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_ITEMS", 3)
    with pytest.raises(UsageError, match="at most 3"):
        small.job("a", "b", models=["lite", "large"])
