"""Workers: what they make of films, and what a crash, a slow film and an end cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from reading_server import MODEL, Changes, phantom, planned, send, working
from sqlalchemy import select

from infmap.api import load
from infmap.serve import items, results, worker
from infmap.serve.schema import outbox
from infmap.serve.store import Store
from infmap.serve.worker import Workers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Workers, Changes]]:
    """A server that works, for all tests that leave it working."""
    store = Store.open(tmp_path_factory.mktemp("server"))
    with working(store, finished=None) as (workers, changes):
        yield store, workers, changes
    store.close()


def test_films_are_read_as_predict_reads_them(
    shared: tuple[Store, Workers, Changes], tmp_path: Path
) -> None:
    store, workers, changes = shared
    films = {f"{n}.png": phantom(n) for n in range(3)} | {"text.png": b"no film at all"}
    job = send(store, films)
    workers.wake()
    ended = changes.until_ended(job)
    assert [item.state for item in ended] == ["done"] * 3 + ["failed"]
    assert ended[3].status == "failed" and "expected a PNG" in str(ended[3].reason)
    model = load()
    for item, data in zip(ended, films.values()):
        if item.state != "done" or item.film is None:
            continue
        line = results.line(store, item.film)
        wanted = {"id": item.film, "status": "ok", "path": None, "reason": None}
        wanted |= model.predict(data).to_dict() | {"sha256": item.sha256}
        timeless = {key: value for key, value in line.items() if key != "seconds"}
        assert timeless == {key: value for key, value in wanted.items() if key != "seconds"}
        names = {path.name for path in results.folder(store, item.film).iterdir()}
        assert names == {
            "result.json", "film.json", "preview.jpg",
            "infection.png", "opacity.png", "lungs.png", "zones.png",
        }  # fmt: skip


def test_the_same_film_twice_is_one_result(shared: tuple[Store, Workers, Changes]) -> None:
    store, workers, changes = shared
    job = send(store, {"a": phantom(7), "b": phantom(7)})
    workers.wake()
    one, other = changes.until_ended(job)
    assert one.film == other.film and one.state == other.state == "done"
    again = send(store, {"c": phantom(7)})
    assert again.state == "done"


def test_a_threshold_of_the_job_is_another_result(shared: tuple[Store, Workers, Changes]) -> None:
    store, workers, changes = shared
    job = send(store, {"a": phantom(2)}, threshold=0.25)
    workers.wake()
    (item,) = changes.until_ended(job)
    assert item.film is not None
    with store.read() as c:
        assert results.get(c, item.film).threshold == 0.25
    timeless = load(threshold=0.25).predict(phantom(2)).to_dict()
    assert results.line(store, item.film)["infected_fraction"] == timeless["infected_fraction"]


def test_a_rejected_film_can_be_looked_at(shared: tuple[Store, Workers, Changes]) -> None:
    from PIL import Image

    store, workers, changes = shared
    path = store.folder / "blank.png"
    Image.new("L", (256, 256), 90).save(path)
    job = send(store, {"blank": path.read_bytes()})
    workers.wake()
    (item,) = changes.until_ended(job)
    assert (item.state, item.status) == ("failed", "rejected") and item.film is not None
    assert results.line(store, item.film)["quality"]
    assert (results.folder(store, item.film) / "preview.jpg").is_file()
    assert results.facts(store, item.film)["figures"] is None


def test_what_is_planned_is_committed_with_the_result(tmp_path: Path, url: str | None) -> None:
    store = Store.open(tmp_path / "server", url)
    with working(store, url, finished=planned) as (workers, changes):
        job = send(store, {"a": phantom(1), "b": b"no film"})
        workers.wake()
        ended = changes.until_ended(job)
        with store.read() as c:
            found = c.execute(select(outbox.c.film_id, outbox.c.kind)).all()
    assert sorted(map(tuple, found)) == sorted((i.film, i.status) for i in ended)
    store.close()


def test_a_film_that_ends_its_process_twice_fails_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "server")
    (tmp_path / "sitecustomize.py").write_text(BAD_DECODER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with working(store) as (workers, changes):
        films = {"ends": b"ends the process", "slow": b"takes for ever", "good": phantom(1)}
        monkeypatch.setattr(worker, "SECONDS", 0.5)
        job = send(store, films)
        workers.wake()
        ended = changes.until_ended(job)
    assert [item.state for item in ended] == ["failed", "failed", "done"]
    assert [item.reason for item in ended] == [items.CRASHED, worker.TOO_SLOW, None]
    # The process is at fault, not the film: it has no result, and is tried again.
    assert ended[0].film is None
    store.close()


BAD_DECODER = """
import os, sys
if "--multiprocessing-fork" in sys.argv:
    import threading
    from infmap.serve import reading
    real = reading.read_radiograph
    def read_radiograph(data, **how):
        if data.startswith(b"ends"):
            os.kill(os.getpid(), 9)
        if data.startswith(b"takes"):
            threading.Event().wait()
        return real(data, **how)
    reading.read_radiograph = read_radiograph
"""


def test_stopping_ends_the_batch_and_hands_back_the_rest(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "server")
    with working(store) as (workers, changes):
        send(store, {"warm": phantom(0)})
        job = send(store, {str(n): phantom(n) for n in range(12)})
        workers.wake()
    with store.read() as c:
        assert items.owners(c) == [] and items.queue(c)["leased"] == 0
    assert list(store.owners.iterdir()) == []
    with working(store) as (workers, changes):
        ended = changes.until_ended(job)
    assert [item.state for item in ended] == ["done"] * 12
    store.close()


def test_what_a_dead_server_had_is_read_at_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "server")
    with working(store):  # registers the model
        pass
    job = send(store, {"a": phantom(3)})
    with store.begin() as c:
        (claimed,) = items.claim(c, "dead", [MODEL], 1, 2**50)
    (store.results / ".half.part").mkdir(parents=True)
    with working(store) as (_, changes):
        (item,) = changes.until_ended(job)
    assert item.state == "done" and not (store.results / ".half.part").exists()
    with store.begin() as c:
        assert items.renew(c, [claimed.token], 0) == set()
    store.close()
