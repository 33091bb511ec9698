"""What decisions come to: all that count, and the masks of approved films."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from infmap.annotation import schema
from infmap.annotation.decisions import Revision, get, of_row
from infmap.annotation.films import Film
from infmap.annotation.films import get as film_of
from infmap.annotation.settling import latest


@dataclass(frozen=True)
class Shown:
    """A candidate that a decided task showed.

    Attributes:
        side: "A", "B", ...
        origin: "hand" or "NETWORK@VERSION".
        mask: digest.
    """

    side: str
    origin: str
    mask: str


@dataclass(frozen=True)
class Decided:
    """A decision with all that agreement and win rates are computed from.

    Attributes:
        revision: that counts for the task.
        reader: name of who decided.
        kind: of the task.
        stage: of the project when the task was made.
        round: of the proposals; 0 without.
        reading: of the film.
        slot: of the reading.
        unaided: drawn without proposals though there were some.
        repeat_of: identifier of the task that this one repeats unannounced.
        shown: the candidates, by side.
    """

    revision: Revision
    reader: str
    kind: str
    stage: int
    round: int
    reading: int
    slot: int
    unaided: bool
    repeat_of: str | None
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class Approved:
    """An approved film with the masks that count.

    Attributes:
        film: as in ``films.get``.
        revisions: one; or those of its readers, who agree; or the senior's alone.
        adjudicated: a senior decided.
    """

    film: Film
    revisions: tuple[Revision, ...]
    adjudicated: bool


def every(c: Connection, project: str) -> list[Decided]:
    """The decisions of a project that count, repeats too, in the order in which they were made."""
    t, r, u = schema.tasks, schema.revisions, schema.users
    s, p, n = schema.presentations, schema.proposals, schema.networks
    sides = (
        select(s, n.c.name)
        .join(t, t.c.id == s.c.task_id)
        .outerjoin(p, p.c.id == s.c.proposal_id)
        .outerjoin(n, n.c.id == p.c.network_id)
        .where(t.c.project_id == project, t.c.state == "decided")
        .order_by(s.c.task_id, s.c.side)
    )
    shown: dict[str, list[Shown]] = {}
    for row in c.execute(sides):
        here = shown.setdefault(row.task_id, [])
        here.append(Shown(row.side, row.name or "hand", row.mask))
    query = (
        select(
            r, u.c.name.label("reader"), t.c.kind.label("task_kind"), t.c.stage, t.c.round,
            t.c.reading, t.c.slot, t.c.unaided, t.c.repeat_of,
        )
        .join(t, t.c.head == r.c.id)
        .join(u, u.c.id == r.c.user_id)
        .where(t.c.project_id == project)
        .order_by(r.c.created, r.c.id)
    )  # fmt: skip
    return [
        Decided(
            of_row(row), row.reader, row.task_kind, row.stage, row.round, row.reading, row.slot,
            row.unaided, row.repeat_of, tuple(shown.get(row.task_id, ())),
        )
        for row in c.execute(query)
    ]  # fmt: skip


def approved(c: Connection, project: str) -> list[Approved]:
    """The approved films of a project with the masks that count, by the digest of their files."""
    f = schema.films
    query = select(f.c.id, f.c.settled).where(f.c.project_id == project, f.c.state == "approved")
    found = []
    for film in c.execute(query.order_by(f.c.sha256)).all():
        tasks = [t for t in latest(c, film.id, film.settled) if t.state == "decided"]
        senior = [t for t in tasks if t.kind == "adjudicate"]
        revisions = tuple(get(c, t.head) for t in senior or tasks)
        found.append(Approved(film_of(c, film.id), revisions, bool(senior)))
    return found
