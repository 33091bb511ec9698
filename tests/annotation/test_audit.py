"""The audit log: an entry that is changed, removed or inserted shows."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from infmap.annotation import audit, schema
from infmap.annotation.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from small_station import NOON  # noqa: E402


@pytest.fixture
def log(store: Store) -> Store:
    """A station with five entries."""
    with store.begin() as c:
        for k in range(5):
            audit.note(c, "ann", "decide", f"task {k}", {"kind": "choose", "n": k}, NOON + k)
    return store


def broken(store: Store) -> str | None:
    with store.read() as c:
        return audit.verify(c).broken


def test_entries_come_back_as_they_were_written(log: Store) -> None:
    with log.read() as c:
        entries = audit.entries(c)
        chain = audit.verify(c)
    assert [(e.seq, e.at, e.subject) for e in entries] == [
        (k + 1, NOON + k, f"task {k}") for k in range(5)
    ]
    assert entries[2].detail == {"kind": "choose", "n": 2}
    assert chain == audit.Chain(5, entries[-1].digest, None)
    with log.read() as c:
        assert [e.seq for e in audit.entries(c, after=2, most=2)] == [3, 4]


def test_an_empty_log_is_whole(store: Store) -> None:
    with store.read() as c:
        assert audit.verify(c) == audit.Chain(0, audit.FIRST, None)


@pytest.mark.parametrize("column", ["at", "user_name", "verb", "subject", "detail", "digest"])
def test_a_changed_entry_breaks_the_chain(log: Store, column: str) -> None:
    values = {column: 1 if column == "at" else "{}"}
    with log.begin() as c:
        c.execute(update(schema.audit).where(schema.audit.c.seq == 3).values(values))
    assert broken(log) == "audit: entry 3 is not as it was written"


def test_an_entry_made_again_with_its_own_digest_breaks_the_chain(log: Store) -> None:
    with log.begin() as c:
        c.execute(delete(schema.audit).where(schema.audit.c.seq == 5))
        c.execute(update(schema.audit_head).values(seq=4, digest=audit.FIRST))
        audit.note(c, "ann", "decide", "task 4", None, NOON)
    assert broken(log) == "audit: entry 5 is not as it was written"


@pytest.mark.parametrize(("gone", "said"), [(3, "expected entry 3, found 4"), (5, "expected 5")])
def test_a_removed_entry_breaks_the_chain(log: Store, gone: int, said: str) -> None:
    with log.begin() as c:
        c.execute(delete(schema.audit).where(schema.audit.c.seq == gone))
    assert said in str(broken(log))


def test_an_undone_transaction_leaves_no_entry(log: Store) -> None:
    with pytest.raises(RuntimeError), log.begin() as c:
        audit.note(c, "ann", "decide", "task 9")
        raise RuntimeError
    with log.read() as c:
        assert audit.verify(c).entries == 5


def test_writers_at_one_moment_make_one_chain(log: Store) -> None:
    start = threading.Barrier(8)

    def write() -> None:
        start.wait()
        for k in range(5):
            with log.begin() as c:
                audit.note(c, "ann", "decide", f"task {k}")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with log.read() as c:
        chain = audit.verify(c)
    assert (chain.entries, chain.broken) == (45, None)
