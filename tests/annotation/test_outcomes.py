"""What decisions come to."""

from __future__ import annotations

import sys
from pathlib import Path

from infmap.annotation import outcomes

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

MASKS = (box(1, 1, 9, 9), box(20, 20, 30, 30))


def test_a_decision_comes_with_all_that_win_rates_need(station: Station) -> None:
    station.propose(station.film(), MASKS)
    station.plan()
    task = station.next(station.ann)
    assert task is not None
    made = station.decide(task, station.ann, "choose", side="B")
    with station.store.read() as c:
        (decided,) = outcomes.every(c, station.project)
    assert (decided.revision, decided.reader, decided.kind) == (made, "ann", "choose")
    assert [s.side for s in decided.shown] == ["A", "B"]
    assert {s.origin for s in decided.shown} == {"net0@1", "net1@1"}
    assert (decided.stage, decided.round, decided.unaided, decided.repeat_of) == (2, 1, False, None)


def test_only_approved_films_have_masks_that_count(station: Station) -> None:
    station.rules(readers_per_film=2)
    films = [station.film(name) for name in "abc"]
    station.plan()
    for _ in films:
        station.read(station.ann, MASKS[0])
    first = station.read(station.ben, MASKS[0])
    station.read(station.ben, MASKS[1])
    station.read(station.ben, None)
    assert first is not None
    with station.store.read() as c:
        (approved,) = outcomes.approved(c, station.project)
        assert len(outcomes.every(c, station.project)) == 6
    assert approved.film.id == first.film and len(approved.revisions) == 2
