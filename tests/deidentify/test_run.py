from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from infmap.core.errors import UsageError
from infmap.deidentify import run as module
from infmap.deidentify.options import Options
from infmap.deidentify.run import Job, ResidueError, run

sys.path.insert(0, str(Path(__file__).parent))
from hospital import NAME, PATIENT, WORDS, film, saved  # noqa: E402


def track(paths: Iterable[str], total: int) -> Iterator[str]:
    yield from paths


def job(folder: Path, *films: bytes, **more: object) -> Job:
    """Films in files that are named after their patient."""
    paths = []
    for number, data in enumerate(films):
        path = folder / f"Mustermann_{number}.dcm"
        path.write_bytes(data)
        paths.append(str(path))
    return Job(paths, folder / "out", folder / "key", Options(), **more)  # type: ignore[arg-type]


def test_films_and_report_without_the_patient(tmp_path: Path) -> None:
    two = (saved(film()), saved(film(SOPInstanceUID="1.2.3")))
    reports = run(job(tmp_path, *two, b"not a film"), track)
    assert [report.status for report in reports] == ["ok", "ok", "failed"]
    names = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(names) == 4 and len({path.parent for path in names}) == 2
    for path in names:
        content = (str(path.relative_to(tmp_path)).encode() + path.read_bytes()).lower()
        assert not any(word.encode() in content for word in (*WORDS, PATIENT.lower()))
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["films"][0]["file"] == reports[0].file


def test_the_same_key_gives_the_same_films_again(tmp_path: Path) -> None:
    first = run(job(tmp_path, saved(film())), track)
    (tmp_path / "out").rename(tmp_path / "before")
    again = run(job(tmp_path, saved(film())), track)
    assert first == again
    name = str(first[0].file)
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()


def test_nothing_is_written_if_something_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(*_: object) -> object:
        from infmap.deidentify.header import Record

        return Record()

    monkeypatch.setattr("infmap.deidentify.film.deidentify_header", forgetful)
    with pytest.raises(ResidueError, match="nothing was written") as caught:
        run(job(tmp_path, saved(film())), track)
    assert not (tmp_path / "out").exists()
    assert NAME not in str(caught.value) and PATIENT not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"Mustermann_0.dcm", "key"}


def test_two_films_of_one_uid_are_not_mixed(tmp_path: Path) -> None:
    same, other = saved(film()), saved(film(Manufacturer="other"))
    reports = run(job(tmp_path, same, other, same), track)
    assert [report.status for report in reports] == ["ok", "failed", "ok"]
    assert "SOP Instance UID" in str(reports[1].reason)


def test_a_used_folder_and_a_key_inside_it_are_refused(tmp_path: Path) -> None:
    wanted = job(tmp_path, saved(film()))
    inside = Job(wanted.films, wanted.out, wanted.out / "key", Options())
    with pytest.raises(UsageError, match="outside the results"):
        run(inside, track)
    wanted.out.mkdir()
    (wanted.out / "a").touch()
    with pytest.raises(UsageError, match="empty folder"):
        run(wanted, track)
    assert not (tmp_path / "key").exists()


def test_the_linking_table_is_private(tmp_path: Path) -> None:
    table = tmp_path / "links.csv"
    reports = run(job(tmp_path, saved(film()), linking=table), track)
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    lines = table.read_text().splitlines()
    assert lines[1].endswith(f"Mustermann_0.dcm,{reports[0].file}") and module
