"""How long a project of thousands of films takes to plan, to give out, and to report on.

    python benchmarks/annotation_scale.py [--films 3000] [--size 3000] [--json FILE]

Every film has masks of two networks, and two readers who each choose one. Films have no pixels:
none of this reads any. Masks are those of eight phantoms, moved a little for the second network.
Times are of SQLite and one thread; the load of the machine stands beside.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from infmap.annotation import decisions, films, planning, projects, proposals, schema, tasks
from infmap.annotation.agreement_report import of_project
from infmap.annotation.film_counts import DecidedFilm, FilmCounts
from infmap.annotation.films import NewFilm
from infmap.annotation.store import Store, new_id, now
from infmap.annotation.users import User
from infmap.phantom import render
from infmap.web.masks import Mask, bit, encode, of_planes

PHANTOMS = 8
SHIFT = 20  # the second network's mask is off by the film's side over this


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--films", type=int, default=3000)
    parser.add_argument("--size", type=int, default=3000, help="side of a film, pixels")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        seconds[what] = time.perf_counter() - began
        cpu = time.process_time() - used
        print(f"{what:44}{seconds[what]:9.2f} s, {cpu:.2f} s of a core", flush=True)

    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {given.films} films")
    with tempfile.TemporaryDirectory(prefix="infmap-scale-") as folder:
        store = Store.open(Path(folder))
        project, readers = station(store)
        with timed("films come in"):
            names = add_films(store, project, given.films, given.size)
        with timed("plan, without proposals"), store.begin() as c:
            planning.plan(c, project)
        with timed("two networks' masks come in"):
            add_proposals(store, names, given.size)
        with timed("disagreement of the networks"):
            planning.measure(store, project)
        with timed("plan, with proposals (writers wait)"), store.begin() as c:
            planning.plan(c, project)
        with timed("plan again, nothing new"), store.begin() as c:
            planning.plan(c, project)
        given_out: list[float] = []
        with timed("two readers choose"):
            for reader in readers:
                given_out += read(store, project, reader)
        p95 = 1000 * float(np.quantile(given_out, 0.95))
        print(f"{'next film, 95th percentile':44}{p95:9.1f} ms")
        known: dict[DecidedFilm, FilmCounts] = {}
        for what in ("agreement, the first time", "agreement, again"):
            with timed(what), store.read() as c:
                of_project(c, project, known=known)
        store.close()
    if given.json:
        given.json.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def station(store: Store) -> tuple[str, list[User]]:
    """A project and its two readers."""
    settings = projects.Settings(stage=2, readers_per_film=2, candidates=2, repeat_share=0)
    readers = [User(new_id(), name, "reader") for name in ("ann", "ben")]
    with store.begin() as c:
        project = projects.create(c, "scale", ("infection", "lungs"), settings).id
        for user in readers:
            c.execute(
                schema.users.insert().values(
                    id=user.id, name=user.name, role="reader", password="none", disabled=False,
                    must_change=False, created=now(),
                )
            )  # fmt: skip
            projects.member(c, project, user, "reader")
    return project, readers


def phantom(number: int, size: int) -> Mask:
    """Infection and lungs of a phantom, rendered at a quarter of the size: that takes seconds."""
    film = render(number + 1, size=size // 4, opacities=3)
    mask = of_planes({"infection": film.infection, "lungs": film.lungs})
    return np.repeat(np.repeat(mask, 4, axis=0), 4, axis=1)


def add_films(store: Store, project: str, count: int, size: int) -> list[str]:
    """Films with lungs, without pixels."""
    lungs = [encode(phantom(k, size) & np.uint8(bit("lungs"))) for k in range(PHANTOMS)]
    with store.begin() as c:
        return [
            films.add(
                c, project,
                NewFilm(
                    f"{n:064x}", size, size, 12, 2048.0, 4096.0, patient=f"{n:064x}",
                    lungs=lungs[n % PHANTOMS],
                ),
            )
            for n in range(count)
        ]  # fmt: skip


def add_proposals(store: Store, names: list[str], size: int) -> None:
    """One mask of each of two networks a film."""
    shift = size // SHIFT
    masks = []
    for k in range(PHANTOMS):
        mask = phantom(k, size)
        masks.append((encode(mask), encode(np.roll(mask, shift, axis=0))))
    with store.begin() as c:
        for n, name in enumerate(names):
            for network, mask in zip(("one@1", "two@1"), masks[n % PHANTOMS], strict=True):
                proposals.add(c, name, network, mask, 1)


def read(store: Store, project: str, user: User) -> list[float]:
    """A reader takes film after film; seconds of each giving out."""
    seconds = []
    while True:
        began = time.perf_counter()
        with store.begin() as c:
            task = tasks.lease(c, project, user, now())
        seconds.append(time.perf_counter() - began)
        if task is None:
            return seconds
        with store.begin() as c:
            if task.candidates:
                decisions.decide(
                    c, task.id, user, task.version, "choose", side="A", active_ms=20_000
                )
            else:
                decisions.decide(c, task.id, user, task.version, "reject", reason="unaided")


if __name__ == "__main__":
    main()
