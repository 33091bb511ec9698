"""A server with the shipped model and phantom films, and workers that end with the test."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import Connection

from infmap.api import model_folder
from infmap.phantom import render
from infmap.serve import jobs, uploads
from infmap.serve.items import Finishing
from infmap.serve.jobs import Job, NewFilm
from infmap.serve.reading import Finished
from infmap.serve.schema import outbox
from infmap.serve.store import Store
from infmap.serve.worker import Workers
from infmap.web.database import new_id

MODEL = "default"
PATIENCE = 120.0
"""Seconds after which a job that has not ended never will."""


@cache
def phantom(number: int, size: int = 256) -> bytes:
    """A chest film as PNG."""
    pixels = render(number, size=size, opacities=number % 3).pixels
    low, high = float(pixels.min()), float(pixels.max())
    stream = io.BytesIO()
    Image.fromarray(np.rint((pixels - low) / (high - low) * 255).astype(np.uint8)).save(
        stream, "PNG", compress_level=1
    )
    return stream.getvalue()


def planned(c: Connection, finishing: Finishing) -> None:
    """Plans something for each film that ends, as a node does; pickled by name."""
    c.execute(
        outbox.insert().values(
            id=new_id(), film_id=finishing.film, kind=finishing.status, destination="pacs",
            state="waiting", attempts=0, next_at=0, created=0,
        )
    )  # fmt: skip


class Changes:
    """Hears which jobs changed, and waits for their end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._heard = threading.Condition()
        self._count = 0

    def __call__(self, jobs: Sequence[str]) -> None:
        with self._heard:
            self._count += 1
            self._heard.notify_all()

    def until_ended(self, job: Job) -> list[jobs.Item]:
        """The items of a job once it has ended."""
        while True:
            with self._heard:
                count = self._count
            with self.store.read() as c:
                if jobs.get(c, job.id).state != "open":
                    return jobs.items(c, job.id)
            with self._heard:
                assert self._heard.wait_for(lambda count=count: self._count > count, PATIENCE)


def send(store: Store, films: Mapping[str, bytes], **options: object) -> Job:
    """Upload films and make a job of them."""
    new = [NewFilm(name, uploads.put(store, [data]).sha256) for name, data in films.items()]
    with store.begin() as c:
        return jobs.create(c, new, [MODEL], **options)  # type: ignore[arg-type]


@contextmanager
def working(
    store: Store,
    url: str | None = None,
    processes: int = 1,
    finished: Finished | None = None,
    models: Mapping[str, Path] | None = None,
) -> Iterator[tuple[Workers, Changes]]:
    """Workers that run inside the body."""
    changes = Changes(store)
    folders = models or {MODEL: model_folder()}
    workers = Workers(store.folder, url, folders, processes, finished, changes)
    workers.start()
    try:
        yield workers, changes
    finally:
        workers.stop(PATIENCE)
