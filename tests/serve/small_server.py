"""A server whose queue is tested: models that are rows alone, films that are any bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from infmap.serve import items, jobs, results, uploads
from infmap.serve.items import Claimed
from infmap.serve.jobs import Job, NewFilm
from infmap.serve.results import Result, Status
from infmap.serve.schema import models
from infmap.serve.store import Store
from infmap.web.database import now

NOON = 1_700_000_000_000
"""A moment, UTC milliseconds since 1970."""
DAY_MS = 24 * 3600 * 1000


class SmallServer:
    """Short words for what the tests of the queue do.

    Args:
        store: an empty server; gets the models "lite" and "large".
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        rows = [
            {"name": name, "label": f"{name}@1", "sha256": digest(name), "threshold": 0.5}
            | {"registered": 0}
            for name in ("lite", "large")
        ]
        with store.begin() as c:
            c.execute(models.insert(), rows)

    def upload(self, name: str) -> str:
        """Keep a film's bytes; returns their checksum."""
        return uploads.put(self.store, [name.encode()]).sha256

    def film(self, name: str) -> NewFilm:
        """A film whose bytes are kept."""
        return NewFilm(name, self.upload(name))

    def job(self, *names: str, models: Sequence[str] = ("lite",), **options: object) -> Job:
        """A job of films whose bytes are kept, brought by its owner."""
        films = [self.film(name) for name in names]
        with self.store.begin() as c:
            return jobs.create(c, films, models, brought=True, **options)  # type: ignore[arg-type]

    def claim(self, n: int = 10, owner: str = "me", at: int = NOON) -> list[Claimed]:
        with self.store.begin() as c:
            return items.claim(c, owner, ["lite", "large"], n, at)

    def result(
        self, item: Claimed, status: Status = "ok", patient: str | None = None, day: int | None = 0
    ) -> Result:
        """What a worker that says ``status`` of every film makes of an item."""
        at = 0.5 if item.threshold is None else item.threshold
        named = item.threshold is not None
        film = results.film_id(self.store.key, item.sha256, digest(item.model), at, named)
        reason = None if status == "ok" else "no film"
        return Result(
            film, item.sha256, digest(item.model), at, named, status, reason, patient, day, 0.1,
            0.2, 3.0, now(),
        )  # fmt: skip

    def finish(self, *claimed: Claimed, status: Status = "ok") -> list[items.Finishing]:
        with self.store.begin() as c:
            return items.finish(c, [(item, self.result(item, status)) for item in claimed])

    def states(self, job: Job) -> list[str]:
        with self.store.read() as c:
            return [item.state for item in jobs.items(c, job.id)]

    def state(self, job: Job) -> str:
        with self.store.read() as c:
            return jobs.get(c, job.id).state


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
