"""Ingest: incremental, resumable after a kill, the same on a cluster."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.measure import measure_file
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.verify import verify

from .conftest import write_film

MakeSource = Callable[..., Path]


def test_only_new_and_changed_films_are_decoded(make_cohen: MakeSource, tmp_path: Path) -> None:
    root, catalog = make_cohen(6), Catalog(tmp_path / "catalog")
    assert ingest(catalog, {"cohen": root}).measured == 6
    assert ingest(catalog, {"cohen": root}).measured == 0
    write_film(root / "images/f002.png", 77, (90, 90))
    make_cohen(8)  # two more, and the files of the others anew
    write_film(root / "images/f002.png", 77, (90, 90))
    before = {row["film_id"]: row["bytes_hash"] for row in catalog.films()}
    report = ingest(catalog, {"cohen": root})
    after = {row["film_id"]: row["bytes_hash"] for row in catalog.films()}
    assert report.films == 8
    assert {name for name in before if before[name] != after[name]} == {"cohen/f002.png"}
    assert catalog.films()[2]["width"] == 90


def test_a_changed_film_loses_its_cluster_and_its_duplicates(
    make_cohen: MakeSource, tmp_path: Path
) -> None:
    root, catalog = make_cohen(6), Catalog(tmp_path / "catalog")
    write_film(root / "images/f003.png", 0)
    ingest(catalog, {"cohen": root})
    deduplicate(catalog)
    split(catalog, 2)
    assert len(catalog.rows("duplicates")) == 1
    write_film(root / "images/f003.png", 55, (97, 97))
    ingest(catalog, {"cohen": root})
    rows = catalog.films()
    assert [row["duplicate_group"] is None for row in rows] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    assert rows[0]["fold"] is not None
    assert catalog.rows("duplicates") == []


def test_a_film_that_is_gone_leaves_the_catalog(make_cohen: MakeSource, tmp_path: Path) -> None:
    root, catalog = make_cohen(4), Catalog(tmp_path / "catalog")
    ingest(catalog, {"cohen": root})
    (root / "images/f001.png").unlink()
    report = ingest(catalog, {"cohen": root})
    assert (report.films, report.failures) == (3, 0)
    assert report.notes["cohen"], "the listed film that is not on disk is not told"
    assert verify(catalog) == []


def test_processes_find_what_threads_find(
    make_cohen: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_cohen(12)
    (root / "images/f005.png").write_bytes(b"not a film")
    threads, processes = Catalog(tmp_path / "threads"), Catalog(tmp_path / "processes")
    ingest(threads, {"cohen": root}, workers=2)
    monkeypatch.setattr("infmap.catalog.ingest.CHUNK", 2)
    monkeypatch.setattr("infmap.catalog.ingest.PROCESSES", 1)
    ingest(processes, {"cohen": root}, workers=2)
    assert contents(processes) == contents(threads)


def test_a_second_film_of_one_name_is_a_failure_not_lost(tmp_path: Path) -> None:
    root = tmp_path / "nih"
    write_film(root / "No_findings" / "00000001_000.png", 1)
    write_film(root / "Pneumonia" / "00000001_000.png", 2)
    catalog = Catalog(tmp_path / "catalog")
    report = ingest(catalog, {"chestxray14": root})
    assert (report.films, report.failures) == (1, 1)
    assert "each film name once" in catalog.rows("failures")[0]["reason"]


def test_sources_are_ingested_one_by_one_without_touching_each_other(
    make_cohen: MakeSource, tmp_path: Path
) -> None:
    catalog = Catalog(tmp_path / "catalog")
    ingest(catalog, {"cohen": make_cohen(3)})
    drawn = make_cohen(3, "second", first=10)
    (drawn / "structure.csv").write_text("Class,Filename,Mask,Resolution,Top,Left\n")
    ingest(catalog, {"general-blockchain": drawn})
    rows = catalog.films()
    assert [row["source"] for row in rows] == ["cohen"] * 3 + ["general-blockchain"] * 3
    for row, picture in zip(rows, catalog.pictures(), strict=True):
        expected = measure_file(catalog.resolve(row, row["path"]))[1]
        np.testing.assert_array_equal(picture, expected)


KILLED = """
import os, signal, sys
from pathlib import Path
from infmap.catalog import ingest, pending
from infmap.catalog.store import Catalog

