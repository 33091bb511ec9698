"""Tests of `infmap.node.sending`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import pytest
from small_node import CLASSES, FakeRemote, made

from infmap.core.errors import PeerError, UsageError
from infmap.dicom.network import Sent
from infmap.dicom.network.peer import NothingAccepted
from infmap.node import outbox
from infmap.node.outbox import Entry
from infmap.node.remotes import Remote
from infmap.node.sending import LONGEST_MS, Sender, pause
from infmap.serve.store import Store

KINDS = tuple(CLASSES)


def planned(store: Store, destination: str = "pacs", films: Sequence[str] = ("a",)) -> None:
    with store.begin() as c:
        for name in films:
            outbox.plan(c, name, [(destination, kind) for kind in KINDS])


def sender(store: Store, remote: Remote, **options: bool) -> Sender:
    return Sender(store, "pacs", remote, made, rng=random.Random(0), **options)


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
    monkeypatch.setattr("infmap.node.sending.GIVE_UP_MS", 0)
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
        assert outbox.counts(c) == {"waiting": 5, "sent": 20, "dead": 0}


def counting(n: int, done: threading.Event) -> Callable[[str], int]:
    """Says yes, and that it did so often enough."""
    got: list[str] = []

    def answer(uid: str) -> int:
        got.append(uid)
        if len(got) == n:
            done.set()
        return 0

    return answer


def test_pauses_double_up_to_five_minutes_and_are_spread() -> None:
    rng = random.Random(0)
    for attempts in range(40):
        longest = min(LONGEST_MS, 2_000 * 2**attempts)
        pauses = [pause(attempts, rng) for _ in range(20)]
        assert longest // 2 <= min(pauses) < max(pauses) <= longest
