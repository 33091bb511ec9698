from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from infmap.annotation import film_counts, outcomes
from infmap.annotation.agreement_report import as_json, of_project
from infmap.annotation.film_counts import LONGEST_SIDE, DecidedFilm, FilmCounts, _small
from infmap.web.masks import encode

sys.path.insert(0, str(Path(__file__).parent))
from small_station import LABELS, Station, box  # noqa: E402

LEFT, WIDER = box(5, 5, 20, 15), box(5, 5, 20, 20)


def counted(station: Station) -> dict[str, FilmCounts]:
    with station.store.read() as c:
        films = film_counts.films_of(c, station.project, outcomes.every(c, station.project))
        return {film.film: film_counts.count(c, film, LABELS) for film in films}


def test_readings_with_proposals_and_without_are_told_apart(station: Station) -> None:
    station.rules(unaided_share=0.5, readers_per_film=2)
    for k in range(8):
        film = station.film(f"film {k}", lungs=encode(box(0, 0, 40, 30, "lungs")))
        station.propose(film, [LEFT])
    station.plan()
    unaided = set()
    for reader in (station.ann, station.ben):
        while (task := station.next(reader)) is not None:
            if task.kind == "draw":
                unaided.add(task.film)
                draft = station.draw(task, reader, WIDER)
                station.decide(task, reader, "draw", draft=draft, active_ms=60_000)
            else:
                station.decide(task, reader, "choose", side="A", active_ms=20_000)
    found = counted(station)
    assert len(found) == 8 and 0 < len(unaided) < 8
    for film, counts in found.items():
        assert len(counts.aided) == 2
        for reading in counts.aided:
            assert reading.aided == (film not in unaided)
            assert reading.seconds == (20 if reading.aided else 60)
            marks = reading.marks["infection"]
            assert marks.consensus == 1
            expected = 1 if reading.aided else 2 * 150 / (150 + 225)
            assert marks.proposals == pytest.approx(expected)
            assert marks.share == pytest.approx((150 if reading.aided else 225) / 1200)
            assert np.isnan(reading.marks["lungs"].proposals)


def test_who_rejects_all_and_draws_has_read_once(station: Station) -> None:
    film = station.film()
    station.propose(film, [LEFT])
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    station.decide(task, station.ann, "reject", reason="none is right", active_ms=5_000)
    task = station.next(station.ann)
    assert task is not None and task.kind == "draw"
    draft = station.draw(task, station.ann, WIDER)
    station.decide(task, station.ann, "draw", draft=draft, active_ms=30_000)
    (reading,) = counted(station)[film].aided
    assert reading.aided and reading.seconds == 35
    assert np.isnan(reading.marks["infection"].consensus)


def test_a_senior_is_the_consensus(station: Station) -> None:
    station.rules(readers_per_film=2)
    film = station.film()
    proposals = station.propose(film, [LEFT, box(25, 25, 38, 38)])
    station.plan()
    for reader, proposal in zip((station.ann, station.ben), proposals, strict=True):
        task = station.next(reader)
        assert task is not None
        side = next(s for s, origin in station.origins(task).items() if origin == proposal)
        station.decide(task, reader, "choose", side=side)
    task = station.next(station.sue)
    assert task is not None
    station.decide(task, station.sue, "draw", draft=station.draw(task, station.sue, WIDER))
    near = sorted(r.marks["infection"].consensus for r in counted(station)[film].aided)
    assert near == pytest.approx([0, 2 * 150 / (150 + 225)])


def test_a_second_report_counts_only_what_is_new(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.rules(readers_per_film=2)
    for name in "ab":
        station.film(name)
    station.plan()
    known: dict[DecidedFilm, FilmCounts] = {}
    seen: list[str] = []

    def count(c: object, film: DecidedFilm, labels: object) -> FilmCounts:
        seen.append(film.film)
        return film_counts.count(c, film, labels)  # type: ignore[arg-type]

    monkeypatch.setattr("infmap.annotation.agreement_report.count", count)

    def report() -> object:
        with station.store.read() as c:
            return as_json(of_project(c, station.project, draws=20, known=known))

    first = station.read(station.ann, LEFT)
    assert first is not None
    report()
    assert seen == [first.film]
    report()
    assert seen == [first.film]
    other = station.read(station.ann, LEFT)
    assert other is not None
    report()
    assert seen == [first.film, other.film]
    station.read(station.ben, WIDER)
    station.read(station.ben, WIDER)
    again = report()
    assert len(seen) == 4 and len(known) == 2
    known.clear()
    assert report() == again  # what was kept is what is counted anew


def test_large_films_are_counted_on_some_of_their_rows_and_columns() -> None:
    mask = np.zeros((3000, 2400), np.uint8)
    mask[600:1500, 300:1200] = 1
    small = _small(mask)
    assert max(small.shape) <= LONGEST_SIDE
    assert small.mean() == pytest.approx(mask.mean(), rel=0.01)
    assert _small(mask[:900, :900]).shape == (900, 900)
