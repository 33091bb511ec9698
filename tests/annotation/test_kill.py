"""The server is killed again and again while readers work: nothing acknowledged is lost or doubled.

Each reader's client does what the page does: it sends again, until it is answered, whatever it does
not know to be kept. INFMAP_KILLS=50 makes it fifty times instead of ten.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from serving import Server
from small_station import box
from web_station import WebStation, one_stroke

from infmap.annotation import audit, decisions, drafts
from infmap.annotation.store import Store
from infmap.annotation.users import User
from infmap.web.masks import decode

MOMENTS = int(os.environ.get("INFMAP_KILLS", "10"))
"""How often the server is killed."""
FILMS = 8 + MOMENTS * 7 // 10
STROKES = 8
"""Strokes of a film."""
KILL_AFTER = 7
"""Answers between two kills; there are 11 a film."""


class Hospital:
    """A server that comes back, and what its readers were answered.

    Attributes:
        strokes: (draft, number, uuid) of strokes that were acknowledged.
        revisions: task to the revision that was acknowledged.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.changed = threading.Condition()
        self.left = 0
        self.readers = 0
        self.starts = 0
        self.strokes: set[tuple[str, int, str]] = set()
        self.revisions: dict[str, str] = {}

    def kill_often(self, times: int) -> int:
        """Kill and restart the server while readers work; returns how often."""
        for moment in range(times):
            with self.changed:
                self.left = KILL_AFTER
                self.changed.wait_for(lambda: self.left <= 0 or not self.readers)
                if not self.readers:
                    return moment
            # Whichever reader was answered last, the other one's request is under way.
            self.server.kill()
            self.server.start()
            with self.changed:
                self.starts += 1
                self.changed.notify_all()
        return times

    def ask(self, client: httpx.Client, method: str, path: str, body: object) -> httpx.Response:
        """The answer to a request that is sent until it is answered."""
        while True:
            with self.changed:
                address, starts = self.server.address, self.starts
            try:
                answer = client.request(method, address + path, json=body)
            except httpx.TransportError:
                with self.changed:
                    self.changed.wait_for(lambda starts=starts: self.starts > starts, timeout=60)
                continue
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            if answer.status_code != 503:
                with self.changed:
                    self.left -= 1
                    self.changed.notify_all()
                return answer

    def read_all(self, headers: dict[str, str], project: str) -> None:
        """Read films until none is left: draw each stroke by stroke, and decide."""
        with httpx.Client(headers=headers, timeout=60) as client:
            while True:
                answer = self.ask(client, "POST", f"/api/projects/{project}/next", None)
                if answer.status_code == 204:
                    return
                self.read(client, answer.json())

    def read(self, client: httpx.Client, task: dict[str, object]) -> None:
        """Draw one film from nothing and decide it."""
        path = f"/api/tasks/{task['id']}"
        begun = {"base": None, "tab": "tab"}
        draft = self.ask(client, "POST", f"{path}/draft", begun).json()
        for number in range(draft["seq"] + 1, STROKES + 1):
            stroke = one_stroke(number)
            body = {"epoch": draft["epoch"], "expected_seq": number - 1, "strokes": [stroke]}
            kept = self.ask(client, "POST", f"/api/drafts/{draft['draft']}/strokes", body)
            assert (kept.status_code, kept.json()) == (200, {"seq": number})
            self.strokes.add((draft["draft"], number, str(stroke["uuid"])))
        body = {"version": task["version"], "kind": "draw", "draft": draft["draft"]}
        body |= {"seq": STROKES, "active_ms": 1000}
        decided = self.ask(client, "POST", f"{path}/decision", body)
        assert decided.status_code == 200, decided.text
        self.revisions[str(task["id"])] = decided.json()["revision"]


@pytest.fixture
def site(store: Store) -> Iterator[WebStation]:
    site = WebStation(store)
    for n in range(FILMS - len(site.films)):
        site.film(f"more{n}")
    site.plan()
    yield site


def test_nothing_acknowledged_is_lost_or_doubled(site: WebStation, url: str | None) -> None:
    hospital = Hospital(Server(site.store.folder, url))
    hospital.server.start()
    failures: list[BaseException] = []

    def work(user: User) -> None:
        try:
            hospital.read_all(site.headers(user), site.project)
        except BaseException as error:
            failures.append(error)
        finally:
            with hospital.changed:
                hospital.readers -= 1
                hospital.changed.notify_all()

    readers = [threading.Thread(target=work, args=(user,)) for user in (site.ann, site.ben)]
    for user in (site.ann, site.ben):
        site.headers(user)  # both sessions exist before anybody is killed
    hospital.readers = len(readers)
    for reader in readers:
        reader.start()
    try:
        kills = hospital.kill_often(MOMENTS)
        for reader in readers:
            reader.join()
    finally:
        hospital.server.kill()
    assert not failures, failures
    assert kills == MOMENTS
    check(site.store, hospital)


def check(store: Store, hospital: Hospital) -> None:
    """Hold the database against what was acknowledged."""
    assert len(hospital.revisions) == FILMS
    assert len(hospital.strokes) == FILMS * STROKES
    drawn = np.bitwise_xor.reduce([box(1, n % 30, 4, n % 30 + 3) for n in range(1, STROKES + 1)])
    with store.read() as c:
        for task, revision in hospital.revisions.items():
            assert [made.id for made in decisions.of_task(c, task)] == [revision]
            np.testing.assert_array_equal(decode(decisions.mask(c, revision)), drawn)
        kept = set()
        for draft in {draft for draft, _, _ in hospital.strokes}:
            found = drafts.strokes(c, draft)
            assert [stroke.seq for stroke in found] == list(range(1, STROKES + 1))
            kept |= {(draft, stroke.seq, stroke.uuid) for stroke in found}
        assert kept == hospital.strokes
        assert audit.verify(c).broken is None
