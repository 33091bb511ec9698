"""The server is killed again and again while clients send films: nothing is lost or done twice.

The clients are the package's own: they send again, until it is answered, whatever they do not know
to be kept. INFMAP_KILLS=50 makes it fifty times, on both databases, instead of ten and two.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from server_process import ServerProcess
from sqlalchemy import select

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.client import Client, Job
from infmap.phantom import render
from infmap.serve import events, jobs, results, schema, uploads
from infmap.serve.server import ServerSettings
from infmap.serve.store import Store

MOMENTS = int(os.environ.get("INFMAP_KILLS", "10"))
"""Kills of a server on SQLite; a fifth of them on PostgreSQL, all of them if so many are asked for.
"""
KILL_AFTER = 4
"""Answers between two kills; a job of three films takes four until its events are followed."""
READ_AT = 3
"""Every so many kills only after a film was read since the start: models are loaded by then."""
PATIENCE = 300.0


class Films:
    """Small films, each with bytes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pixels = render(1, size=128, opacities=2).pixels
        self.picture = Image.fromarray(np.round(pixels * 255).astype(np.uint8))

    def __call__(self, name: str) -> Path:
        note = PngInfo()
        note.add_text("name", name)
        stream = io.BytesIO()
        self.picture.save(stream, "PNG", pnginfo=note)
        path = self.folder / f"{name}.png"
        path.write_bytes(stream.getvalue())
        return path


class Ward(httpx.HTTPTransport):
    """A server that comes back, its clients' connection, and what they were answered.

    Attributes:
        single: checksum of a film that was read at once, to its result.
        told: job to the results of its items by position, as the events told them.
        sent: job to the checksums of its films, in order.
    """

    def __init__(self, server: ServerProcess) -> None:
        super().__init__()
        self.server = server
        self.changed = threading.Condition()
        self.left = 0
        self.read = False
        self.over = False
        self.working = 0
        self.single: dict[str, str] = {}
        self.told: dict[str, dict[int, str | None]] = {}
        self.sent: dict[str, list[str]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        with self.changed:
            self.left -= 1
            self.changed.notify_all()
        return answer

    def kill_often(self, times: int) -> int:
        """Kill and restart the server while clients work; returns how often."""
        for moment in range(times):
            with self.changed:
                self.left, self.read = KILL_AFTER, moment % READ_AT != 0
                self.changed.wait_for(lambda: (self.left <= 0 and self.read) or not self.working)
                if not self.working:
                    return moment
            self.server.kill()
            self.server.start()
        with self.changed:
            self.over = True
        return times

    def is_read(self) -> None:
        """A film was read."""
        with self.changed:
            self.read = True
            self.changed.notify_all()

    def one_by_one(self, films: Films) -> None:
        """Films that are read at once, until the killing is over."""
        with Client(self.server.address, patience=PATIENCE, transport=self) as client:
            number = 0
            while not self.over or number == 0:
                path = films(f"single{number}")
                self.single[digest(path)] = client.predict(path).id
                self.is_read()
                number += 1

    def in_jobs(self, films: Films) -> None:
        """Jobs of three films, two under way at a time, until the killing is over."""
        with Client(self.server.address, patience=PATIENCE, transport=self) as client:
            number = 0
            under_way: list[Job] = []
            while not self.over or under_way:
                if not self.over and len(under_way) < 2:
                    paths = [films(f"job{number}-{n}") for n in range(3)]
                    job = client.submit(paths)
                    under_way.append(job)
                    self.sent[job.id] = [digest(path) for path in paths]
                    self.told[job.id] = {}
                    number += 1
                    continue
                job = under_way.pop(0)
                for event in job.events():
                    assert event.position not in self.told[job.id], "an event came twice"
                    self.told[job.id][event.position] = event.film
                    self.is_read()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def moments(url: str | None) -> int:
    """How often a server on a database is killed."""
    return MOMENTS if url is None or "INFMAP_KILLS" in os.environ else MOMENTS // 5


def test_nothing_acknowledged_is_lost_or_done_twice(tmp_path: Path, url: str | None) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    settings = ServerSettings({DEFAULT_MODEL: model_folder()}, database=url, processes=1)
    server = ServerProcess(tmp_path / "server", settings)
    server.start()
    ward, films = Ward(server), Films(folder)
    failures: list[BaseException] = []

    def work(how: str) -> None:
        try:
            {"single": ward.one_by_one, "jobs": ward.in_jobs}[how](films)
        except BaseException as error:
            failures.append(error)
        finally:
            with ward.changed:
                ward.working -= 1
                ward.changed.notify_all()

    clients = [threading.Thread(target=work, args=(how,)) for how in ("single", "jobs")]
    ward.working = len(clients)
    for client in clients:
        client.start()
    try:
        kills = ward.kill_often(moments(url))
        for client in clients:
            client.join()
    finally:
        server.kill()
    assert not failures, failures
    assert kills == moments(url)
    store = Store.open(tmp_path / "server", url)
    check(store, ward)
    store.close()


def check(store: Store, ward: Ward) -> None:
    """Hold the folder and its database against what was acknowledged."""
    assert ward.single and ward.sent
    told = [(sha, film) for sha, film in ward.single.items()]
    with store.read() as c:
        for job, digests in ward.sent.items():
            items = jobs.items(c, job)
            assert [item.sha256 for item in items] == digests
            assert jobs.get(c, job).state == "done"
            assert {item.position: item.film for item in items} == ward.told[job]
            told += [(item.sha256 or "", item.film or "") for item in items]
            happened = Counter(
                (event.kind, str(event.data.get("position")))
                for event in events.after(c, job, 0, 10**6)
            )
            assert set(happened.values()) == {1}, "an item ended twice"
        rows = c.execute(select(schema.results.c.sha256, schema.results.c.film_id)).all()
        assert Counter(rows).most_common(1)[0][1] == 1
        for sha, film in told:
            assert (sha, film) in {tuple(row) for row in rows}
            assert results.get(c, film).status == "ok"
        assert uploads.known(c, [sha for sha, _ in told]) == {sha for sha, _ in told}
    for sha, film in told:
        assert digest(uploads.path(store, sha)) == sha
        assert results.line(store, film)["sha256"] == sha
        for layer in results.Layer.__args__:  # type: ignore[attr-defined]
            with Image.open(results.layer(store, film, layer)) as plane:
                plane.load()
