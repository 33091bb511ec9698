"""What follows from a decision: a film is approved, goes to a senior, or is of no use."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from infmap.annotation import schema
from infmap.annotation.overlap import least_agreement
from infmap.annotation.projects import get as project_of
from infmap.annotation.store import get_mask
from infmap.annotation.task_rows import SIDES, Candidate, Wanted, insert, uniform, withdraw
from infmap.web.columns import TableRow
from infmap.web.masks import decode

# Decisions between a film and its repeat, at least: a reader remembers the last few films.
REPEAT_GAP = 10


def settle(c: Connection, film: str, reading: int) -> str:
    """Bring a film's state up to date with the decisions of one reading; returns the state.

    Readers whose masks agree approve a film; where they do not, or one of them rejects it, a task
    for a senior is made of their masks.

    Args:
        c: a writing transaction.
        film: identifier.
        reading: of the film.
    """
    # Two readers who decide at one moment would each miss the other's decision without this lock.
    f = schema.films
    row = c.execute(select(f).where(f.c.id == film).with_for_update(key_share=True)).one()
    rules = project_of(c, row.project_id)
    tasks = latest(c, film, reading)
    adjudicated = [t for t in tasks if t.kind == "adjudicate"]
    readings = [t for t in tasks if t.kind != "adjudicate"]
    done = [t for t in readings if t.state == "decided"]
    if len(done) < max(1, rules.settings.readers_per_film) or len(done) < len(readings):
        return str(row.state)  # still open, or approved by an earlier reading
    if adjudicated and adjudicated[0].state == "decided":
        state = "unusable" if adjudicated[0].mask is None else "approved"
        return _set(c, film, reading, state, settled=True)
    counted = [t for t in done if t.mask is not None]
    others = _kept_of_others(c, done)
    drawn = [x.mask for x in (*counted, *others)]
    masks = [decode(get_mask(c, mask)) for mask in drawn] if len(drawn) > 1 else []
    apart = least_agreement(masks, rules.labels) < rules.settings.agreement_dice
    if not counted and not others:
        state = "unusable"
    elif len(counted) < len(done) or apart:
        state = "disputed"
    else:
        state = "approved"
    open_ones = [t.id for t in adjudicated]
    withdraw(c, open_ones)
    if state == "disputed" and _none_left(c, open_ones):
        shown = tuple(
            Candidate(x.mask, x.user_name, revision=x.revision) for x in (*counted, *others)
        )[: len(SIDES)]
        wanted = Wanted("adjudicate", candidates=shown)
        insert(c, rules, row, wanted, reading=reading, slot=0)
    return _set(c, film, reading, state, settled=state != "disputed")


def latest(c: Connection, film: str, reading: int) -> list[TableRow]:
    """The last task of each slot of a reading, then the last adjudication, with what counts.

    A slot has a second task where a reader rejected all candidates and then draws. Repeats are left
    out: they never count for the film.

    Returns:
        Rows of tasks with ``mask``, ``revision``, ``origin`` and ``user_name`` of the head.
    """
    t, r, u = schema.tasks, schema.revisions, schema.users
    query = (
        select(t, r.c.mask, r.c.id.label("revision"), r.c.origin, u.c.name.label("user_name"))
        .outerjoin(r, r.c.id == t.c.head)
        .outerjoin(u, u.c.id == r.c.user_id)
        .where(t.c.film_id == film, t.c.reading == reading, t.c.repeat_of.is_(None))
        .order_by(t.c.created, t.c.slot)
    )
    last = {(row.kind == "adjudicate", row.slot): row for row in c.execute(query)}
    return [last[key] for key in sorted(last)]


def repeat(c: Connection, task: TableRow, user: str) -> None:
    """Perhaps make an unannounced repeat of a film that a user has just decided.

    Repeats come evenly: the n-th decision brings one where n times the share passes a whole number,
    from an offset drawn for the user.

    Args:
        c: a writing transaction.
        task: row of the decided task.
        user: identifier of who decided it.
    """
    rules = project_of(c, task.project_id)
    share, seed = rules.settings.repeat_share, rules.settings.seed
    n = decided(c, task.project_id, user)
    u, f = schema.users, schema.films
    name = c.execute(select(u.c.name).where(u.c.id == user)).scalar_one()
    offset = uniform(seed, "repeat", name)
    if math.floor(n * share + offset) == math.floor((n - 1) * share + offset):
        return
    film = c.execute(select(f).where(f.c.id == task.film_id)).one()
    gap = REPEAT_GAP + math.floor(REPEAT_GAP * uniform(seed, "gap", name, film.sha256))
    insert(
        c, rules, film, Wanted(task.kind, task.round, task.unaided, shown_candidates(c, task.id)),
        reading=task.reading, slot=task.slot, score=task.score, repeat_of=task.id,
        assigned_to=user, due=n + gap,
    )  # fmt: skip


def decided(c: Connection, project: str, user: str) -> int:
    """How many tasks a user has decided in a project, repeats left out."""
    t = schema.tasks
    query = select(func.count()).where(
        t.c.project_id == project, t.c.user_id == user, t.c.state == "decided"
    )
    return int(c.execute(query.where(t.c.repeat_of.is_(None))).scalar_one())


def shown_candidates(c: Connection, task: str) -> tuple[Candidate, ...]:
    """The candidates of a task, by side."""
    s, p, n = schema.presentations, schema.proposals, schema.networks
    query = (
        select(s, n.c.name)
        .outerjoin(p, p.c.id == s.c.proposal_id)
        .outerjoin(n, n.c.id == p.c.network_id)
        .where(s.c.task_id == task)
        .order_by(s.c.side)
    )
    return tuple(
        Candidate(r.mask, r.name or "hand", r.proposal_id, r.revision_id) for r in c.execute(query)
    )


def _kept_of_others(c: Connection, done: Sequence[TableRow]) -> list[TableRow]:
    """Last conflicting masks of readers who have no counting one: a senior sees them too."""
    r, u = schema.revisions, schema.users
    query = (
        select(r.c.user_id, r.c.mask, r.c.id.label("revision"), u.c.name.label("user_name"))
        .join(u, u.c.id == r.c.user_id)
        .where(r.c.task_id.in_([t.id for t in done]), r.c.conflict, r.c.mask.is_not(None))
        .where(r.c.user_id.not_in([t.user_id for t in done]))
        .order_by(r.c.created, r.c.number)
    )
    last: dict[str, TableRow] = {row.user_id: row for row in c.execute(query)}
    return list(last.values())


def _none_left(c: Connection, tasks: Sequence[str]) -> bool:
    t = schema.tasks
    return c.execute(select(t.c.id).where(t.c.id.in_(tasks))).first() is None


def _set(c: Connection, film: str, reading: int, state: str, *, settled: bool) -> str:
    f = schema.films
    values: dict[str, str | int] = {"state": state}
    if settled:
        values["settled"] = reading
    c.execute(update(f).where(f.c.id == film).values(**values))
    return state
