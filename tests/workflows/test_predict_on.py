"""`infmap predict --on`: by the shard, each film once whatever is killed, like one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import infmap
from infmap.core.errors import UsageError
from infmap.phantom import render
from infmap.workflows import predict_on
from infmap.workflows.addresses import query_films
from infmap.workflows.journal import SHARDS, shard_of
from infmap.workflows.predict import Outcome, Run, predict_films
from infmap.workflows.predict_on import LOST, ModelChoice, Shard, Sharded, ShardWork, _Queue
from infmap.workflows.record import RECORD, Settings
from infmap.workflows.resume import Film

OLD = 1_600_000_000
"""A time of change, seconds: files changed just now are hashed, others are known by it."""
N = 9


@pytest.fixture(scope="module")
def model() -> infmap.Model:
    return infmap.load()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Seven films, one that is damaged, one that is no chest; small, so that little time is spent.

    One name is there twice, in two folders.
    """
    folder = tmp_path_factory.mktemp("films")
    (folder / "more").mkdir()
    for number in range(7):
        path = folder / ("more/f0.png" if number == 6 else f"f{number}.png")
        pixels = render(number, size=96, opacities=number % 3).pixels
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path)
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    Image.fromarray(np.zeros((96, 96), np.uint8)).save(folder / "empty.png")
    found = sorted(str(path) for path in folder.rglob("*.png"))
    for path in found:
        os.utime(path, (OLD, OLD))
    assert len(found) == N
    return found


def read(
    model: infmap.Model, given: Sequence[str], out: Path, **more: Any
) -> tuple[Outcome, list[str]]:
    """The outcome, and the films that were read."""
    told: list[str] = []
    place = Sharded(more.pop("on", "local"), ModelChoice(), more.pop("size", 2))
    run = Run(out, workers=2, **more)
    outcome = predict_films(
        model, given, run, place=place, tell=lambda line: told.append(str(line["path"]))
    )
    return outcome, sorted(told)


