"""One reading process, without the process."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from reading_server import MODEL, phantom, send
from sqlalchemy import select

from full_disk import full_disk
from infmap.api import model_folder
from infmap.dicom import write_dx
from infmap.inference import read_manifest
from infmap.phantom import render
from infmap.serve import items, jobs, reading, registry, results, schema, uploads
from infmap.serve.figures import Figures
from infmap.serve.reading import Progress, Reader, Work
from infmap.serve.store import Store


@pytest.fixture
def said() -> list[Mapping[str, object]]:
    return []


@pytest.fixture
def reader(tmp_path: Path, said: list[Mapping[str, object]]) -> Reader:
    store = Store.open(tmp_path / "server")
    models = {MODEL: model_folder()}
    with store.begin() as c:
        registry.register(c, models)
    work = Work(store.folder, None, models, "me", 2, 1, 0, None)

    def at(item: str | None) -> None:
        said.append({"state": "read"} if item is None else {"state": "reading", "item": item})

    return Reader(work, store, said.append, at)


def test_it_says_what_it_is_at(reader: Reader, said: list[Mapping[str, object]]) -> None:
    job = send(reader.store, {"a": phantom(1)})
    assert reader.read_some() and not reader.read_some()
    assert [one["state"] for one in said] == ["claimed", "reading", "read", "read through", "done"]
    assert said[-1]["jobs"] == [job.id]


def test_a_named_threshold_is_the_point_of_the_film_too(reader: Reader) -> None:
    point = read_manifest(model_folder()).thresholds.infection
    own, named = (
        send(reader.store, {"a": phantom(1)}),
        send(reader.store, {"a": phantom(1)}, threshold=point),
    )
    while reader.read_some():
        pass
    with reader.store.read() as c:
        films = [jobs.items(c, job.id)[0].film or "" for job in (own, named)]
    figures = [Figures.read(results.facts(reader.store, film)["figures"] or "") for film in films]
    assert [one.thresholds["infection"] for one in figures] == [point, point]
    assert figures[1].thresholds["covid"] == point != figures[0].thresholds["covid"]


def test_few_films_are_left_to_other_processes(
    reader: Reader, said: list[Mapping[str, object]]
) -> None:
    send(reader.store, {"a": phantom(1), "b": phantom(2), "c": phantom(3)})
    reader.read_some()
    claimed = said[0]["items"]
    assert isinstance(claimed, list) and len(claimed) == 2


def test_bytes_that_are_gone_fail_their_film_alone(reader: Reader) -> None:
    job = send(reader.store, {"a": phantom(1)})
    with reader.store.read() as c:
        (item,) = jobs.items(c, job.id)
    uploads.path(reader.store, str(item.sha256)).unlink()
    assert reader.read_some()
    with reader.store.read() as c:
        (item,) = jobs.items(c, job.id)
    assert item.state == "failed" and "gone" in str(item.reason)


def test_a_film_that_needs_too_much_memory_fails(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MEMORY", 1 << 20)
    stream = io.BytesIO()
    Image.new("L", (8000, 8000)).save(stream, "PNG")  # a small file of many pixels
    job = send(reader.store, {"a": stream.getvalue()})
    assert reader.read_some()
    with reader.store.read() as c:
        (item,) = jobs.items(c, job.id)
    assert item.status == "failed" and "GiB" in str(item.reason)


def test_the_header_of_a_film_is_parsed_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, parsed = io.BytesIO(), []
    pixels = (render(1, size=128).pixels * 4095).astype(np.uint16)
    write_dx(stream, pixels, spacing_mm=(1.0, 1.0), patient_id="17")
    real = pydicom.dcmread

    def dcmread(*given: object, **how: object) -> object:
        parsed.append(how)
        return real(*given, **how)

    monkeypatch.setattr(pydicom, "dcmread", dcmread)
    job = send(reader.store, {"a": stream.getvalue(), "b": b"DICM".rjust(132, b"\0") + b"?"})
    assert reader.read_some() and len(parsed) == 1
    assert reader.read_some() and len(parsed) == 2
    with reader.store.read() as c:
        good, bad = jobs.items(c, job.id)
        assert results.get(c, str(good.film)).patient is not None
    assert (good.state, bad.state) == ("done", "failed")


def test_a_film_that_got_its_result_meanwhile_is_not_read(
    reader: Reader, said: list[Mapping[str, object]]
) -> None:
    first = send(reader.store, {str(n): phantom(n) for n in range(3)})
    second = send(reader.store, {str(n): phantom(n) for n in range(3)})
    while reader.read_some():
        pass
    with reader.store.read() as c:
        assert jobs.get(c, first.id).state == jobs.get(c, second.id).state == "done"
    assert len([one for one in said if one["state"] == "reading"]) == 3


@pytest.mark.parametrize("moment", ["claimed", "read through"])
def test_a_disk_that_fills_up_costs_a_film_nothing(
    reader: Reader,
    said: list[Mapping[str, object]],
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(reading, "COMMIT_TRIES", 1)
    monkeypatch.setattr(reading.LOG, "propagate", True)
    job = send(reader.store, {"a": phantom(1)})
    with ExitStack() as full:

        def say(told: Mapping[str, object]) -> None:
            said.append(told)
            if told["state"] == moment:  # results, or their rows, find no room
                full.enter_context(full_disk())

        reader.say = say
        assert not reader.read_some()
        assert said[-1] == {"state": "done", "jobs": []}  # its minder blames nobody
        assert not reader.read_some() and reader.trouble is not None
    assert "held back" in caplog.text and "Traceback" not in caplog.text
    reader.say = said.append
    assert reader.read_some() and reader.trouble is None
    with reader.store.read() as c:
        (item,) = jobs.items(c, job.id)
        row = c.execute(select(schema.items.c.attempts, schema.items.c.claims)).one()
    assert (item.state, tuple(row)) == ("done", (0, 1))


def test_films_of_a_disk_that_was_taken_away_wait_for_it(reader: Reader, tmp_path: Path) -> None:
    job = send(reader.store, {"a": phantom(1)})
    reader.store.uploads.rename(tmp_path / "away")
    assert not reader.read_some()
    (tmp_path / "away").rename(reader.store.uploads)
    assert reader.read_some()
    with reader.store.read() as c:
        assert [item.state for item in jobs.items(c, job.id)] == ["done"]


def test_what_a_dead_process_had_is_found_where_nothing_else_is_queued(reader: Reader) -> None:
    job = send(reader.store, {"a": phantom(1)})
    with reader.store.begin() as c:
        items.claim(c, "dead", [MODEL], 1, 1_000_000)
    assert not reader.read_some()
    assert reader.read_some()
    with reader.store.read() as c:
        assert [item.state for item in jobs.items(c, job.id)] == ["done"]


def test_the_minder_sees_which_film_is_read_and_for_how_long() -> None:
    progress = Progress()
    assert (progress.item, progress.seconds) == ("", 0.0)
    progress.at("a-film")
    first = progress.seconds
    assert progress.item == "a-film" and 0.0 < first <= progress.seconds
    progress.at(None)
    assert (progress.item, progress.seconds) == ("", 0.0)
