"""The queue: who reads which film next.

A task is given to one reader for some time, the lease, which saving and renewing extend. When it
runs out the task goes to the next reader; what the first one has drawn is kept. A reader never gets
the same film twice in one reading of it, but for unannounced repeats of own films, and for a
senior's decision between readers where every senior of the project was one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select, update
from sqlalchemy.orm import aliased

from infmap.annotation import audit, drafts, schema
from infmap.annotation.drafts import Draft, check_given
from infmap.annotation.errors import NotFound, Taken
from infmap.annotation.projects import get as project_of
from infmap.annotation.settling import decided
from infmap.annotation.store import get_mask
from infmap.annotation.users import User
from infmap.web.columns import TableRow


@dataclass(frozen=True)
class Task:
    """What one reader has to do with one film.

    It says nothing of where candidates come from, nor whether it is a repeat.

    Attributes:
        id: random text.
        project: identifier.
        film: identifier.
        kind: "draw": no proposal; "compare": hand against machine, blinded; "choose": the best of
            several proposals; "adjudicate": between the masks of readers who disagree.
        version: 1 and rising; a decision names it.
        state: "open" or "decided".
        candidates: sides that are shown, "A", "B", ...
        draft: what the user has drawn of it; None before anything.
        deadline: UTC milliseconds at which the lease ends; None where there is none.
        head: identifier of the revision that counts; None before a decision.
    """

    id: str
    project: str
    film: str
    kind: str
    version: int
    state: str
    candidates: tuple[str, ...]
    draft: Draft | None
    deadline: int | None
    head: str | None


@dataclass(frozen=True)
class Counts:
    """How far a user is in a project, unannounced repeats left out.

    Attributes:
        done: tasks that the user has decided.
        left: tasks that the user could still get.
    """

    done: int
    left: int


def lease(c: Connection, project: str, user: User, now: int) -> Task | None:
    """The task that a user has, or else the next one; None where nothing is left for this user.

    Args:
        c: a writing transaction.
        project: identifier.
        user: a senior or reader of the project.
        now: UTC milliseconds.

    Raises:
        NotFound: the user does not read in such a project.
    """
    role = _reading_role(c, project, user)
    held = _held(c, project, user, now)
    if held:
        return _give(c, project, held[0], user, now)
    row = _next(c, project, user, role, now)
    return _give(c, project, row, user, now) if row is not None else None


def upcoming(c: Connection, project: str, user: User, now: int, most: int = 1) -> list[str]:
    """Films of the tasks that a user gets after the present one, which become the user's.

    Args:
        c: a writing transaction.
        project: identifier.
        user: a senior or reader of the project.
        now: UTC milliseconds.
        most: how many films; none where the user has no present task.

    Raises:
        NotFound: the user does not read in such a project.
    """
    role = _reading_role(c, project, user)
    held = _held(c, project, user, now)
    while held and len(held) <= most:
        row = _next(c, project, user, role, now)
        if row is None:
            break
        # One millisecond apart, so that they come in this order.
        _give(c, project, row, user, now, leased=max(now, held[-1].leased) + 1)
        held = _held(c, project, user, now)
    return [row.film_id for row in held[1:]]


def renew(c: Connection, task: str, user: User, version: int, now: int) -> int:
    """Extend a lease; one that has run out too, while nobody else has the task.

    Returns:
        UTC milliseconds at which it ends now.

    Raises:
        NotFound: no such task, or never given to this user.
        Taken: it is decided, or another reader has it.
    """
    row = _held_row(c, task, user, version)
    until = now + project_of(c, row.project_id).settings.lease_ms
    c.execute(update(schema.tasks).where(schema.tasks.c.id == task).values(lease_until=until))
    return until


def release(c: Connection, task: str, user: User, version: int) -> None:
    """Give a task back undecided: others may have it, this user gets it last. Strokes are kept.

    Raises:
        NotFound: no such task, or never given to this user.
        Taken: it is decided, or another reader has it.
    """
    _held_row(c, task, user, version)
    draft = drafts.of_task(c, task, user.id)
    holder = user.id if draft is not None and draft.seq else None
    t, given = schema.tasks, schema.leases
    values = {"user_id": holder, "leased": None, "lease_until": None}
    c.execute(update(t).where(t.c.id == task).values(values))
    mine = (given.c.task_id == task) & (given.c.user_id == user.id)
    c.execute(update(given).where(mine).values(released=True))
    audit.note(c, user.name, "release", task, {"version": version})


def get(c: Connection, task: str, user: User) -> Task:
    """A task that was given to a user.

    Raises:
        NotFound: no such task, or never given to this user.
    """
    return _of(c, _row(c, task, user), user)


def candidate(c: Connection, task: str, side: str, user: User) -> bytes:
    """IMK1 of one candidate of a task that was given to a user.

    Raises:
        NotFound: no such task or side, or never given to this user.
    """
    _row(c, task, user)
    shown = schema.presentations.c
    query = select(shown.mask).where(shown.task_id == task, shown.side == side)
    digest: str | None = c.execute(query).scalar()
    if digest is None:
        raise NotFound("candidate")
    return get_mask(c, digest)


def counts(c: Connection, project: str, user: User, now: int) -> Counts:
    """How far a user is in a project."""
    role = _role(c, project, user)
    t = schema.tasks
    free = _free(project, user, role, now).with_only_columns(t.c.id).order_by(None)
    mine = select(t.c.id).where(t.c.project_id == project, t.c.repeat_of.is_(None))
    mine = mine.where(t.c.state == "open", t.c.user_id == user.id)
    left = {row.id for query in (free, mine) for row in c.execute(query)}
    return Counts(decided(c, project, user.id), len(left))


def _reading_role(c: Connection, project: str, user: User) -> str:
    """The user's role; the row stays locked, so that two tabs are not given two tasks."""
    role = _role(c, project, user, lock=True)
    if role not in ("reader", "senior"):
        raise NotFound("project")
    return role