def rows(out: Path) -> list[dict[str, Any]]:
    """Lines without what differs from run to run."""
    lines = map(json.loads, (out / "results.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def failures(out: Path) -> dict[str, str]:
    lines = map(json.loads, (out / "failures.jsonl").read_text().splitlines())
    return {Path(line["path"]).name: line["status"] for line in lines}


def files(out: Path) -> set[str]:
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {".lock"}


@pytest.fixture(scope="module")
def plain(model: infmap.Model, films: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one machine makes of them without shards."""
    out = tmp_path_factory.mktemp("plain")
    predict_films(model, films, Run(out))
    return out


def test_the_folder_is_that_of_one_machine(
    model: infmap.Model, films: list[str], plain: Path, tmp_path: Path
) -> None:
    outcome, told = read(model, films, tmp_path)
    assert outcome.counts == {"ok": 7, "rejected": 1, "failed": 1} and told == sorted(films)
    assert rows(tmp_path) == rows(plain) and files(tmp_path) == files(plain)
    assert failures(tmp_path) == {"bad.png": "failed", "empty.png": "rejected"}
    for path in plain.rglob("maps/*.png"):
        assert (tmp_path / "maps" / path.name).read_bytes() == path.read_bytes()
    # Nothing is read again but what failed, by this place or without one.
    assert read(model, films, tmp_path, resume=True)[1] == [
        f for f in films if f.endswith("bad.png")
    ]
    assert predict_films(model, films, Run(tmp_path, resume=True)).kept == N - 1
    assert rows(tmp_path) == rows(plain)


def test_planes_are_left_out_where_they_are_not_wanted(
    model: infmap.Model, films: list[str], plain: Path, tmp_path: Path
) -> None:
    read(model, films[:3], tmp_path, pictures=False)
    assert rows(tmp_path) == rows(plain)[:3]
    assert not [name for name in files(tmp_path) if name.startswith(("maps", "masks", "lungs"))]
    assert read(model, films[:3], tmp_path, pictures=False, resume=True)[0].kept == 2


def test_shards_that_were_written_before_a_kill_are_taken_over(
    model: infmap.Model, films: list[str], plain: Path, tmp_path: Path
) -> None:
    stop = films[3]

    def ends(line: Any) -> None:
        if line["path"] == stop:
            raise KeyboardInterrupt

    place = Sharded("local", ModelChoice(), 2)
    with pytest.raises(KeyboardInterrupt):
        predict_films(model, films, Run(tmp_path), place=place, tell=ends)
    token = json.loads((tmp_path / RECORD).read_text())["shards"]
    # What a worker had finished when its driver was killed, and what one of an older run left.
    left = Shard((Film(7, "late", films[7]), Film(8, "later", films[8])))
    work = ShardWork(Run(tmp_path), token, ModelChoice(), Settings.of(model))
    (tmp_path / SHARDS).mkdir(exist_ok=True)
    work.read(model, left)
    foreign = ShardWork(Run(tmp_path), "0ther", ModelChoice(), Settings.of(model))
    foreign.read(model, Shard((Film(0, "foreign", films[0]),)))
    assert shard_of(tmp_path, token, left.films).exists()
    _, told = read(model, films, tmp_path, resume=True)
    assert not {films[7], films[8]} & set(told) and set(told) < set(films)
    found = rows(tmp_path)
    assert [row["path"] for row in found] == films
    assert len({row["id"] for row in found}) == N and not (tmp_path / SHARDS).exists()
    same = [{k: v for k, v in row.items() if k != "id"} for row in rows(plain)]
    assert [{k: v for k, v in row.items() if k != "id"} for row in found] == same


def test_lines_that_were_appended_twice_count_once(
    model: infmap.Model, films: list[str], plain: Path, tmp_path: Path
) -> None:
    read(model, films, tmp_path)
    # A kill between appending a shard and removing it: its lines stand in both.
    token = json.loads((tmp_path / RECORD).read_text())["shards"]
    work = ShardWork(Run(tmp_path), token, ModelChoice(), Settings.of(model))
    ids = [row["id"] for row in rows(tmp_path)]
    work.read(model, Shard(tuple(Film(n, ids[n], films[n]) for n in (2, 3))))
    assert read(model, films, tmp_path, resume=True)[0].kept == N - 1
    assert rows(tmp_path) == rows(plain)


def test_a_run_that_is_killed_and_resumed_reads_each_film_once(
    films: list[str], plain: Path, tmp_path: Path
) -> None:
    folder = str(Path(films[0]).parent)
    command = [sys.executable, "-m", "infmap.cli.main", "predict", folder, "-o", str(tmp_path)]
    command += ["--on", "local", "--json", "--resume", "--workers", "1", "--shard-size", "1"]
    told: list[str] = []
    for kills in (2, 3, None):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for count, line in enumerate(process.stdout, 1):
            told.append(json.loads(line)["path"])
            if count == kills:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        # It may have been faster than the signal.
        assert process.wait() in ((3,) if kills is None else (3, -signal.SIGKILL))
    assert rows(tmp_path) == rows(plain)
    # What was told was kept: only a film that could not be read is tried again.
    assert len(told) - told.count(films[[Path(f).name for f in films].index("bad.png")]) <= N - 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray warns of itself
def test_two_machines_and_workers_that_are_killed(
    model: infmap.Model,
    films: list[str],
    plain: Path,
    tmp_path: Path,
    two_machines: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed_once, kills_always = films[2], films[5]
    marks = tmp_path / "marks"
    marks.mkdir()

    class Killed(ShardWork):
        """Ends its process at one film the first time, and at another one every time."""

        def __call__(self, shard: Shard) -> str:
            paths = [film.path for film in shard.films]
            mark = marks / f"{os.getpid()}-{shard.films[0].id}-{len(shard.films)}"
            first = not any(marks.glob(f"*-{shard.films[0].id}-*"))
            mark.touch()
            if kills_always in paths or (killed_once in paths and first):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(shard)

    monkeypatch.setattr(predict_on, "ShardWork", Killed)
    out = tmp_path / "out"
    outcome, told = read(model, films, out, on="ray")
    assert told == sorted(films)
    assert outcome.counts == {"ok": 6, "rejected": 1, "failed": 2}
    found = {row["path"]: row for row in rows(out)}
    assert found.pop(kills_always)["reason"] == LOST
    assert list(found.values()) == [r for r in rows(plain) if r["path"] != kills_always]
    # The films that were read with it were not lost with it.
    assert failures(out)[Path(kills_always).name] == "failed"
    monkeypatch.undo()
    monkeypatch.setenv("RAY_ADDRESS", two_machines)
    _, told = read(model, films, out, on="ray", resume=True)
    assert kills_always in told and len(told) == 2 and rows(out) == rows(plain)


def test_films_of_a_lost_worker_come_again_together_then_alone() -> None:
    every = [Film(n, f"f{n}", f"f{n}.png") for n in range(5)]
    queue = _Queue(every, 2)

    def drained() -> Iterator[Shard]:
        while (shard := queue.next()) is not None:
            yield shard

    first, *others = drained()
    assert [len(s.films) for s in (first, *others)] == [2, 2, 1]
    assert queue.lost(first) == ()
    (again,) = drained()
    assert again.films == first.films and queue.lost(again) == ()
    alone = list(drained())
    assert [s.films for s in alone] == [(every[0],), (every[1],)]
    assert queue.lost(alone[0]) == ()
    (last,) = drained()
    assert queue.lost(last) == (every[0],) and queue.next() is None


def test_a_machine_with_another_model_refuses(model: infmap.Model, tmp_path: Path) -> None:
    other = Settings(**(Settings.of(model).__dict__ | {"threshold": 0.123}))
    work = ShardWork(Run(tmp_path), "t", ModelChoice(), other)
    with pytest.raises(UsageError, match="threshold .* expected 0.123"):
        work.read(model, Shard(()))
    with pytest.raises(UsageError, match="expected local, ray or ray://"):
        Sharded("slurm", ModelChoice())


def test_films_of_a_pacs_are_read_like_files(model: infmap.Model, tmp_path: Path) -> None:
    pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
    sys.path.insert(0, str(Path(__file__).parents[1] / "dicom" / "network"))
    from orthanc import running

    from infmap.dicom import film_of_picture, write_dx
    from infmap.dicom.network import DicomWeb

    files = [tmp_path / f"film{n}.dcm" for n in range(3)]
    for number, file in enumerate(files):
        pixels = (render(number, size=96, opacities=number).pixels * 4095).astype(np.uint16)
        write_dx(file, pixels, spacing_mm=(1.0, 1.0), patient_id=f"p{number}")
    picture = tmp_path / "made.dcm"
    radiograph = infmap.load().predict(files[0]).radiograph
    film_of_picture(radiograph).save_as(picture, enforce_file_format=True)
    (tmp_path / "orthanc").mkdir()
    out, plain = tmp_path / "out", tmp_path / "plain"
    with running(tmp_path / "orthanc") as orthanc:
        sent = DicomWeb(orthanc.url).store([f.read_bytes() for f in (*files, picture)])
        assert all(one.stored for one in sent)
        # A secondary capture is none of the films: it may be a result.
        found = query_films(f"{orthanc.url}?Modality=DX")
        assert sorted(path.rsplit("/", 1)[1] for path in found) == sorted(s.uid for s in sent[:3])
        assert len(query_films(f"{orthanc.url}?PatientID=p1")) == 1
        read(model, found, out, fhir=True)
        assert read(model, found, out, fhir=True, resume=True)[0].kept == 3
    predict_films(model, [str(f) for f in files], Run(plain, fhir=True))
    by_film = {row["path"]: row for row in rows(plain)}
    for row in rows(out):
        uid = row["path"].rsplit("/", 1)[1]
        file = files[[one.uid for one in sent].index(uid)]
        same = by_film[str(file)]
        assert row["id"] == uid
        assert {k: v for k, v in row.items() if k not in ("id", "path", "sha256")} == {
            k: v for k, v in same.items() if k not in ("id", "path", "sha256")
        }
        assert (out / "fhir" / f"{uid}.json").stat().st_size > 1000
