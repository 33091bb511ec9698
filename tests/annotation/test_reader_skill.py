from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infmap.annotation.reader_skill import reader_skill
from infmap.core.errors import UsageError

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

LEFT, WIDER = box(5, 5, 20, 15), box(5, 5, 20, 20)


def test_readers_are_compared_with_the_consensus_of_their_films(station: Station) -> None:
    station.rules(readers_per_film=3)
    cat = station.new_reader("cat")
    station.film()
    station.plan()
    for reader, mask in ((station.ann, LEFT), (station.ben, LEFT), (cat, WIDER)):
        station.read(reader, mask)
    with station.store.read() as c:
        rows = {(s.reader, s.label): s for s in reader_skill(c, station.project, "majority")}
    assert rows["ann", "infection"].dice == 1 and rows["ann", "infection"].films == 1
    assert rows["cat", "infection"].dice == pytest.approx(0.8)
    assert rows["cat", "infection"].specificity < rows["ann", "infection"].specificity


def test_a_film_with_one_reader_says_nothing_of_the_reader(station: Station) -> None:
    station.film()
    station.plan()
    station.read(station.ann, LEFT)
    with station.store.read() as c:
        assert reader_skill(c, station.project) == []


def test_an_unknown_method_is_refused(station: Station) -> None:
    with station.store.read() as c, pytest.raises(UsageError, match="staple, majority"):
        reader_skill(c, station.project, "mean")
