"""Runs that stop half-way: what they leave, and that the same run goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infmap.core.errors import UsageError
from infmap.deidentify import run as run_module
from infmap.deidentify.boxes import Box
from infmap.deidentify.look import Look
from infmap.deidentify.options import Options
from infmap.deidentify.report import FilmReport
from infmap.deidentify.run import Job, Pixelwise, ResidueError, run
from infmap.deidentify.stage import Written, stage_of, staged

sys.path.insert(0, str(Path(__file__).parent))
from hospital import WORDS, film, read, saved  # noqa: E402

Item = TypeVar("Item")
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def track(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    yield from items


def two_films(folder: Path) -> Path:
    folder.mkdir()
    (folder / "1.dcm").write_bytes(saved(film()))
    (folder / "2.dcm").write_bytes(saved(film(SOPInstanceUID="1.2.3")))
    return folder


def killed(films: Path, first: int, step: int, *more: str) -> list[dict[str, Any]]:
    """What runs leave that are killed at the first-th change of the disk, and each step-th on."""
    script = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run(
        [sys.executable, str(script), str(films), str(first), str(step), *more],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@posix
def test_killed_at_any_moment_the_same_run_goes_on(tmp_path: Path) -> None:
    rounds = killed(two_films(tmp_path / "films"), 1, 2)
    whole = rounds[-1]
    assert whole["first"] == 0 and len(rounds) > 10
    made = {name: data for name, data in whole["end"].items() if name.startswith("out/")}
    assert len(made) == 4
    for one in rounds[:-1]:
        assert one["first"] == -signal.SIGKILL
        published = {name: data for name, data in one["left"].items() if name.startswith("out/")}
        # All of the results or none, and once they are there the place is taken.
        assert published in ({}, made)
        assert one["second"] == (3 if published else 0)
        assert one["end"] == whole["end"]
    assert any(one["second"] == 3 for one in rounds)
    report = json.loads(bytes.fromhex(made["out/report.json"]))
    assert [line["status"] for line in report["films"]] == ["ok", "ok"]
    for name in set(made) - {"out/report.json", "out/report.html"}:
        assert read(bytes.fromhex(made[name])).PatientIdentityRemoved == "YES"


@posix
def test_what_fails_a_check_is_nowhere_whenever_the_run_is_killed(tmp_path: Path) -> None:
    rounds = killed(two_films(tmp_path / "films"), 3, 8, "spoilt")
    assert [one["first"] for one in rounds] == [*[-signal.SIGKILL] * (len(rounds) - 1), 2]
    for one in rounds:
        assert one["second"] == 2 and set(one["end"]) == {"1.dcm", "2.dcm"}
        for name, data in one["left"].items():
            content = bytes.fromhex(data).lower()
            if name not in ("1.dcm", "2.dcm"):
                assert not name.startswith("out/")
                assert not any(word.encode() in content for word in WORDS)


def a_job(folder: Path, **options: bool) -> Job:
    films = folder / "films"
    paths = sorted(map(str, (films if films.exists() else two_films(films)).iterdir()))
    return Job(paths, folder / "out", folder / "key", Options(**options))


def stopped(job: Job, pixelwise: Pixelwise | None, at: str) -> None:
    """Run, and be interrupted between two films."""

    def interrupting(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
        for number, item in enumerate(items):
            if text == at and number == 1:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        run(job, pixelwise, interrupting)
    assert not job.out.exists() and stage_of(job.out).is_dir()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done anew: numbers of films that are looked at, and written."""
    done: list[str] = []
    look_at, clean_film = run_module.look_at, run_module.clean_film

    def looking(number: int, *rest: Any) -> Any:
        done.append(f"look {number}")
        return look_at(number, *rest)

    def cleaning(*rest: Any) -> Any:
        done.append("write")
        return clean_film(*rest)

    monkeypatch.setattr(run_module, "look_at", looking)
    monkeypatch.setattr(run_module, "clean_film", cleaning)
    return done


