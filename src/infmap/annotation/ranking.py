"""Which networks' proposals a reader is shown of a film.

To judge a mask takes a reader as long as to mend a small one, so that few are shown: by default
one. Whose it is is drawn by lot at first, which makes the comparison of networks a randomised one:
what readers keep tells which network comes nearest, and from the next planning on its proposals are
shown. One film in ten goes on by lot, for a network that was trained again may have become better.

A network is told by its name, without the version: one that was trained again on more films is the
same one in a later round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, select

from infmap.annotation import schema
from infmap.annotation.overlap import dice
from infmap.annotation.store import get_mask
from infmap.core.types import BoolImage
from infmap.web.masks import decode, plane

LEAST = 5
"""Decisions of each network before one is preferred: with a scatter of 0.3 in Dice between films a
mean of 5 is known to 0.13, which tells a network that has learned from one that has not yet."""
RECENT = 20
"""Newest decisions of a network that count: those on what its last trainings made of it."""
BY_LOT = 0.1
"""Share of films that show a network by lot after that."""
LONGEST_SIDE = 1024
"""Masks are compared at this size at most, pixels: of a mean over films more tells nothing."""

Record = Mapping[str, Sequence[float]]
"""Network, without the version, to its ``lead`` on films that showed its proposal, newest first."""


def shown(
    networks: Sequence[str], record: Record, count: int, lot: Callable[[str], float]
) -> list[str]:
    """The networks whose proposals of a film are shown, best first.

    Args:
        networks: name@version of those that have one.
        record: of ``record_of``.
        count: how many are shown at most.
        lot: a number from 0 to 1 (excluded), drawn for a film and a text.
    """
    if len(networks) <= count:
        return list(networks)
    drawn = sorted(networks, key=lot)
    known = {name: record.get(lineage(name), ())[:RECENT] for name in networks}
    if min(map(len, known.values())) < LEAST or lot("by lot") < BY_LOT:
        return drawn[:count]
    # The sort keeps the order of the lot between equals.
    return sorted(drawn, key=lambda name: -float(np.mean(known[name])))[:count]


def lineage(network: str) -> str:
    """A network's name without its version."""
    return network.rpartition("@")[0] or network


def lead(network: str, nearness: Mapping[str, float]) -> float:
    """By how much a network comes nearer to what a reader kept than the others do, -1 to 1.

    The difference takes out how hard a film is: films differ more than networks do. A mask that was
    shown draws the reader to itself, so that only films that showed a network's proposal count for
    it: each has the same advantage there.

    Args:
        network: whose proposal was shown.
        nearness: Dice of every network's proposal with what was kept, two networks or more.
    """
    others = [value for name, value in nearness.items() if name != network]
    return nearness[network] - float(np.mean(others))


def record_of(c: Connection, project: str, label: str) -> dict[str, list[float]]:
    """How the proposals that readers of a project were shown did.

    First readings count: there was no hand-drawn mask beside, and the proposals were there before,
    so that no network has learned from what it is compared with.

    Args:
        c: a transaction.
        project: identifier.
        label: name of the label that is compared.

    Returns:
        The ``lead`` of each network, without the version, on its ``RECENT`` newest films.
    """
    t, s = schema.tasks, schema.presentations
    p, n = schema.proposals, schema.networks
    query = (
        select(t.c.film_id, t.c.slot, t.c.round, n.c.name)
        .join(s, s.c.task_id == t.c.id)
        .join(p, p.c.id == s.c.proposal_id)
        .join(n, n.c.id == p.c.network_id)
        .where(t.c.project_id == project, t.c.kind == "choose", t.c.state == "decided")
        .where(t.c.reading == 1, t.c.repeat_of.is_(None))
        .order_by(t.c.decided.desc(), t.c.id, s.c.side)
    )
    kept = _kept(c, project)
    found: dict[tuple[str, int, int], dict[str, float]] = {}
    record: defaultdict[str, list[float]] = defaultdict(list)
    for row in c.execute(query).all():
        mine, film = record[lineage(row.name)], (row.film_id, row.slot, row.round)
        mask = kept.get((row.film_id, row.slot))
        if mask is None or len(mine) == RECENT:  # a film that no reader could use says nothing
            continue
        if film not in found:
            found[film] = _nearness(c, row.film_id, row.round, mask, label)
        if len(found[film]) > 1:
            mine.append(lead(row.name, found[film]))
    return dict(record)


def _kept(c: Connection, project: str) -> dict[tuple[str, int], str]:
    """Film and slot of a first reading to the mask that its reader kept."""
    t, r = schema.tasks, schema.revisions
    query = (
        select(t.c.film_id, t.c.slot, r.c.mask)
        .join(r, r.c.id == t.c.head)
        .where(t.c.project_id == project, t.c.reading == 1, t.c.repeat_of.is_(None))
        .where(t.c.kind != "adjudicate", r.c.mask.is_not(None))
        .order_by(t.c.created)  # who rejects all candidates draws next, in the same slot
    )
    return {(row.film_id, row.slot): row.mask for row in c.execute(query)}


def _nearness(c: Connection, film: str, number: int, kept: str, label: str) -> dict[str, float]:
    """Network to the Dice of its proposal of a round with what was kept."""
    p, n = schema.proposals, schema.networks
    query = (
        select(n.c.name, p.c.mask)
        .join(n, n.c.id == p.c.network_id)
        .where(p.c.film_id == film, p.c.round == number)
    )
    final = _small(c, kept, label)
    return {row.name: dice(_small(c, row.mask, label), final) for row in c.execute(query).all()}


def _small(c: Connection, mask: str, label: str) -> BoolImage:
    whole = decode(get_mask(c, mask))
    step = -(-max(whole.shape) // LONGEST_SIDE)
    return plane(whole[::step, ::step], label)
