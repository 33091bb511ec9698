"""Tasks as rows: made with their candidates on drawn sides, and withdrawn.

Every draw (sides, order of equals, films without proposals, repeats) is made from the project's
seed and the digest of the film's file, so that a station made again draws the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, select

from infmap.annotation import schema
from infmap.annotation.projects import Project
from infmap.annotation.store import new_id, now
from infmap.web.columns import TableRow

SIDES = "ABCDEFGH"


@dataclass(frozen=True)
class Candidate:
    """A mask that a task shows.

    Attributes:
        mask: digest.
        name: equal in every copy of a station, for the draw of its side.
        proposal: identifier, or None.
        revision: identifier, or None.
    """

    mask: str
    name: str
    proposal: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What the tasks of a film's reading should be.

    Attributes:
        kind: "draw", "choose" or "compare".
        round: of the proposals; 0 without.
        unaided: without proposals though there are some.
        candidates: to be shown.
    """

    kind: str
    round: int = 0
    unaided: bool = False
    candidates: tuple[Candidate, ...] = ()


def uniform(seed: int, *what: str | int) -> float:
    """A number from 0 to 1 (excluded), the same for the same arguments."""
    text = json.dumps([seed, *what], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def insert(
    c: Connection,
    rules: Project,
    film: TableRow,
    wanted: Wanted,
    *,
    reading: int,
    slot: int,
    score: float = 0.0,
    repeat_of: str | None = None,
    assigned_to: str | None = None,
    due: int = 0,
    after: int = 0,
) -> str:
    """Make one task with its candidates on drawn sides; returns its identifier.

    Args:
        c: a writing transaction.
        rules: the project.
        film: row of the film.
        wanted: what it shows.
        reading: of the film.
        slot: of the reading.
        score: films with a higher one come first.
        repeat_of: the task that it repeats unannounced.
        assigned_to: the only user who may have it.
        due: decisions of that user before it is offered.
        after: UTC milliseconds of the making of the task that it goes on from.
    """
    task, seed = new_id(), rules.settings.seed
    c.execute(
        schema.tasks.insert().values(
            id=task, project_id=rules.id, film_id=film.id, kind=wanted.kind,
            stage=rules.settings.stage, round=wanted.round, reading=reading, slot=slot,
            unaided=wanted.unaided, repeat_of=repeat_of, assigned_to=assigned_to, due=due,
            score=score, tie=int(uniform(seed, "order", film.sha256) * 2**48), state="open",
            version=0, created=max(now(), after + 1),
        )
    )  # fmt: skip
    draw = ("side", film.sha256, wanted.kind, wanted.round, slot, repeat_of is not None)
    shown = sorted(wanted.candidates, key=lambda x: uniform(seed, *draw, x.name))
    rows = [
        {
            "task_id": task, "side": side, "mask": x.mask, "proposal_id": x.proposal,
            "revision_id": x.revision,
        }
        for side, x in zip(SIDES, shown)
    ]  # fmt: skip
    if rows:
        c.execute(schema.presentations.insert(), rows)
    return task


def withdraw(c: Connection, tasks: Sequence[str]) -> int:
    """Remove those of the tasks that nobody has begun; returns how many."""
    t, d, r = schema.tasks, schema.drafts, schema.revisions
    drawn = exists().where(d.c.task_id == t.c.id, d.c.seq > 0)
    decided = exists().where(r.c.task_id == t.c.id)
    query = select(t.c.id).where(t.c.id.in_(tasks), t.c.state == "open", t.c.user_id.is_(None))
    # A task that is being given to somebody at this moment is locked, and stays.
    query = query.where(~drawn, ~decided).with_for_update(skip_locked=True, key_share=True)
    gone = [row.id for row in c.execute(query)]
    for table in (schema.presentations, schema.leases, schema.drafts):
        c.execute(delete(table).where(table.c.task_id.in_(gone)))
    c.execute(delete(t).where(t.c.id.in_(gone)))
    return len(gone)