def test_what_was_done_is_not_done_again(tmp_path: Path, calls: list[str]) -> None:
    job = a_job(tmp_path)
    stopped(job, None, "looking at films")
    assert calls == ["look 1"]
    stopped(job, None, "writing films")
    assert calls == ["look 1", "look 2", "write"]
    run(job, None, track)
    assert calls == ["look 1", "look 2", "write", "write"]
    assert not stage_of(job.out).exists()


def test_what_is_no_longer_so_is_done_again(tmp_path: Path, calls: list[str]) -> None:
    job = a_job(tmp_path)
    stopped(job, None, "writing films")
    (made,) = (stage_of(job.out) / "results").rglob("*.dcm")
    made.write_bytes(made.read_bytes()[:-1])
    Path(job.films[1]).write_bytes(saved(film(SOPInstanceUID="1.2.4")))
    calls.clear()
    reports = run(job, None, track)
    assert calls == ["look 2", "write", "write"]
    assert [report.status for report in reports] == ["ok", "ok"]
    calls.clear()
    changed = Job(job.films, tmp_path / "more", job.key, Options(dates=True))
    stopped(Job(job.films, changed.out, job.key, Options()), None, "writing films")
    run(changed, None, track)
    assert calls == ["look 1", "look 2", "write", "look 1", "look 2", "write", "write"]


def test_a_film_that_goes_meanwhile_is_not_among_the_results(tmp_path: Path) -> None:
    job = a_job(tmp_path)
    stopped(job, None, "writing films")
    Path(job.films[0]).unlink()
    gone, kept = run(job, None, track)
    assert (gone.status, kept.status) == ("failed", "ok")
    assert [str(p.relative_to(job.out)) for p in job.out.rglob("*.dcm")] == [kept.file]


def test_nobody_is_asked_twice(tmp_path: Path) -> None:
    job, asked = a_job(tmp_path, pixels=True), []

    def decide(looks: Any, key: Any, note: Any) -> dict[int, tuple[Box, ...]]:
        asked.append([look.number for look in looks])
        if len(asked) == 1:
            note(looks[0], (Box(0, 0, 2, 2),))
            raise KeyboardInterrupt
        return {look.number: () for look in looks}

    person = Pixelwise(lambda plane: None, decide, "person")
    with pytest.raises(KeyboardInterrupt):
        run(job, person, track)
    first, second = run(job, person, track)
    assert asked == [[1, 2], [2]]
    assert first.blanked == (Box(0, 0, 2, 2),) and second.blanked == ()


def test_a_stage_tells_nothing_of_films_names_and_is_held_by_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out, "job", ResidueError) as stage:
        stage.looked(Look(1, Path("/films/Mustermann.dcm"), "ab"))
        with pytest.raises(UsageError), staged(out, "job", ResidueError):
            pass
    journal = (stage_of(out) / "journal.jsonl").read_text()
    assert "ab" in journal and "Mustermann" not in journal


def test_half_a_line_of_the_journal_costs_that_line_alone(tmp_path: Path) -> None:
    out, report = tmp_path / "out", FilmReport(2, "ok", file="P/F.dcm")
    with staged(out, "job", ResidueError) as stage:
        stage.decided(Look(1, Path(), "ab"), None)
        with (stage_of(out) / "journal.jsonl").open("ab") as journal:
            journal.write(b'{"decision": {"numb')
        (stage.results / "P").mkdir()
        (stage.results / "P" / "F.dcm").write_bytes(b"")
        nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        stage.wrote(Written("cd", nothing, report))
    with staged(out, "job", ResidueError) as stage:
        assert stage.decisions([Look(1, Path(), "ab"), Look(2, Path(), "cd")]) == {1: None}
        assert stage.written(Look(2, Path(), "cd"), ()) == Written("cd", nothing, report)
        assert stage.written(Look(2, Path(), "cd"), (Box(0, 0, 1, 1),)) is None
