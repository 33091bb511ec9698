"""Tests of `infmap.node.sending`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import pytest
from small_node import CLASSES, FakeRemote, made

from infmap.core.errors import PeerError, UsageError
from infmap.dicom.network import Sent
from infmap.dicom.network.outcome import Refused
from infmap.dicom.network.peer import NothingAccepted
from infmap.node import outbox
from infmap.node.outbox import Entry
from infmap.node.patience import REFUSED_MS, Patience
from infmap.node.remotes import Remote
from infmap.node.sending import Sender
from infmap.serve.store import Store
from infmap.web.database import now

KINDS = tuple(CLASSES)


def planned(store: Store, destination: str = "pacs", films: Sequence[str] = ("a",)) -> None:
    with store.begin() as c:
        for name in films:
            outbox.plan(c, name, [(destination, kind) for kind in KINDS])


def sender(store: Store, remote: Remote, **options: bool) -> Sender:
    return Sender(store, "pacs", remote, made, patience=Patience(random.Random(0)), **options)


def entries(store: Store) -> dict[str, Entry]:
    with store.read() as c:
        return {entry.kind: entry for entry in outbox.every(c)}


def hurry(store: Store) -> None:
    """Let the next attempts be due."""
    with store.begin() as c:
        outbox.retry(c)


def test_each_object_has_its_own_status(store: Store) -> None:
    statuses = {"sr": 0xA700, "gsps": 0xC000, "pdf": None}
    by_uid = {uid_of(kind): status for kind, status in statuses.items()}
    remote = FakeRemote(lambda uid: by_uid.get(uid, 0))
    planned(store)
    assert sender(store, remote).round() == 5
    rows = entries(store)
    assert {k: e.state for k, e in rows.items()} == {
        "seg": "sent", "sc": "sent", "sr": "waiting", "pdf": "waiting", "gsps": "dead",
    }  # fmt: skip
    assert (rows["sr"].status, rows["gsps"].status, rows["pdf"].status) == ("A700", "C000", None)
    assert sorted(remote.got) == sorted([uid_of("seg"), uid_of("sc")])
    assert remote.asked == []  # nothing was tried before
    by_uid.clear()
    hurry(store)
    sender(store, remote).round()
    assert all(e.state == "sent" for e in entries(store).values())
    assert sorted(remote.got) == sorted(map(uid_of, KINDS))


def uid_of(kind: str) -> str:
    import io

    import pydicom

    return str(pydicom.dcmread(io.BytesIO(made("a", kind))).SOPInstanceUID)


def test_what_was_stored_without_an_answer_is_found_and_not_sent_again(store: Store) -> None:
    class Silent(FakeRemote):
        def send(self, files: Sequence[bytes]) -> list[Sent]:
            super().send(files)
            raise PeerError("no answer")

    remote = Silent()
    planned(store)
    sender(store, remote).round()
    assert all(e.state == "waiting" and e.attempts == 1 for e in entries(store).values())
    hurry(store)
    sender(store, remote).round()
    assert sorted(remote.got) == sorted(map(uid_of, KINDS))  # each once
    assert all("found" in (e.reason or "") for e in entries(store).values())


def test_a_peer_that_cannot_be_searched_is_sent_the_same_bytes(store: Store) -> None:
    class Blind(FakeRemote):
        def holds(self, study: str, series: str, uid: str) -> bool:
            raise NothingAccepted("no C-FIND")

    for remote, options in ((Blind(lambda uid: None), {}), (FakeRemote(lambda uid: None), {})):
        planned(store)
        sender(store, remote, search=isinstance(remote, Blind), **options).round()
        remote.answer = lambda uid: 0
        hurry(store)
        sender(store, remote, search=isinstance(remote, Blind)).round()
        assert len(remote.got) == 5 and remote.asked == []
        with store.begin() as c:
            c.execute(outbox.table.delete())


def test_a_peer_that_does_not_answer_the_search_is_not_sent_anything(store: Store) -> None:
    class Away(FakeRemote):
        def holds(self, study: str, series: str, uid: str) -> bool:
            raise PeerError("away")

    remote = Away(lambda uid: None)
    planned(store)
    sender(store, remote).round()
    remote.answer = lambda uid: 0
    hurry(store)
    sender(store, remote).round()
    assert remote.got == [] and all(e.reason == "away" for e in entries(store).values())


def test_an_object_that_cannot_be_made_is_a_dead_letter(store: Store) -> None:
    def make(name: str, kind: str) -> bytes:
        if kind == "gsps":
            raise UsageError("a colour film has no presentation state")
        return made(name, kind)

    remote = FakeRemote()
    planned(store)
    Sender(store, "pacs", remote, make).round()
    rows = entries(store)
    assert rows["gsps"].state == "dead" and "colour" in (rows["gsps"].reason or "")
    assert len(remote.got) == 4


def test_what_fails_for_a_week_is_a_dead_letter(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infmap.node.patience.GIVE_UP_MS", 0)
    planned(store)
    sender(store, FakeRemote(lambda uid: 0xA700)).round()
    assert all(e.state == "dead" and e.status == "A700" for e in entries(store).values())


def test_a_hanging_peer_blocks_nobody_else(store: Store) -> None:
    free, hangs = threading.Event(), threading.Event()

    class Hanging(FakeRemote):
        def send(self, files: Sequence[bytes]) -> list[Sent]:
            hangs.set()
            free.wait(60)
            raise PeerError("no answer")

    remote, done = FakeRemote(), threading.Event()
    remote.answer = counting(20, done)
    planned(store, "hanging")
    planned(store, films=("a", "b", "c", "d"))
    senders = [Sender(store, "hanging", Hanging(), made), Sender(store, "pacs", remote, made)]
    for one in senders:
        one.start()
    assert hangs.wait(60) and done.wait(60)
    free.set()
    for one in senders:
        one.stop(60)
    with store.read() as c:
        assert outbox.counts(c) == {"waiting": 5, "stored": 0, "sent": 20, "dead": 0}


def counting(n: int, done: threading.Event) -> Callable[[str], int]:
    """Says yes, and that it did so often enough."""
    got: list[str] = []

    def answer(uid: str) -> int:
        got.append(uid)
        if len(got) == n:
            done.set()
        return 0

    return answer


def test_a_destination_that_says_no_is_given_up_after_an_hour(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class No(FakeRemote):
        error: PeerError | None = Refused("refused with HTTP 401; check the Authorization header")

        def send(self, files: Sequence[bytes]) -> list[Sent]:
            if self.error is not None:
                raise self.error
            return super().send(files)

    remote, at = No(), [now()]
    for clock in ("now", "steady"):
        monkeypatch.setattr(f"infmap.node.patience.{clock}", lambda: at[0])
    planned(store)
    one = sender(store, remote, search=False)
    one.round()
    assert {e.state for e in entries(store).values()} == {"waiting"}
    # Not the time since the object was planned: what waited for an absent peer gets its hour.
    at[0] += REFUSED_MS - 1
    hurry(store)
    one.round()
    assert {e.state for e in entries(store).values()} == {"waiting"}
    at[0] += 1
    hurry(store)
    one.round()
    rows = entries(store).values()
    assert {e.state for e in rows} == {"dead"} and all("401" in (e.reason or "") for e in rows)
    # Once it answers, its next refusal has an hour again.
    remote.error = None
    hurry(store)
    one.round()
    assert len(remote.got) == 5
    remote.error = Refused("no")
    planned(store, films=("b",))
    one.round()
    assert [e.state for e in entries(store).values() if e.film == "b"] == ["waiting"] * 5


def test_a_destination_is_left_alone_for_as_long_as_it_asks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(FakeRemote):
        def send(self, files: Sequence[bytes]) -> list[Sent]:
            self.asked.append("send")
            return [Sent("1.2", 0xA700, "full", wait=600.0) for _ in files]

    planned(store, films=("a", "b", "c"))
    remote, at = Full(), [now()]
    for module in ("patience", "sending"):
        for clock in ("now", "steady"):
            monkeypatch.setattr(f"infmap.node.{module}.{clock}", lambda: at[0])
    one = sender(store, remote)
    assert one.round() == 10 and one.round() == 0
    with store.read() as c:
        tried = [entry for entry in outbox.every(c) if entry.status == "A700"]
    assert len(tried) == 10 and all(e.next_at >= at[0] + 600_000 for e in tried)
    at[0] += 600_000
    assert one.round() > 0 and remote.asked.count("send") == 2


def test_an_object_that_is_never_taken_is_a_dead_letter_at_once(store: Store) -> None:
    class Picky(FakeRemote):
        def send(self, files: Sequence[bytes]) -> list[Sent]:
            return [Sent("1.2", None, "refused with HTTP 415", final=True) for _ in files]

    planned(store)
    sender(store, Picky()).round()
    assert {(e.state, e.reason) for e in entries(store).values()} == {
        ("dead", "refused with HTTP 415")
    }
