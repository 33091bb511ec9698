"""A deletion that is killed at any moment: afterwards the film is wholly there or wholly gone."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from small_server import SmallServer, digest
from sqlalchemy import event, func, select

from infmap.serve import deleting, results, schema, uploads
from infmap.serve.housekeeping import tidy
from infmap.serve.store import Store, sweep
from served import PROCESSES

FILES = ("result.json", "infection.png")
TABLES = (schema.uploads, schema.jobs, schema.items, schema.results, schema.events)
STEPS = ("os.remove", "os.rename", "os.rmdir", "shutil.rmtree")


def prepared(folder: Path) -> tuple[str, str]:
    """A server with one film that was read; returns the job and the film."""
    store = Store.open(folder)
    small = SmallServer(store)
    job = small.job("a")
    (told,) = small.finish(*small.claim())
    made = results.folder(store, told.film)
    made.mkdir(parents=True)
    for name in FILES:
        (made / name).write_bytes(b"made")
    store.close()
    return job.id, told.film


def delete(folder: Path, job: str | None, film: str, moment: int) -> None:
    """Delete a job or a film, and be killed before its step of a number."""
    store = Store.connect(folder)
    steps = 0

    def step() -> None:
        nonlocal steps
        if steps == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1

    sys.addaudithook(lambda name, _: step() if name in STEPS else None)
    event.listen(store.engine, "commit", lambda _: step())
    with store.begin() as c:
        deleted = deleting.film(c, film, None) if job is None else deleting.job(c, job)
    deleting.discard(store, deleted)
    store.close()


def test_a_film_is_wholly_there_or_wholly_gone(tmp_path: Path) -> None:
    outcomes = []
    job, film = prepared(tmp_path / "before")
    for moment in range(100):
        folder = tmp_path / str(moment)
        shutil.copytree(tmp_path / "before", folder)
        process = PROCESSES.Process(
            target=delete, args=(folder, job if moment % 2 else None, film, moment)
        )
        process.start()
        process.join()
        store = Store.open(folder)
        sweep(store.results)  # as at the start of workers
        tidy(store, young=0.0)
        with store.read() as c:
            rows = [c.execute(select(func.count()).select_from(t)).scalar_one() for t in TABLES]
        made = results.folder(store, film)
        there = {path.name for path in made.iterdir()} if made.is_dir() else set()
        whole = all(rows) and uploads.path(store, digest("a")).is_file() and there == set(FILES)
        left = [path for at in (store.uploads, store.results) for path in at.rglob("*.*")]
        gone = not any(rows) and not uploads.path(store, digest("a")).exists() and not left
        assert whole != gone, (moment, rows, there, left)
        outcomes.append(gone)
        store.close()
        if process.exitcode == 0:  # it had ended before
            break
        assert process.exitcode == -signal.SIGKILL
    assert outcomes[0] is False and outcomes[-1] is True and len(outcomes) > 6
