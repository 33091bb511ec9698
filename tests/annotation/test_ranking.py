"""Whose proposal a film shows: by lot first, then the network's that comes nearest."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from sqlalchemy import select

from infmap.annotation import schema
from infmap.annotation.overlap import dice
from infmap.annotation.ranking import BY_LOT, LEAST, RECENT, lead, lineage, record_of, shown
from infmap.annotation.task_rows import uniform
from infmap.web.masks import plane

sys.path.insert(0, str(Path(__file__).parent))
from small_station import Station, box  # noqa: E402

MEANT, OFF = box(1, 1, 21, 21), box(1, 11, 21, 31)
"""What the reader means, and a mask that overlaps with half of it."""
NEAR = dice(plane(MEANT, "infection"), plane(OFF, "infection"))
NETWORKS = ["new@2", "old@1", "third@1"]


def picked(record: dict[str, list[float]], films: int = 400, count: int = 1) -> Counter[str]:
    """How often each network is among those shown."""
    found: Counter[str] = Counter()
    for film in range(films):
        found.update(shown(NETWORKS, record, count, partial(uniform, 0, film)))
    return found


def test_all_are_shown_where_they_fit() -> None:
    assert shown(["b@1", "a@1"], {}, 2, lambda what: 0.5) == ["b@1", "a@1"]
    assert shown([], {}, 1, lambda what: 0.5) == []


@pytest.mark.parametrize("count", [1, 2])
def test_networks_of_which_little_is_known_are_drawn_by_lot(count: int) -> None:
    few = {"old": [0.9] * 30, "third": [0.1] * 30, "new": [0.5] * (LEAST - 1)}
    for record in ({}, few):
        found = picked(record, count=count)
        low, high = binom.interval(0.95, 400, count / 3)
        assert all(low <= found[name] <= high for name in NETWORKS)


def test_then_the_best_is_shown_and_one_film_in_ten_goes_on_by_lot() -> None:
    record = {"old": [0.1] * LEAST, "new": [0.3] * LEAST, "third": [-0.2] * LEAST}
    found = picked(record, 1000)
    low, high = binom.interval(0.95, 1000, BY_LOT * 2 / 3)
    assert low <= 1000 - found["new@2"] <= high
    # Both of two that are shown are the better ones.
    assert picked(record, 1000, count=2)["third@1"] <= binom.ppf(0.975, 1000, BY_LOT * 2 / 3)


def test_only_the_newest_decisions_count() -> None:
    record = {"old": [0.2] * RECENT, "third": [0.1] * RECENT, "new": [0.3] * RECENT + [-1.0] * 99}
    assert picked(record).most_common(1)[0][0] == "new@2"


def test_a_network_is_known_by_its_name_in_every_version() -> None:
    assert lineage("rounds@3") == lineage("rounds@4") == "rounds"
    assert lineage("plain") == "plain"


def test_a_network_leads_by_how_much_nearer_it_comes_than_the_others() -> None:
    near = {"a": 0.9, "b": 0.5, "c": 0.3}
    assert lead("a", near) == pytest.approx(0.5)
    assert lead("b", near) == pytest.approx(-0.1)


def read(station: Station) -> None:
    """Ann keeps what she means and rejects what she does not, and then draws."""
    p, n = schema.proposals, schema.networks
    near = select(p.c.id).join(n, n.c.id == p.c.network_id).where(n.c.name == "net0@1")
    with station.store.read() as c:
        meant = set(c.execute(near).scalars())
    while (task := station.next(station.ann)) is not None:
        if task.kind == "draw":
            station.decide(task, station.ann, "draw", draft=station.draw(task, station.ann, MEANT))
        elif station.origins(task)["A"] in meant:
            station.decide(task, station.ann, "choose", side="A")
        else:
            station.decide(task, station.ann, "reject", reason="elsewhere")


def test_readers_of_one_round_decide_whose_proposals_the_next_one_shows(station: Station) -> None:
    station.rules(candidates=1)
    for k in range(24):
        station.propose(station.film(f"film {k}"), [MEANT, OFF])
    station.plan()
    read(station)
    with station.store.read() as c:
        record = record_of(c, station.project, "infection")
    assert set(record) == {"net0", "net1"}
    assert min(map(len, record.values())) >= LEAST and sum(map(len, record.values())) == 24
    assert np.allclose(record["net0"], 1 - NEAR) and np.allclose(record["net1"], NEAR - 1)
    for k in range(24, 64):
        station.propose(station.film(f"film {k}"), [MEANT, OFF], round=2)
    station.plan()
    t, s, p, n = schema.tasks, schema.presentations, schema.proposals, schema.networks
    query = (
        select(n.c.name)
        .join(p, p.c.network_id == n.c.id)
        .join(s, s.c.proposal_id == p.c.id)
        .join(t, t.c.id == s.c.task_id)
        .where(t.c.round == 2)
    )
    with station.store.read() as c:
        found = Counter(c.execute(query).scalars())
    assert found.total() == 40  # one candidate a film
    assert found["net1@1"] <= binom.ppf(0.975, 40, BY_LOT / 2)
    assert station.plan().made == 0  # a film that waits keeps what it shows
