from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from infmap.core.errors import UsageError
from infmap.deidentify.boxes import Box
from infmap.deidentify.candidates import Candidate
from infmap.deidentify.key import Key
from infmap.deidentify.look import Look
from infmap.deidentify.options import Options
from infmap.deidentify.run import Job, Note, Pixelwise, ResidueError, accept, run

sys.path.insert(0, str(Path(__file__).parent))
from hospital import KEY, NAME, PATIENT, WORDS, film, labelled, read, saved  # noqa: E402

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    yield from items


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
    reports = run(job(tmp_path, *two, b"not a film"), None, track)
    assert [report.status for report in reports] == ["ok", "ok", "failed"]
    names = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(names) == 4 and len({path.parent for path in names}) == 2
    for path in names:
        content = (str(path.relative_to(tmp_path)).encode() + path.read_bytes()).lower()
        assert not any(word.encode() in content for word in (*WORDS, PATIENT.lower()))
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["films"][0]["file"] == reports[0].file


def test_the_same_key_gives_the_same_films_again(tmp_path: Path) -> None:
    first = run(job(tmp_path, saved(film())), None, track)
    (tmp_path / "out").rename(tmp_path / "before")
    again = run(job(tmp_path, saved(film())), None, track)
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
        run(job(tmp_path, saved(film())), None, track)
    assert not (tmp_path / "out").exists()
    assert NAME not in str(caught.value) and PATIENT not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"Mustermann_0.dcm", "key"}


def test_two_films_of_one_uid_are_not_mixed(tmp_path: Path) -> None:
    same, other = saved(film()), saved(film(Manufacturer="other"))
    reports = run(job(tmp_path, same, other, same), None, track)
    assert [report.status for report in reports] == ["ok", "failed", "ok"]
    assert "SOP Instance UID" in str(reports[1].reason)


def test_a_used_folder_and_a_key_inside_it_are_refused(tmp_path: Path) -> None:
    wanted = job(tmp_path, saved(film()))
    inside = Job(wanted.films, wanted.out, wanted.out / "key", Options())
    with pytest.raises(UsageError, match="outside the results"):
        run(inside, None, track)
    wanted.out.mkdir()
    (wanted.out / "a").touch()
    with pytest.raises(UsageError, match="empty folder"):
        run(wanted, None, track)
    assert not (tmp_path / "key").exists()


def test_the_linking_table_is_private(tmp_path: Path) -> None:
    table = tmp_path / "links.csv"
    reports = run(job(tmp_path, saved(film()), linking=table), None, track)
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    lines = table.read_text().splitlines()
    assert len(lines) == 2 and lines[1].endswith(f"Mustermann_0.dcm,{reports[0].file}")


def nothing_but_border(plane: np.ndarray) -> np.ndarray:
    """Lungs in the lower half."""
    lungs = np.zeros(plane.shape, bool)
    lungs[plane.shape[0] // 2 :] = True
    return lungs


PROGRAM = Pixelwise(nothing_but_border, accept, "program")


def test_text_outside_the_lungs_is_blanked_and_stated(tmp_path: Path) -> None:
    wanted = job(tmp_path, saved(labelled(at=(40, 60))))
    options = Options(pixels=True)
    (report,) = run(Job(wanted.films, wanted.out, wanted.key, options), PROGRAM, track)
    made = read((wanted.out / str(report.file)).read_bytes())
    assert report.found == len(report.blanked) == 1 and report.confirmed == "program"
    assert made.BurnedInAnnotation == "NO"
    assert made.pixel_array[report.blanked[0].slices].max() == made.pixel_array.min()
    codes = [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
    assert "113101" in codes


def test_text_over_the_lungs_is_held_for_a_person(tmp_path: Path) -> None:
    wanted = job(tmp_path, saved(labelled(at=(400, 60))), saved(film(SOPInstanceUID="1.2.3")))
    held, other = run(Job(wanted.films, wanted.out, wanted.key, Options()), PROGRAM, track)
    assert held.status == "held" and "--review page" in str(held.reason) and held.found == 1
    assert other.status == "ok" and len(list(wanted.out.rglob("*.dcm"))) == 1


def test_a_person_decides(tmp_path: Path) -> None:
    box = Box(3, 4, 5, 6)

    def decide(looks: Sequence[Look], key: Key, note: Note) -> dict[int, tuple[Box, ...]]:
        assert [look.over_lungs for look in looks] == [True]
        return {1: (box,)}

    wanted = job(tmp_path, saved(labelled(at=(400, 60))))
    person = Pixelwise(nothing_but_border, decide, "person")
    (report,) = run(Job(wanted.films, wanted.out, wanted.key, Options()), person, track)
    assert report.blanked == (box,) and report.confirmed == "person"


def test_accept_takes_all_boxes_or_holds_the_film() -> None:
    clear, lung = Candidate(Box(0, 0, 1, 1), False), Candidate(Box(1, 0, 1, 1), True)
    looks = [Look(1, Path("a"), "", candidates=(clear,)), Look(2, Path("b"), "")]
    looks.append(Look(3, Path("c"), "", candidates=(clear, lung)))
    assert accept(looks, KEY) == {1: (clear.box,), 2: ()}


def test_a_film_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    wanted = job(tmp_path, saved(film()))

    def decide(looks: Sequence[Look], key: Key, note: Note) -> dict[int, tuple[Box, ...]]:
        Path(wanted.films[0]).write_bytes(saved(film(Manufacturer="other")))
        return {1: ()}

    (report,) = run(wanted, Pixelwise(nothing_but_border, decide, "person"), track)
    assert report.status == "failed" and "changed" in str(report.reason)
