"""What clients of a job are told."""

from __future__ import annotations

from small_server import SmallServer

from infmap.serve import events


def test_events_come_in_order_and_after_a_number(small: SmallServer) -> None:
    job, other = small.job("a"), small.job("b")
    with small.store.begin() as c:
        for n in range(3):
            events.add(c, {job.id: [("item", {"n": n})]})
            events.add(c, {other.id: [("item", {"n": -1})]})
        found = events.after(c, job.id)
        assert [event.data["n"] for event in found] == [0, 1, 2]
        assert [e.seq for e in found] == sorted({e.seq for e in found})
        assert events.after(c, job.id, found[0].seq) == found[1:]
        assert events.after(c, job.id, found[-1].seq) == []
        assert events.after(c, job.id, most=2) == found[:2]
