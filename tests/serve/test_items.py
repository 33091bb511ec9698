"""The queue: who has an item, and that it ends once."""

from __future__ import annotations

import threading

import pytest
from small_server import DAY_MS, NOON, SmallServer

from infmap.serve import events, items, jobs, results


def test_the_highest_priority_comes_first_then_the_oldest(small: SmallServer) -> None:
    for name, priority in (("a", 0), ("b", 0), ("c", 5)):
        small.job(name, priority=priority)
    order = [small.claim(1)[0].sha256 for _ in range(3)]
    assert order == [small.upload(name) for name in "cab"]
    assert small.claim() == []


def test_a_claim_is_of_one_model_and_threshold(small: SmallServer) -> None:
    small.job("a", "b", models=["lite", "large"])
    small.job("c", threshold=0.3)
    claims = []
    while claimed := small.claim():
        claims.append({(item.model, item.threshold) for item in claimed})
    assert all(len(kinds) == 1 for kinds in claims)
    assert set.union(*claims) == {("lite", None), ("large", None), ("lite", 0.3)}


def test_large_films_are_claimed_few_at_a_time(
    small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.job("aaaa", "bbbb", "cccc")
    monkeypatch.setattr(items, "BYTES_AT_ONCE", 8)
    assert [len(small.claim()) for _ in range(3)] == [2, 1, 0]


def test_models_that_a_worker_does_not_have_are_left(small: SmallServer) -> None:
    small.job("a", models=["large"])
    with small.store.begin() as c:
        assert items.claim(c, "me", ["lite"], 10, NOON) == []


def test_a_finished_job_says_so_once(small: SmallServer) -> None:
    job = small.job("a", "b")
    first, second = small.claim()
    (told,) = small.finish(first)
    assert (told.sha256, told.status, told.job_ids) == (first.sha256, "ok", (job.id,))
    assert small.state(job) == "open"
    small.finish(second, status="rejected")
    assert small.state(job) == "done" and small.states(job) == ["done", "failed"]
    with small.store.read() as c:
        happened = events.after(c, job.id)
    assert [event.kind for event in happened] == ["item", "item", "done"]
    assert [event.data.get("status") for event in happened] == ["ok", "rejected", None]


def test_the_same_film_of_two_jobs_is_one_result(small: SmallServer) -> None:
    one, other = small.job("a"), small.job("a")
    (told,) = small.finish(*small.claim())
    assert set(told.job_ids) == {one.id, other.id}
    assert small.state(one) == small.state(other) == "done"


def test_only_the_last_token_counts(small: SmallServer) -> None:
    job = small.job("a")
    (late,) = small.claim(at=NOON)
    assert small.claim(at=NOON + items.LEASE_MS) == []
    (taken,) = small.claim(at=NOON + items.LEASE_MS + 1)
    assert taken.token != late.token
    assert small.finish(late) == [] and small.states(job) == ["leased"]
    with small.store.read() as c:
        assert results.stored(c, [late.sha256], "", 0.5, False) == []
    assert len(small.finish(taken)) == 1 and small.finish(taken) == []
    assert small.states(job) == ["done"]


def test_a_renewed_lease_holds(small: SmallServer) -> None:
    small.job("a")
    (item,) = small.claim(at=NOON)
    with small.store.begin() as c:
        assert items.renew(c, [item.token, "gone"], NOON + 1000) == {item.token}
    assert small.claim(at=NOON + items.LEASE_MS + 1) == []
    assert len(small.claim(at=NOON + items.LEASE_MS + 1001)) == 1


def test_a_clock_that_was_put_back_keeps_no_item_from_being_read(small: SmallServer) -> None:
    small.job("a")
    (lost,) = small.claim(at=NOON + DAY_MS)
    (found,) = small.claim(at=NOON)
    assert found.id == lost.id
    # Another server's clock may be a little ahead.
    assert small.claim(at=NOON - items.SLACK_MS) == []
    assert not small.finish(lost) and small.finish(found)


def test_a_film_that_crashes_its_worker_twice_fails(small: SmallServer) -> None:
    job = small.job("bad", "good")
    bad, good = small.claim()
    with small.store.begin() as c:
        assert items.crashed(c, [bad]) == []
        items.give_back(c, [good.token])
    # It comes back alone, so that it takes nothing with it.
    (bad,) = small.claim()
    assert bad.attempts == 1
    with small.store.begin() as c:
        assert items.crashed(c, [bad]) == [job.id]
    small.finish(*small.claim())
    assert small.states(job) == ["failed", "done"] and small.state(job) == "done"
    with small.store.read() as c:
        assert jobs.items(c, job.id)[0].reason == items.CRASHED
    assert small.states(small.job("bad")) == ["queued"]


def test_an_item_that_is_claimed_again_and_again_fails(small: SmallServer) -> None:
    job = small.job("a")
    claims = 0
    while small.claim(owner="dead"):
        claims += 1
        with small.store.begin() as c:
            assert items.owners(c) == ["dead"]
            items.release(c, ["dead"])
    assert claims == items.MOST_CLAIMS
    assert small.states(job) == ["failed"] and small.state(job) == "done"


def test_what_is_handed_back_costs_nothing(small: SmallServer) -> None:
    job = small.job("a")
    for _ in range(2 * items.MOST_CLAIMS):
        (item,) = small.claim()
        with small.store.begin() as c:
            items.give_back(c, [item.token])
    assert small.states(job) == ["queued"]
    assert small.finish(item) == []


def test_a_failed_item_has_no_result(small: SmallServer) -> None:
    job = small.job("a")
    (item,) = small.claim()
    with small.store.begin() as c:
        assert items.fail(c, [item], "too slow") == [job.id]
        assert items.fail(c, [item], "too slow") == []
        assert items.queue(c) == {"queued": 0, "leased": 0}
        (ended,) = jobs.items(c, job.id)
    assert (ended.state, ended.film, ended.reason) == ("failed", None, "too slow")


def test_workers_at_once_have_each_item_once(small: SmallServer) -> None:
    job = small.job(*[f"film {n}" for n in range(40)])
    seen: list[str] = []
    start = threading.Barrier(4)

    def work(owner: str) -> None:
        start.wait()
        while claimed := small.claim(3, owner):
            seen.extend(item.id for item in claimed)
            small.finish(*claimed)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(set(seen)) == 40
    assert small.states(job) == ["done"] * 40 and small.state(job) == "done"
    with small.store.read() as c:
        kinds = [event.kind for event in events.after(c, job.id)]
    assert kinds == ["item"] * 40 + ["done"]