def _role(c: Connection, project: str, user: User, lock: bool = False) -> str:
    m = schema.members
    query = select(m.c.role).where(m.c.project_id == project, m.c.user_id == user.id)
    if lock:
        query = query.with_for_update(key_share=True)
    return str(c.execute(query).scalar() or "")


def _held(c: Connection, project: str, user: User, now: int) -> list[TableRow]:
    """The user's tasks with a lease that runs, in the order in which they were given."""
    t = schema.tasks
    query = (
        select(t)
        .where(t.c.project_id == project, t.c.user_id == user.id, t.c.state == "open")
        .where(t.c.lease_until > now)
        .order_by(t.c.leased, t.c.id)
    )
    return list(c.execute(query))


def _next(c: Connection, project: str, user: User, role: str, now: int) -> TableRow | None:
    """The next task, locked, without waiting for those that others are being given."""
    t = schema.tasks
    own = (
        select(t)
        .where(t.c.project_id == project, t.c.assigned_to == user.id, t.c.state == "open")
        .where(_unheld(now))
        .order_by(t.c.due, t.c.created, t.c.id)
    )
    due = own.where(t.c.due <= decided(c, project, user.id))
    # When nothing else is left repeats come early rather than never.
    for query in (due, _free(project, user, role, now), own):
        locked = query.limit(1).with_for_update(skip_locked=True, key_share=True, of=t)
        row = c.execute(locked).first()
        if row is not None:
            return row
    return None


def _unheld(now: int) -> ColumnElement[bool]:
    t = schema.tasks.c
    return or_(t.user_id.is_(None), t.lease_until.is_(None), t.lease_until <= now)


