"""The node is killed again and again while films come in and objects go out.

Nothing that was acknowledged is lost, and nothing is read or stored twice. The modality sends a
film again, until it is answered, whatever it does not know to be kept. INFMAP_KILLS=50 makes it
fifty times instead of ten.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_pacs import FakePacs
from small_node import CLASSES, encoded, film, open_store, rules_of

from infmap.core.errors import PeerError
from infmap.dicom.network import Peer, store
from infmap.node import outbox
from infmap.serve.schema import items, received, results

KILLS = int(os.environ.get("INFMAP_KILLS", "10"))
KILL_AFTER = 7
"""Acknowledged films and stored objects between two kills: no multiple of a film's six."""
FILMS = 8 + KILLS * 7 // 6


class Hospital:
    """A node that comes back, a modality and a PACS."""

    def __init__(self, folder: Path, pacs: FakePacs, peer: Peer) -> None:
        self.pacs = pacs
        rules = folder / "rules.json"
        rules.write_text(rules_of({"pacs": {"dicom": f"FAKE@{peer.place}"}}).model_dump_json())
        script = str(Path(__file__).parent / "node_process.py")
        command = [sys.executable, script, str(folder / "server"), str(rules)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.node = self.port = 0
        self.starts = 0
        self.acknowledged: list[int] = []
        self.ended = threading.Event()

    def say(self, line: str) -> list[str]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def start(self) -> None:
        node, port = map(int, self.say("start"))
        with self.pacs.changed:
            self.node, self.port = node, port
            self.starts += 1
            self.pacs.changed.notify_all()

    def kill(self) -> None:
        os.kill(self.node, signal.SIGKILL)
        assert self.say(f"reap {self.node}") == ["reaped"]

    def send_films(self) -> None:
        """Send each film until it is acknowledged."""
        for number in range(FILMS):
            while not self.send(number):
                pass
            with self.pacs.changed:
                self.acknowledged.append(number)
                self.pacs.changed.notify_all()

    def send(self, number: int) -> bool:
        with self.pacs.changed:
            port, starts = self.port, self.starts
        try:
            peer = Peer("127.0.0.1", port, "INFMAP", calling="MOD1", seconds=20.0)
            (sent,) = store(peer, [encoded(film(number))])
        except PeerError:
            sent = None
        if sent is not None and sent.stored:
            return True
        assert sent is None or sent.status is None, f"{sent.status:04X}"
        with self.pacs.changed:
            self.pacs.changed.wait_for(lambda: self.starts > starts, timeout=60)
        return False

    def kill_often(self) -> int:
        """Kill and restart the node while it works; returns how often."""
        everything = FILMS * (1 + len(CLASSES))
        for moment in range(KILLS):
            target = min((moment + 1) * KILL_AFTER, everything - 1)
            with self.pacs.changed:
                reached = self.pacs.changed.wait_for(lambda n=target: self.done() >= n, 120)
            assert reached
            self.kill()
            self.start()
        return KILLS

    def done(self) -> int:
        return len(self.acknowledged) + len(self.pacs.stored)

    def close(self) -> None:
        if self.node:
            self.kill()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


# pynetdicom drops the socket of a connection that ends early without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_acknowledged_is_lost_or_done_twice(tmp_path: Path) -> None:
    pacs = FakePacs()
    with pacs.running() as peer:
        hospital = Hospital(tmp_path, pacs, peer)
        try:
            hospital.start()
            modality = threading.Thread(target=hospital.send_films)
            modality.start()
            assert hospital.kill_often() == KILLS
            modality.join(120)
            assert len(hospital.acknowledged) == FILMS
            pacs.until(FILMS * len(CLASSES))
            # Sent is noted after the PACS has answered: the last ones may be on their way.
            wait_until_sent(tmp_path / "server", FILMS * len(CLASSES))
        finally:
            hospital.close()
    assert set(pacs.stored.values()) == {1} and len(pacs.stored) == FILMS * len(CLASSES)
    store = open_store(tmp_path / "server")
    try:
        with store.read() as c:
            assert len(c.execute(received.select()).all()) == FILMS
            assert len(c.execute(results.select()).all()) == FILMS
            states = [row.state for row in c.execute(items.select())]
            assert states == ["done"] * FILMS
            assert outbox.counts(c) == {
                "waiting": 0,
                "stored": 0,
                "sent": FILMS * len(CLASSES),
                "dead": 0,
            }
    finally:
        store.close()


def wait_until_sent(folder: Path, n: int) -> None:
    store = open_store(folder)
    ticks = threading.Event()
    try:
        for _ in range(600):
            with store.read() as c:
                if outbox.counts(c)["sent"] == n:
                    return
            ticks.wait(0.05)
        pytest.fail("objects that the PACS has are not noted as sent")
    finally:
        store.close()


def test_the_rules_of_a_process_are_those_of_the_test() -> None:
    rules = rules_of({"pacs": {"dicom": "FAKE@127.0.0.1:104"}})
    assert type(rules).model_validate(json.loads(rules.model_dump_json())) == rules
