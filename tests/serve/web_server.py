"""A server behind its interface, whose films are read at once and by no network."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from httpx import Response
from PIL import Image
from starlette.testclient import TestClient

from infmap.api import DEFAULT_MODEL, model_folder
from infmap.inference import read_manifest
from infmap.phantom import render
from infmap.report.ids import check_id
from infmap.serve import items, keys, making, registry, results
from infmap.serve.app import AppSettings, create_api, create_app
from infmap.serve.callers import Limits
from infmap.serve.items import Claimed
from infmap.serve.notices import Notices
from infmap.serve.results import Facts, Result
from infmap.serve.store import Store
from infmap.web.database import now
from infmap.web.limits import RateLimit

SIZE = 64
"""Pixels along a film's side."""
Json = Mapping[str, object]


def film(number: int) -> bytes:
    """A PNG film; one of each number."""
    pixels = render(number, size=SIZE).pixels
    stream = io.BytesIO()
    Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Reader:
    """Reads queued films as soon as it is woken; ``asleep`` lets them wait.

    Files of other bytes than a PNG's are failed; ``rejects`` are rejected.
    """

    def __init__(self, store: Store, notices: Notices) -> None:
        self.store, self.notices = store, notices
        self.asleep = False
        self.rejects: set[str] = set()
        self.processes = 1

    def wake(self) -> None:
        while not self.asleep:
            with self.store.begin() as c:
                models = {model.name: model for model in registry.every(c)}
                claimed = items.claim(c, "reader", list(models), 1, now())
            if not claimed:
                return
            (item,) = claimed
            result = self._read(item, models[item.model])
            with self.store.begin() as c:
                items.finish(c, [(item, result)])
            self.notices.changed([item.job])

    @property
    def alive(self) -> int:
        return self.processes

    def _read(self, item: Claimed, model: registry.Registered) -> Result:
        threshold = model.threshold if item.threshold is None else item.threshold
        named = item.threshold is not None
        film = results.film_id(self.store.key, item.sha256, model.sha256, threshold, named)
        data = (self.store.uploads / item.sha256[:2] / item.sha256).read_bytes()
        status: results.Status = "ok" if data.startswith(b"\x89PNG") else "failed"
        if item.sha256 in self.rejects:
            status = "rejected"
        if status != "failed":
            write_result(results.folder(self.store, film), film, status)
        reason = None if status == "ok" else "no chest film"
        return Result(
            film, item.sha256, model.sha256, threshold, named, status, reason, None, None, 0.1, 0.2,
            1.0, now(),
        )  # fmt: skip


def write_result(folder: Path, film: str, status: str) -> None:
    """Files of a film as the workers write them."""
    folder.mkdir(parents=True, exist_ok=True)
    check_id(film)
    line = {"id": film, "status": status, "infected_fraction": 0.1, "model": "m@1"}
    (folder / results.LINE).write_text(json.dumps(line))
    facts: Facts = {
        "width": SIZE, "height": SIZE, "bits": 8, "window_center": 128.0, "window_width": 256.0,
        "study_date": "2021-02-03", "pixel_spacing": (0.2, 0.2), "dicom": False, "figures": None,
        "view": "AP",
    }  # fmt: skip
    (folder / results.FACTS).write_text(json.dumps(facts))
    for layer in ("infection", "opacity", "lungs"):
        Image.new("L", (SIZE, SIZE), 7).save(folder / f"{layer}.png")
    for kind in making.KINDS:  # made already: nothing here comes of a network
        (folder / making._file(kind)).write_bytes(b"made")
    zones = np.zeros((SIZE, SIZE), np.uint8)
    zones[8:56, 4:28], zones[8:56, 36:60] = 1, 4
    Image.fromarray(zones).save(folder / "zones.png")


class WebServer:
    """A server with the shipped model's name, and clients of it.

    Attributes:
        client: asks it from this machine.
        keys: name to secret: "ann", "ben" and "closed", which is disabled.
    """

    def __init__(self, folder: Path, url: str | None = None, *, needs_key: bool = False) -> None:
        self.store = Store.open(folder, url)
        model = model_folder()
        with self.store.begin() as c:
            registry.register(c, {DEFAULT_MODEL: model})
            self.keys = {name: keys.create(c, name)[1] for name in ("ann", "ben", "closed")}
            keys.disable(c, "closed")
        self.notices = Notices()
        self.reader = Reader(self.store, self.notices)
        self.limits = Limits()
        self.settings = AppSettings(limits=self.limits, open=not needs_key, largest=2**20)
        self.models = {DEFAULT_MODEL: read_manifest(model)}
        self.desk = create_api(
            self.store, self.models, self.reader, self.notices, self.settings
        ).state.desk
        self.app = create_app(self.store, self.models, self.reader, self.notices, self.settings)
        peer = ("192.0.2.1" if needs_key else "127.0.0.1", 50000)
        base = "http://server.example" if needs_key else "http://127.0.0.1"
        self.client = TestClient(self.app, base, client=peer)

    def unlimited(self) -> None:
        """Allow any number of requests."""
        self.limits.requests = self.limits.strangers = RateLimit(10**9, 1e-9)

    def ask(
        self, method: str, path: str, body: Json | bytes | None = None, key: str | None = None,
        **headers: str,
    ) -> Response:  # fmt: skip
        """The answer to one request of a script, with the key of a name."""
        own = {name.replace("_", "-"): text for name, text in headers.items()}
        if key is not None:
            own["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        if isinstance(body, bytes):
            return self.client.request(method, path, content=body, headers=own)
        return self.client.request(method, path, json=body, headers=own)

    def job(self, *films: bytes, key: str | None = None, **more: object) -> str:
        """A job of films whose bytes are not sent yet."""
        told = [
            {"name": f"{n}.png", "sha256": sha(data), "size": len(data)}
            for n, data in enumerate(films)
        ]
        made = self.ask("POST", "/v1/jobs", {"films": told, **more}, key)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def send(self, job: str, data: bytes, key: str | None = None) -> Response:
        """Send the bytes of a job's film."""
        return self.ask("PUT", f"/v1/jobs/{job}/films/{sha(data)}", data, key)

    def read(self, data: bytes, key: str | None = None, query: str = "") -> str:
        """Identifier of a film that is read at once."""
        answer = self.ask("POST", f"/v1/films?name=a.png{query}", data, key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["film"])
