"""The outbox against a PACS that is killed, refuses, fails in part, or hangs.

INFMAP_FILMS=200 sends the objects of two hundred films while Orthanc is killed, instead of twelve.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pydicom
import pytest
from fake_pacs import FakePacs
from small_node import CLASSES, made, open_store

from infmap.dicom.network import DicomWeb
from infmap.node import outbox
from infmap.node.outbox import Entry
from infmap.node.remotes import Manner, remote_of
from infmap.node.sending import Sender
from infmap.serve.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
from orthanc import Orthanc, free_port, settings_of, started  # noqa: E402
from web_stand_in import DicomJson, served, stow_item  # noqa: E402

FILMS = int(os.environ.get("INFMAP_FILMS", "12"))
KILLS = 2
# pynetdicom drops the socket of a connection that ends early without closing it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "server")
    yield store
    store.close()


def plan(store: Store, destination: str, films: Sequence[str]) -> None:
    with store.begin() as c:
        for name in films:
            outbox.plan(c, name, [(destination, kind) for kind in CLASSES])


def entries(store: Store) -> list[Entry]:
    with store.read() as c:
        return outbox.every(c)


def until(store: Store, sent: int) -> None:
    """Wait for so many objects to be sent."""
    ticks = threading.Event()
    for _ in range(6000):
        with store.read() as c:
            counts = outbox.counts(c)
        if counts["sent"] >= sent:
            return
        ticks.wait(0.05)
    pytest.fail(f"expected {sent} objects sent, got {counts}")


@contextmanager
def sending(store: Store, addresses: dict[str, str], seconds: float = 20.0) -> Iterator[None]:
    with ExitStack() as stack:
        for name, address in addresses.items():
            one = Sender(store, name, remote_of(address, Manner(seconds=seconds)), made)
            one.start()
            stack.callback(one.stop, 60)
        yield


def test_orthanc_killed_midway_has_each_object_exactly_once(store: Store, tmp_path: Path) -> None:
    pacs = Orthanc(free_port(), free_port())
    settings = tmp_path / "orthanc.json"
    settings.write_text(json.dumps(settings_of(tmp_path, pacs)))
    films = [f"film {n}" for n in range(FILMS)]
    plan(store, "pacs", films[::2])
    plan(store, "archive", films[1::2])
    everything = FILMS * len(CLASSES)
    addresses = {"pacs": f"ORTHANC@127.0.0.1:{pacs.dicom}", "archive": pacs.url}
    with sending(store, addresses):
        for kill in range(KILLS):
            with started(pacs, settings) as process:
                until(store, (kill + 1) * everything // (KILLS + 1))
                process.kill()
        with started(pacs, settings):
            until(store, everything)
            assert pacs.instances() == everything
            found = DicomWeb(pacs.url).find({"SOPClassUID": ""})
    assert {e.state for e in entries(store)} == {"sent"}
    uids = Counter(str(d.SOPInstanceUID) for d in found)
    assert set(uids.values()) == {1} and set(uids) == {e.sop_uid for e in entries(store)}
    kinds = Counter(str(d.SOPClassUID) for d in found)
    assert kinds == dict.fromkeys(CLASSES.values(), FILMS)


def test_a_pacs_that_refuses_over_dimse(store: Store) -> None:
    plan(store, "pacs", ["a"])
    uids = {kind: uid_of("a", kind) for kind in CLASSES}
    statuses = {uids["seg"]: 0xA700, uids["sr"]: 0xC000, uids["sc"]: 0xB000}
    pacs = FakePacs(lambda uid: statuses.get(uid, 0))
    with pacs.running() as peer:
        remote = remote_of(f"FAKE@{peer.place}")
        sender = Sender(store, "pacs", remote, made)
        assert sender.round() == 5
        states = {e.kind: (e.state, e.status) for e in entries(store)}
        assert states == {
            "seg": ("waiting", "A700"), "sr": ("dead", "C000"), "sc": ("sent", "B000"),
            "gsps": ("sent", "0000"), "pdf": ("sent", "0000"),
        }  # fmt: skip
        statuses.clear()
        with store.begin() as c:
            outbox.retry(c)
        assert sender.round() == 2
    assert all(e.state == "sent" for e in entries(store))
    assert set(pacs.stored.values()) == {1}


def uid_of(name: str, kind: str) -> str:
    import io

    return str(pydicom.dcmread(io.BytesIO(made(name, kind))).SOPInstanceUID)


@contextmanager
def web_pacs(failing: dict[str, int]) -> Iterator[str]:
    """A DICOMweb server that answers 200 to STOW and names failures; nothing is found by QIDO."""

    class Handler(DicomJson):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = [uid for kind in CLASSES if (uid := uid_of("a", kind)).encode() in body]
            failed = [stow_item(uid, failing[uid]) for uid in sent if uid in failing]
            stored = [stow_item(uid) for uid in sent if uid not in failing]
            answer = {"00081199": {"vr": "SQ", "Value": stored}} if stored else {}
            answer |= {"00081198": {"vr": "SQ", "Value": failed}} if failed else {}
            self.say(200, answer)

        def do_GET(self) -> None:
            self.say(204, None)

    with served(Handler) as url:
        yield url


def test_stow_that_says_200_and_fails_in_part(store: Store) -> None:
    plan(store, "archive", ["a"])
    failing = {uid_of("a", "seg"): 0xA700, uid_of("a", "pdf"): 0x0122}
    with web_pacs(failing) as url:
        sender = Sender(store, "archive", remote_of(url), made)
        sender.round()
        states = {e.kind: (e.state, e.status) for e in entries(store)}
        assert states["seg"] == ("waiting", "A700") and states["pdf"] == ("dead", "0122")
        assert all(states[kind] == ("sent", "0000") for kind in ("sr", "sc", "gsps"))
        failing.clear()
        with store.begin() as c:
            outbox.retry(c)
        sender.round()
    assert all(e.state == "sent" for e in entries(store))


def test_peers_that_hang_keep_nobody_waiting(store: Store) -> None:
    """One takes the connection and says nothing; others get all of theirs meanwhile."""
    for destination in ("dimse", "web"):
        plan(store, destination, ["a"])
    plan(store, "pacs", ["a", "b", "c"])
    pacs = FakePacs()
    with socket.socket() as silent, pacs.running() as peer:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        addresses = {"dimse": f"MUTE@{place}", "web": f"http://{place}"}
        addresses["pacs"] = f"FAKE@{peer.place}"
        with sending(store, addresses, seconds=2.0):
            until(store, 15)
            pacs.until(15)
            # Both have noticed, and will try again.
            ticks = threading.Event()
            while any(e.state == "waiting" and e.reason is None for e in entries(store)):
                ticks.wait(0.05)
    left = [e for e in entries(store) if e.destination != "pacs"]
    assert {e.state for e in left} == {"waiting"} and all(e.status is None for e in left)