def _free(project: str, user: User, role: str, now: int) -> Select[tuple[object, ...]]:
    """Tasks that a user may get, the best first."""
    t, given, d, r = schema.tasks, schema.leases, schema.drafts, schema.revisions
    other, same = aliased(schema.tasks), aliased(schema.tasks)
    # Each of these starts from the few rows of the user, not from the many tasks.
    # Given this film in another slot of this reading, and not handed back unread:
    elsewhere = (
        select(same.c.id)
        .join(other, (other.c.film_id == same.c.film_id) & (other.c.reading == same.c.reading))
        .join(given, given.c.task_id == other.c.id)
        .where(other.c.id != same.c.id, given.c.user_id == user.id)
        .where(or_(~given.c.released, other.c.user_id == user.id))
    )
    back = t.c.id.in_(select(given.c.task_id).where(given.c.user_id == user.id, given.c.released))
    begun = t.c.id.in_(select(d.c.task_id).where(d.c.user_id == user.id, d.c.seq > 0))
    # Who drew the mask would know it again; that reader compares it only where nobody else does.
    mine = t.c.film_id.in_(select(r.c.film_id).where(r.c.user_id == user.id))
    drew = (t.c.kind == "compare") & mine
    may: ColumnElement[bool] = t.c.id.not_in(elsewhere)
    if role != "senior":
        may &= t.c.kind != "adjudicate"
    else:  # a film would wait for ever in a project whose only senior reads too
        may |= (t.c.kind == "adjudicate") & ~_other_senior(project, user)
    query = (
        select(t)
        .where(t.c.project_id == project, t.c.state == "open", t.c.assigned_to.is_(None))
        .where(_unheld(now), may)
    )
    return query.order_by(
        (t.c.kind == "adjudicate").desc(),  # a film waits for it, and only seniors see it
        back,
        begun.desc(),
        drew,
        t.c.score.desc(),
        t.c.tie,
        t.c.slot,
        t.c.id,
    )


def _other_senior(project: str, user: User) -> ColumnElement[bool]:
    """Whether another senior, who did not read a task's film in its reading, could decide it."""
    t, m, u = schema.tasks, schema.members, schema.users
    read, given = aliased(schema.tasks), schema.leases
    has_read = (
        exists()
        .where(read.c.id == given.c.task_id, given.c.user_id == m.c.user_id, ~given.c.released)
        .where(read.c.film_id == t.c.film_id, read.c.reading == t.c.reading)
        .where(read.c.kind != "adjudicate")
        .correlate(t, m)
    )
    return (
        exists()
        .where(m.c.project_id == project, m.c.role == "senior", m.c.user_id != user.id)
        .where(u.c.id == m.c.user_id, ~u.c.disabled, ~has_read)
        .correlate(t)
    )


def _give(
    c: Connection,
    project: str,
    row: TableRow,
    user: User,
    now: int,
    leased: int | None = None,
) -> Task:
    """Lease a task to a user; its version rises where somebody else had it."""
    t, given = schema.tasks, schema.leases
    until = now + project_of(c, project).settings.lease_ms
    held = row.user_id == user.id and row.lease_until is not None
    version = row.version
    mine = (given.c.task_id == row.id) & (given.c.user_id == user.id)
    known = c.execute(select(given.c.version).where(mine, given.c.version == version)).scalar()
    if known is None:
        version += 1
        c.execute(
            given.insert().values(
                task_id=row.id, version=version, user_id=user.id, released=False, leased=now
            )
        )
    since = row.leased if held else (leased or now)
    values = {"user_id": user.id, "version": version, "lease_until": until, "leased": since}
    c.execute(update(t).where(t.c.id == row.id).values(values))
    if not held:
        c.execute(update(given).where(mine).values(released=False))
        audit.note(c, user.name, "lease", row.id, {"version": version, "film": row.film_id})
    return _of(c, c.execute(select(t).where(t.c.id == row.id)).one(), user)


def _row(c: Connection, task: str, user: User, lock: bool = False) -> TableRow:
    check_given(c, task, user.id)
    query = select(schema.tasks).where(schema.tasks.c.id == task)
    return c.execute(query.with_for_update(key_share=True) if lock else query).one()


def _held_row(c: Connection, task: str, user: User, version: int) -> TableRow:
    """The open task that a user holds at this version, locked; raises as ``release``."""
    row = _row(c, task, user, lock=True)
    if row.state != "open" or row.user_id != user.id or row.version != version:
        raise Taken(row.version)
    return row


def _of(c: Connection, row: TableRow, user: User) -> Task:
    shown = schema.presentations.c
    sides = c.execute(select(shown.side).where(shown.task_id == row.id).order_by(shown.side))
    mine = row.user_id == user.id and row.state == "open"
    return Task(
        row.id, row.project_id, row.film_id, row.kind, row.version, row.state,
        tuple(sides.scalars()), drafts.of_task(c, row.id, user.id),
        row.lease_until if mine else None, row.head,
    )  # fmt: skip