left = int(sys.argv[3])  # moments to live; one passes with every file opened, moved or removed

def count(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove") and sys.argv[1] in str(arguments[0]):
        left -= 1
        if left == 0:
            os.killpg(0, signal.SIGKILL)

sys.addaudithook(count)
pending.FILMS = ingest.CHUNK = 4
ingest.ingest(Catalog(Path(sys.argv[1])), {"cohen": Path(sys.argv[2])}, workers=2)
"""


VALIDATION = """
import sys
from pathlib import Path
from infmap.catalog import ingest
from infmap.catalog.store import Catalog
ingest.CHUNK = ingest.PROCESSES = 1
def said(done, total):
    print(done, flush=True)
ingest.ingest(Catalog(Path(sys.argv[1])), {"cohen": Path(sys.argv[2])}, 3, progress=said)
"""


def test_a_killed_ingest_leaves_no_worker_behind(make_cohen: MakeSource, tmp_path: Path) -> None:
    root = make_cohen(200)
    command = [sys.executable, "-c", VALIDATION, str(tmp_path / "catalog"), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # its workers are at work, and hold its standard output
        process.kill()
        left = [process.stdout]
        while select.select(left, [], [], 60)[0] and os.read(process.stdout.fileno(), 4096):
            pass
        ended = select.select(left, [], [], 0)[0]
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
    assert ended, "a worker still holds the standard output"


def test_what_a_stopped_ingest_has_measured_is_kept(make_cohen: MakeSource, tmp_path: Path) -> None:
    root, catalog = make_cohen(6), Catalog(tmp_path / "catalog")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(catalog, {"cohen": root}, workers=1, progress=stop)
    assert catalog.manifest["tables"] == {}
    assert ingest(catalog, {"cohen": root}).measured == 0
    assert len(catalog.films()) == 6


def contents(catalog: Catalog) -> dict[str, Any]:
    tables = ("films", "scores", "boxes", "failures", "duplicates")
    return {t: catalog.rows(t) for t in tables} | {"pictures": catalog.pictures().tobytes()}


def test_killed_at_twenty_moments_it_is_clean_each_time_and_ends_the_same(
    make_cohen: MakeSource, tmp_path: Path
) -> None:
    root = make_cohen(60)
    (root / "images/f009.png").write_bytes(b"not a film")
    whole, killed = Catalog(tmp_path / "whole"), tmp_path / "killed"
    ingest(whole, {"cohen": root})
    command = [sys.executable, "-c", KILLED, str(killed), str(root)]
    draw, kills = random.Random(3), 0
    while kills < 20:
        moment = str(draw.randint(1, 60))
        ended = subprocess.run([*command, moment], start_new_session=True, check=False).returncode
        assert ended in (0, -signal.SIGKILL)
        kills += ended != 0
        catalog = Catalog(killed)
        if catalog.manifest["tables"]:
            assert verify(catalog, deep=True) == []
            if kills < 20:
                draw_again(killed, draw)
    assert subprocess.run([*command, "0"], check=False).returncode == 0
    assert contents(Catalog(killed)) == contents(whole)
    assert not (killed / "pending").exists()


def draw_again(folder: Path, draw: random.Random) -> None:
    """Start anew, or from the finished catalog with some films unknown again."""
    import shutil

    if draw.random() < 0.7:
        shutil.rmtree(folder)
        return
    catalog = Catalog(folder)
    keep = catalog.frame("films").slice(0, 20)
    catalog.commit({"films": keep}, pictures=catalog.pictures()[:20])
