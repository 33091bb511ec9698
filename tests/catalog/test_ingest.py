"""Ingest: incremental, resumable after a kill, the same on a cluster."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infmap.catalog import pending
from infmap.catalog.duplicates import deduplicate
from infmap.catalog.ingest import ingest
from infmap.catalog.measure import guess_views, measure_file, quality
from infmap.catalog.splits import split
from infmap.catalog.store import Catalog
from infmap.catalog.verify import verify
from infmap.phantom import render

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
    assert [row["cluster_id"] is None for row in rows] == [False, False, False, True, False, False]
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
    ingest(catalog, {"radiologist": drawn})
    rows = catalog.films()
    assert [row["source"] for row in rows] == ["cohen"] * 3 + ["radiologist"] * 3
    for row, picture in zip(rows, catalog.pictures(), strict=True):
        expected = measure_file(catalog.resolve(row, row["path"]))[1]
        np.testing.assert_array_equal(picture, expected)


KILLED = """
import sys
from pathlib import Path
from infmap.catalog import ingest, pending
from infmap.catalog.store import Catalog
pending.FILMS = ingest.CHUNK = 4
ingest.ingest(Catalog(Path(sys.argv[1])), {"cohen": Path(sys.argv[2])}, workers=2)
"""


WATCHED = """
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
    command = [sys.executable, "-c", WATCHED, str(tmp_path / "catalog"), str(root)]
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
        process = subprocess.Popen(command, start_new_session=True)
        began = time.monotonic()
        # The moments that matter come once the catalog's folder is there.
        while not killed.exists() and process.poll() is None and time.monotonic() - began < 30:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.35))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        catalog = Catalog(killed)
        if catalog.manifest["tables"]:
            assert verify(catalog, deep=True) == []
            if kills < 20:
                draw_again(killed, draw)
    assert subprocess.run(command, check=False).returncode == 0
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


def test_parts_of_a_stopped_ingest_are_used_and_damaged_ones_are_not(
    make_cohen: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, catalog = make_cohen(12), Catalog(tmp_path / "catalog")
    monkeypatch.setattr(pending, "FILMS", 4)
    monkeypatch.setattr("infmap.catalog.ingest.CHUNK", 4)
    monkeypatch.setattr(Catalog, "commit", _stopped)
    with pytest.raises(KeyboardInterrupt):
        ingest(catalog, {"cohen": root})
    monkeypatch.undo()
    parts = sorted((catalog.folder / "pending").glob("*.parquet"))
    assert len(parts) == 3
    parts[1].write_bytes(b"half")
    assert ingest(catalog, {"cohen": root}).measured == 4
    assert len(catalog.films()) == 12


def _stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray Data warns of itself
def test_a_two_node_cluster_finds_what_one_machine_finds(
    make_cohen: MakeSource, tmp_path: Path, two_machines: str
) -> None:
    pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'infmap[scale]'")
    root = make_cohen(40)
    (root / "images/f005.png").write_bytes(b"not a film")
    here, there = Catalog(tmp_path / "here"), Catalog(tmp_path / "there")
    ingest(here, {"cohen": root})
    ingest(there, {"cohen": root}, on="ray")
    assert contents(there) == contents(here)


def test_a_checksum_of_pixels_survives_another_file_format(tmp_path: Path) -> None:
    write_film(tmp_path / "a.png", 4)
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "b.bmp")
        image.convert("RGB").save(tmp_path / "c.png")
        image.point(lambda v: 255 - v).save(tmp_path / "d.png")
    rows = [measure_file(tmp_path / name)[0] for name in ("a.png", "b.bmp", "c.png", "d.png")]
    assert len({row["pixel_hash"] for row in rows[:3]}) == 1
    assert rows[3]["pixel_hash"] != rows[0]["pixel_hash"]
    assert len({row["bytes_hash"] for row in rows}) == 4
    assert [row["photometric"] for row in rows[1:3]] == ["MONOCHROME2", "RGB"]
    assert {row["bits"] for row in rows} == {8}


def test_quality_figures_follow_their_definitions() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    figures = quality(ramp)
    assert figures["brightness"] == pytest.approx(0.5, abs=0.01)
    assert figures["contrast"] == pytest.approx(0.9, abs=0.02)
    assert figures["clipped"] == pytest.approx(2 / 256, abs=1e-6)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    assert quality(noise)["sharpness"] > 10 * figures["sharpness"]
    flat = quality(np.full((40, 1), 9, np.uint8))
    assert (flat["sharpness"], flat["contrast"], flat["clipped"]) == (0.0, 0.0, 0.0)


def test_a_frontal_phantom_is_guessed_frontal_and_a_one_sided_plane_is_not() -> None:
    from infmap.dedup.thumbnails import thumbnail

    film = np.round(render(5, size=128).pixels * 255).astype(np.uint8)
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    assert guess_views(np.stack([thumbnail(film), ramp])) == ["frontal", None]
