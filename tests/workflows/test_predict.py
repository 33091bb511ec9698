"""A run of ``predict``: what is kept, what is read again, what is removed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.compute.lock import lock_folder
from infmap.core.errors import UsageError
from infmap.phantom import render, sample_films
from infmap.report import PLANES
from infmap.workflows import predict as workflow
from infmap.workflows.predict import Outcome, Run, predict_films

OLD = 1_600_000_000
"""A time of change, seconds: files changed just now are hashed, others are known by it."""


@pytest.fixture(scope="module")
def model() -> infmap.Model:
    return infmap.load()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name, film in sample_films()[:3]:
        save(folder / f"{name}.png", film.pixels)
    save(folder / "nothing.png", np.zeros((200, 200), np.float32))
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    return folder


def save(path: Path, pixels: Any) -> None:
    Image.fromarray(np.round(pixels * 255.0).astype(np.uint8)).save(path)
    os.utime(path, (OLD, OLD))


def paths(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.iterdir())


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def run(
    model: infmap.Model, given: Sequence[str], out: Path, **more: Any
) -> tuple[Outcome, list[str]]:
    """The outcome, and the names of the films that were read."""
    read: list[str] = []
    outcome = predict_films(
        model, given, Run(out, **more), tell=lambda line: read.append(Path(line["path"]).stem)
    )
    return outcome, sorted(read)


def test_a_second_run_keeps_what_holds_and_tries_again_what_failed(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first, _ = run(model, paths(films), out)
    before = rows(out)
    assert first.counts == {"ok": 3, "rejected": 1, "failed": 1} and first.kept == 0
    again, read = run(model, paths(films), out, resume=True)
    assert again.counts == first.counts and again.kept == 4
    assert read == ["damaged"]
    assert [r for r in rows(out) if r["status"] == "ok"] == [
        r for r in before if r["status"] == "ok"
    ]


def test_a_mended_and_a_replaced_film_are_read_again(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    ok = next(r for r in rows(out) if r["status"] == "ok")
    replaced = Path(ok["path"])
    save(films / "damaged.png", render(11).pixels)
    save(replaced, render(12).pixels)
    outcome, read = run(model, paths(films), out, resume=True)
    assert read == sorted(["damaged", replaced.stem])
    assert outcome.counts == {"ok": 4, "rejected": 1, "failed": 0}
    now = {r["path"]: r for r in rows(out)}
    assert now[str(replaced)]["sha256"] != ok["sha256"]


def test_films_that_come_go_and_move(model: infmap.Model, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    kept = {r["id"]: r for r in rows(out)}
    gone, moved = [r for r in kept.values() if r["status"] == "ok"][:2]
    Path(gone["path"]).unlink()
    Path(moved["path"]).rename(films / "elsewhere.png")
    save(films / "0-first.png", render(13).pixels)
    _, read = run(model, paths(films), out, resume=True)
    assert read == ["0-first", "damaged"]
    lines = rows(out)
    assert [line["path"] for line in lines] == paths(films)
    assert next(r for r in lines if r["path"].endswith("elsewhere.png"))["id"] == moved["id"]
    for folder in PLANES:
        assert not (out / folder / f"{gone['id']}.png").exists()
        assert (out / folder / f"{moved['id']}.png").exists()


def test_the_report_says_how_far_areas_were_from_the_truth_at_the_models_own_point(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    given, said = paths(films)[:1], "validation films the infected fraction of the lungs was on"
    run(model, given, tmp_path / "own")
    assert said in (tmp_path / "own" / "report.html").read_text(encoding="utf-8")
    run(infmap.load(threshold=0.95), given, tmp_path / "mine")
    assert said not in (tmp_path / "mine" / "report.html").read_text(encoding="utf-8")


def test_another_threshold_or_model_is_refused(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    before = (out / "results.jsonl").read_bytes()
    with pytest.raises(UsageError, match=r"threshold .* got threshold 0\.95"):
        run(infmap.load(threshold=0.95), paths(films), out, resume=True)
    assert (out / "results.jsonl").read_bytes() == before
    record = json.loads((out / "run.json").read_text())
    assert record["settings"]["model"] == model.name and record["finished"]
    (out / "run.json").unlink()
    with pytest.raises(UsageError, match=r"run\.json"):
        run(model, paths(films), out, resume=True)


def test_a_lost_plane_is_made_again(model: infmap.Model, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    ok = next(r for r in rows(out) if r["status"] == "ok")
    (out / "opacity" / f"{ok['id']}.png").unlink()
    _, read = run(model, paths(films), out, resume=True)
    assert read == sorted(["damaged", Path(ok["path"]).stem])
    assert (out / "opacity" / f"{ok['id']}.png").exists()


def test_a_new_run_leaves_nothing_of_the_one_before(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    ok = [r for r in rows(out) if r["status"] == "ok"]
    run(model, [ok[0]["path"]], out)
    assert [r["id"] for r in rows(out)] == [ok[0]["id"]]
    for folder in (*PLANES, "thumbnails"):
        assert {p.name.split(".")[0] for p in (out / folder).iterdir()} == {ok[0]["id"]}


def test_a_rejected_film_can_be_checked(model: infmap.Model, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(model, paths(films), out)
    line = next(r for r in rows(out) if r["status"] == "rejected")
    assert len(line["sha256"]) == 64 and (line["width"], line["height"]) == (200, 200)
    assert line["model"] == model.name and line["quality"]
    assert (out / "thumbnails" / f"{line['id']}.film.jpg").exists()
    failed = next(r for r in rows(out) if r["status"] == "failed")
    assert len(failed["sha256"]) == 64


def test_a_folder_in_use_is_refused(model: infmap.Model, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with lock_folder(out), pytest.raises(UsageError, match=f"process {os.getpid()} "):
        run(model, paths(films), out)
    assert not (out / "results.jsonl").exists()
    assert run(model, paths(films), out)[0].counts["ok"] == 3


def test_a_folder_that_cannot_be_written_is_said_with_advice(
    model: infmap.Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder / ".lock"))

    monkeypatch.setattr(workflow, "lock_folder", read_only)
    with pytest.raises(UsageError, match="the disk is read-only; choose another output folder"):
        run(model, paths(films), tmp_path / "out")


def test_a_killed_run_goes_on(films: Path, tmp_path: Path) -> None:
    """Killed after its first line: what was written stays, and the lock of the dead does not."""
    out = tmp_path / "out"
    code = (
        "import os, signal, sys, infmap\n"
        "from infmap.workflows.predict import Run, predict_films\n"
        "predict_films(infmap.load(), sys.argv[2:], Run(sys.argv[1], batch_size=1),\n"
        "    tell=lambda line: os.kill(os.getpid(), signal.SIGKILL))\n"
    ).replace("Run(sys.argv[1]", "Run(__import__('pathlib').Path(sys.argv[1])")
    given = [p for p in paths(films) if "damaged" not in p]
    done = subprocess.run([sys.executable, "-c", code, str(out), *given], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(rows(out)) == 1 and json.loads((out / "run.json").read_text())["finished"] is None
    outcome, read = run(infmap.load(), given, out, resume=True)
    assert outcome.kept == 1 and len(read) == len(given) - 1
    assert [r["path"] for r in rows(out)] == given


def test_pictures_of_the_first_films_only(
    model: infmap.Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(workflow.ThumbStore):
        def __init__(self, out: Path) -> None:
            super().__init__(out, limit=2)

    monkeypatch.setattr(workflow, "ThumbStore", Small)
    out = tmp_path / "out"
    given = [p for p in paths(films) if "damaged" not in p]
    run(model, given, out)
    assert len(Small(out)) == 2
    shutil.rmtree(out / "thumbnails")
    _, read = run(model, given, out, resume=True)
    assert read == sorted(Path(p).stem for p in given[:2])
    run(model, given[::-1], out, resume=True)
    assert set(Small(out)) == {r["id"] for r in rows(out)[:2]}


def test_what_was_written_of_a_replaced_film_goes_where_the_new_one_is_rejected(
    model: infmap.Model, films: Path, tmp_path: Path
) -> None:
    out, film = tmp_path / "out", films / "healthy-1.png"
    predict_films(model, [str(film)], Run(out))
    assert all((out / folder / "healthy-1.png").exists() for folder in PLANES)
    save(film, np.full((300, 300), 0.4, np.float32))
    outcome = predict_films(model, [str(film)], Run(out, resume=True))
    assert outcome == Outcome({"ok": 0, "rejected": 1, "failed": 0})
    assert not any((out / folder / "healthy-1.png").exists() for folder in PLANES)
    assert (out / "thumbnails" / "healthy-1.film.jpg").exists()
