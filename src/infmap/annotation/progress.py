"""How far a project is: films by state, tasks by stage, work by reader, proposals by network."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select
from typing_extensions import TypedDict

from infmap.annotation import outcomes, projects, schema


class StageProgress(TypedDict):
    """Tasks of one stage, unannounced repeats left out."""

    stage: int
    done: int
    left: int


class ReaderProgress(TypedDict):
    """Decisions of one member that count, and the time spent on them."""

    name: str
    role: str
    done: int
    minutes: float


class NetworkProgress(TypedDict):
    """Proposals of one network, and what became of those shown in decided tasks."""

    name: str
    proposed: int
    shown: int
    chosen: int
    edited: int


class Progress(TypedDict):
    """A project; ``films`` counts by state."""

    id: str
    name: str
    stage: int
    round: int
    films: dict[str, int]
    stages: list[StageProgress]
    readers: list[ReaderProgress]
    networks: list[NetworkProgress]


def progress(c: Connection, project: str) -> Progress:
    """How far a project is.

    Args:
        c: a transaction.
        project: identifier.

    Raises:
        NotFound: there is no such project.
    """
    found = projects.get(c, project)
    made = outcomes.every(c, project)
    done = Counter(one.reader for one in made)
    spent = Counter[str]()
    shown, used = Counter[str](), Counter[tuple[str, str]]()
    for one in made:
        spent[one.reader] += one.revision.active_ms
        shown.update(side.origin for side in one.shown)
        kept = next((side for side in one.shown if side.side == one.revision.side), None)
        if kept is not None:
            used[kept.origin, one.revision.kind] += 1
    return {
        "id": found.id,
        "name": found.name,
        "stage": found.settings.stage,
        "round": found.round,
        "films": _films(c, project),
        "stages": _stages(c, project),
        "readers": [
            {
                "name": member.user.name,
                "role": member.role,
                "done": done[member.user.name],
                "minutes": round(spent[member.user.name] / 60_000, 1),
            }
            for member in projects.members(c, project)
        ],
        "networks": [
            {
                "name": name,
                "proposed": count,
                "shown": shown[name],
                "chosen": used[name, "choose"],
                "edited": used[name, "edit"],
            }
            for name, count in _proposed(c, project)
        ],
    }


def _films(c: Connection, project: str) -> dict[str, int]:
    f = schema.films
    query = select(f.c.state, func.count()).where(f.c.project_id == project).group_by(f.c.state)
    counted = {state: int(count) for state, count in c.execute(query)}
    return {state: counted.get(state, 0) for state in ("open", "disputed", "approved", "unusable")}


def _stages(c: Connection, project: str) -> list[StageProgress]:
    t = schema.tasks
    query = (
        select(t.c.stage, t.c.state, func.count())
        .where(t.c.project_id == project, t.c.repeat_of.is_(None))
        .group_by(t.c.stage, t.c.state)
    )
    counted = {(stage, state): int(count) for stage, state, count in c.execute(query)}
    return [
        {
            "stage": stage,
            "done": counted.get((stage, "decided"), 0),
            "left": counted.get((stage, "open"), 0),
        }
        for stage in sorted({stage for stage, _ in counted})
    ]


def _proposed(c: Connection, project: str) -> list[tuple[str, int]]:
    """Networks by name, each with the number of its proposals."""
    p, n, f = schema.proposals, schema.networks, schema.films
    query = (
        select(n.c.name, func.count())
        .join(p, p.c.network_id == n.c.id)
        .join(f, f.c.id == p.c.film_id)
        .where(f.c.project_id == project)
        .group_by(n.c.name)
        .order_by(n.c.name)
    )
    return [(name, int(count)) for name, count in c.execute(query)]
