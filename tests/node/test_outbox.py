"""Tests of `infmap.node.outbox`."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from infmap.node import outbox
from infmap.serve.store import LAYOUT, Store
from infmap.web.database import now

BOTH = [("pacs", "seg"), ("pacs", "sr")]


def test_an_object_is_planned_once_and_due_until_it_is_settled(store: Store) -> None:
    with store.begin() as c:
        outbox.plan(c, "film", BOTH)
        outbox.plan(c, "film", [*BOTH, ("archive", "seg")])
        first, second = outbox.due(c, "pacs", now(), 10)
        assert outbox.due(c, "pacs", now(), 1) == [first]
        assert outbox.counts(c) == {"waiting": 3, "stored": 0, "sent": 0, "dead": 0}
        outbox.begin(c, first.id, "1.2.3")
        outbox.done(c, first.id, 0)
        outbox.again(c, second.id, 0xA700, "full", now() + 60_000)
        assert outbox.due(c, "pacs", now(), 10) == []
        (later,) = outbox.due(c, "pacs", now() + 60_000, 10)
        assert (later.status, later.reason) == ("A700", "full")
        (sent,) = outbox.every(c, "sent")
        assert (sent.status, sent.sop_uid, sent.attempts) == ("0000", "1.2.3", 1) and sent.sent


def test_dead_letters_are_seen_tried_again_and_dropped(store: Store) -> None:
    with store.begin() as c:
        outbox.plan(c, "film", [*BOTH, ("archive", "seg")])
        a, b, sent = outbox.every(c)
        outbox.done(c, sent.id, 0)
        outbox.bury(c, a.id, 0xC000, "failed")
        outbox.bury(c, b.id, None, "refused")
        assert [e.id for e in outbox.every(c, "dead")] == [a.id, b.id]
        assert outbox.retry(c, [a.id]) == 1
        assert outbox.drop(c, [b.id, sent.id]) == 1  # what is sent stays on record
        assert outbox.counts(c) == {"waiting": 1, "stored": 0, "sent": 1, "dead": 0}
        outbox.bury(c, a.id, None, "refused")
        assert outbox.retry(c) == 1 and outbox.retry(c, []) == 0


def test_what_is_settled_stays_settled(store: Store) -> None:
    with store.begin() as c:
        outbox.plan(c, "film", BOTH[:1])
        (entry,) = outbox.every(c)
        outbox.done(c, entry.id, 0)
        outbox.again(c, entry.id, None, "late", now())
        assert outbox.every(c)[0].state == "sent"


def test_objects_of_a_node_without_commitment_stay(tmp_path: Path, url: str | None) -> None:
    store = Store.connect(tmp_path / "old", url)
    row = "'a', 'film', 'seg', 'pacs', '1.2', 'sent', 1, 5, '0000', NULL, 5, 6"
    names = "id, film_id, kind, destination, sop_uid, state, attempts, next_at, status, reason"
    with store.begin() as c:
        LAYOUT.migrate(c, "0002")
        c.execute(text(f"INSERT INTO outbox ({names}, created, sent) VALUES ({row})"))
        LAYOUT.migrate(c)
        outbox.plan(c, "film", BOTH)  # it is in it: one row an object stays one
        known, new = outbox.every(c)
        assert (known.state, known.sop_uid, known.transaction) == ("sent", "1.2", None)
        outbox.stored(c, new.id, 0)
        assert outbox.counts(c) == {"waiting": 0, "stored": 1, "sent": 1, "dead": 0}
    store.close()


def test_a_clock_that_was_put_back_delays_no_object(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = now()
    monkeypatch.setattr(outbox, "now", lambda: true + 24 * 3600 * 1000)
    with store.begin() as c:
        outbox.plan(c, "film", [("pacs", "seg"), ("pacs", "sr")])
        entries = outbox.every(c)
        outbox.again(c, entries[0].id, None, "away", outbox.now() + 2_000)
    monkeypatch.undo()
    with store.begin() as c:
        assert {e.id for e in outbox.due(c, "pacs", true, 10)} == {e.id for e in entries}
        # Once it was tried with the clock of now, it waits as long as it is told.
        for entry in entries:
            outbox.again(c, entry.id, None, "away", true + 300_000)
        assert outbox.due(c, "pacs", true, 10) == []
