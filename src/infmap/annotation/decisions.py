"""Decisions: immutable revisions of a film's mask, each with its parent and its origin.

A decision names the version of the task, and the revision, that its reader knew. Where another one
was made meanwhile, by another reader or in another tab, both are kept and the second does not
count; its maker sees both and may decide again, naming the one that counts as the parent.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from infmap.annotation import audit, drafts, schema
from infmap.annotation.drafts import Replayed, check_given
from infmap.annotation.errors import NotFound, WrongSequence
from infmap.annotation.projects import get as project_of
from infmap.annotation.settling import repeat, settle, shown_candidates
from infmap.annotation.store import get_mask, new_id, now, put_mask
from infmap.annotation.task_rows import Wanted, insert
from infmap.annotation.users import User
from infmap.core.errors import UsageError
from infmap.web.columns import TableRow

KINDS = ("choose", "edit", "draw", "reject")
LONGEST_REASON = 500  # characters: a sentence or two
_ORIGIN_OF_READER = "hand"


@dataclass(frozen=True)
class Revision:
    """One decision and the mask that it brought.

    Attributes:
        id: random text.
        film: identifier.
        task: identifier.
        user: identifier of who decided.
        number: 1, 2, ... of the task.
        parent: identifier of the revision before, as its maker knew it.
        kind: "choose", "edit", "draw" or "reject".
        origin: "hand"; "NETWORK@VERSION"; "edited from " and one of these.
        mask: digest; None for a rejection without a mask.
        side: candidate that was chosen or edited.
        reason: of a rejection.
        active_ms: time that the reader was active on it, milliseconds.
        conflict: it is kept, but does not count.
        created: UTC milliseconds.
    """

    id: str
    film: str
    task: str
    user: str
    number: int
    parent: str | None
    kind: str
    origin: str
    mask: str | None
    side: str | None
    reason: str | None
    active_ms: int
    conflict: bool
    created: int


@dataclass(frozen=True)
class Conflict:
    """Two decisions on one task; both are kept.

    Attributes:
        yours: the one just made; it does not count.
        theirs: the one that counts; None where another reader has the task and goes on.
    """

    yours: Revision
    theirs: Revision | None


def decide(
    c: Connection,
    task: str,
    user: User,
    version: int,
    kind: str,
    *,
    side: str | None = None,
    draft: str | None = None,
    seq: int | None = None,
    parent: str | None = None,
    reason: str | None = None,
    active_ms: int = 0,
    replayed: Replayed | None = None,
) -> Revision | Conflict:
    """Decide a task. The same decision sent again gives the same answer and counts once.

    Args:
        c: a writing transaction; commit it whatever the answer is.
        task: identifier of a task that the user was given.
        user: who decides.
        version: of the task, as the user knows it.
        kind: "choose": ``side`` as it is; "edit": the draft, which started from a side; "draw": the
            draft, which started from nothing; "reject": all candidates, or the film itself where
            there are none, with a reason. A rejection may bring a draft that was drawn instead; one
            of candidates without a draft is followed by a task to draw the film.
        side: the candidate that is chosen.
        draft: identifier.
        seq: number of the draft's last stroke that counts; all by default.
        parent: the revision that counts, where the task is decided already.
        reason: 1 to 500 characters, where ``kind`` is "reject".
        active_ms: time that the reader was active on it, milliseconds.
        replayed: the draft's mask where it is known; replayed here otherwise.

    Raises:
        NotFound: no such task or draft, or never given to this user.
        WrongSequence: the draft does not have that many strokes.
        UsageError: the parts do not go together; one line says how.
    """
    check_given(c, task, user.id)
    t = schema.tasks
    row = c.execute(select(t).where(t.c.id == task).with_for_update(key_share=True)).one()
    asked = _Asked(version, kind, side, draft, seq, parent, reason, active_ms, replayed)
    again = _same(c, task, user, asked)
    if again is not None:
        return again if not again.conflict else Conflict(again, _counting(c, row.head))
    mask, origin, used = _mask(c, row, user, asked)
    counts = _is_current(c, row, user, asked)
    revision = _insert(c, row, user, asked, mask, origin, used, conflict=not counts)
    detail: audit.Detail = {"kind": kind, "revision": revision.id, "conflict": not counts}
    if not counts:
        audit.note(c, user.name, "decide", task, detail)
        return Conflict(revision, _counting(c, row.head))
    values = {"state": "decided", "head": revision.id, "version": row.version + 1}
    values |= {"decided": revision.created, "lease_until": None}
    c.execute(update(t).where(t.c.id == task).values(values))
    _follow(c, row, user, revision)
    audit.note(c, user.name, "decide", task, detail)
    return revision


def get(c: Connection, revision: str) -> Revision:
    """The revision of an identifier, whoever asks.

    Raises:
        NotFound: there is none.
    """
    found = _counting(c, revision)
    if found is None:
        raise NotFound("revision")
    return found


def mask(c: Connection, revision: str) -> bytes:
    """IMK1 of a revision.

    Raises:
        NotFound: there is none, or it is a rejection without a mask.
    """
    digest = get(c, revision).mask
    if digest is None:
        raise NotFound("mask")
    return get_mask(c, digest)


def of_task(c: Connection, task: str) -> list[Revision]:
    """All revisions of a task in order, those that do not count too."""
    r = schema.revisions
    query = select(r).where(r.c.task_id == task).order_by(r.c.number)
    return [of_row(row) for row in c.execute(query)]


@dataclass(frozen=True)
class _Asked:
    """The arguments of ``decide``."""

    version: int
    kind: str
    side: str | None
    draft: str | None
    seq: int | None
    parent: str | None
    reason: str | None
    active_ms: int
    replayed: Replayed | None


def _same(c: Connection, task: str, user: User, asked: _Asked) -> Revision | None:
    """The revision that this very decision made before: its answer was lost on the way."""
    r = schema.revisions
    query = select(r).where(
        r.c.task_id == task,
        r.c.user_id == user.id,
        r.c.version == asked.version,
        r.c.kind == asked.kind,
        r.c.parent.is_not_distinct_from(asked.parent),
        r.c.draft_id.is_not_distinct_from(asked.draft),
        r.c.reason.is_not_distinct_from(asked.reason),
    )
    if asked.side is not None:
        query = query.where(r.c.side == asked.side)
    if asked.seq is not None:
        query = query.where(r.c.draft_seq == asked.seq)
    row = c.execute(query.order_by(r.c.number)).first()
    return of_row(row) if row is not None else None


def _mask(
    c: Connection, task: TableRow, user: User, asked: _Asked
) -> tuple[str | None, str, tuple[str | None, int | None]]:
    """Digest and origin of what was decided, with the side and stroke number that it rests on."""
    kind, origins = asked.kind, {}
    for side, shown in zip("ABCDEFGH", shown_candidates(c, task.id)):
        origins[side] = shown.mask, shown.name
        if shown.revision is not None:
            origins[side] = shown.mask, get(c, shown.revision).origin
    if kind not in KINDS:
        raise UsageError(f"decision: expected one of {', '.join(KINDS)}, got {kind!r}")
    if (kind == "reject") != bool(asked.reason) or len(asked.reason or "") > LONGEST_REASON:
        raise UsageError(
            f"decision: a rejection, and nothing else, has a reason of 1 to {LONGEST_REASON} "
            "characters"
        )
    if not 0 <= asked.active_ms < 2**53:
        raise UsageError("decision: expected active_ms as milliseconds from 0 on")
    if kind == "choose":
        if asked.side not in origins or asked.draft is not None:
            raise UsageError("decision: expected one of the sides shown, and no draft; to choose")
        digest, origin = origins[asked.side]
        return digest, origin, (asked.side, None)
    if asked.draft is None:
        if kind != "reject":
            raise UsageError(f"decision: expected a draft to {kind}")
        return None, _ORIGIN_OF_READER, (None, None)
    drawn = drafts.get(c, asked.draft, user.id)
    if drawn.task != task.id:
        raise NotFound("draft")
    seq = drawn.seq if asked.seq is None else asked.seq
    if not 0 <= seq <= drawn.seq:
        raise WrongSequence(drawn.seq)
    if (kind == "edit") != (drawn.base is not None):
        raise UsageError(
            f"decision: the draft starts from {drawn.base or 'nothing'}; "
            f"{'draw' if drawn.base is None else 'edit'} is what it can be decided as"
        )
    known = asked.replayed
    if known is None or (known.draft, known.seq) != (drawn.id, seq):
        known = Replayed(drawn.id, seq, drafts.mask(c, drawn.id, seq))
    digest = put_mask(c, known.mask)
    if drawn.base is None:
        return digest, _ORIGIN_OF_READER, (None, seq)
    before = origins[drawn.base][1]
    origin = before if before.startswith("edited from ") else f"edited from {before}"
    return digest, origin, (drawn.base, seq)


def _is_current(c: Connection, task: TableRow, user: User, asked: _Asked) -> bool:
    """Whether the user decides on what is there now."""
    mine = task.user_id == user.id and task.version == asked.version
    if task.state == "open":
        return mine and asked.parent is None
    return mine and asked.parent == task.head and not _rested_on(c, task)


def _rested_on(c: Connection, task: TableRow) -> bool:
    """Whether somebody goes on from the task's decision already."""
    t = schema.tasks
    later = (t.c.reading > task.reading) | (
        (t.c.reading == task.reading) & (t.c.kind == "adjudicate") & t.c.user_id.is_not(None)
    )
    begun = t.c.assigned_to.is_not_distinct_from(task.user_id) & (t.c.slot == task.slot)
    begun &= (t.c.reading == task.reading) & (t.c.created > task.created)
    query = select(t.c.id).where(t.c.film_id == task.film_id, t.c.id != task.id, later | begun)
    if task.kind == "adjudicate":
        query = query.where(t.c.reading > task.reading)
    return c.execute(query.where(t.c.repeat_of.is_(None))).first() is not None


def _insert(
    c: Connection,
    task: TableRow,
    user: User,
    asked: _Asked,
    mask: str | None,
    origin: str,
    used: tuple[str | None, int | None],
    *,
    conflict: bool,
) -> Revision:
    r = schema.revisions
    number = c.execute(select(func.max(r.c.number)).where(r.c.task_id == task.id)).scalar() or 0
    side, seq = used
    values = {
        "id": new_id(), "film_id": task.film_id, "task_id": task.id, "user_id": user.id,
        "number": number + 1, "version": asked.version, "parent": asked.parent,
        "kind": asked.kind, "origin": origin, "mask": mask, "side": side,
        "draft_id": asked.draft, "draft_seq": seq, "reason": asked.reason,
        "active_ms": asked.active_ms, "conflict": conflict, "created": now(),
    }  # fmt: skip
    c.execute(r.insert().values(values))
    return get(c, str(values["id"]))


def _follow(c: Connection, task: TableRow, user: User, revision: Revision) -> None:
    """What comes of a decision that counts: a repeat, a film to draw, the film's new state."""
    first = task.state == "open" and task.repeat_of is None and task.kind != "adjudicate"
    if first and task.assigned_to is None:
        repeat(c, task, user.id)
    if revision.mask is None and task.kind in ("compare", "choose"):
        film = c.execute(select(schema.films).where(schema.films.c.id == task.film_id)).one()
        insert(
            c, project_of(c, task.project_id), film, Wanted("draw"), reading=task.reading,
            slot=task.slot, score=task.score, repeat_of=task.repeat_of, assigned_to=user.id,
            after=task.created,
        )  # fmt: skip
    if task.repeat_of is None:
        settle(c, task.film_id, task.reading)


def _counting(c: Connection, revision: str | None) -> Revision | None:
    r = schema.revisions
    row = c.execute(select(r).where(r.c.id == revision)).one_or_none()
    return of_row(row) if row is not None else None


def of_row(row: TableRow) -> Revision:
    """The revision of a row of that table."""
    return Revision(
        row.id, row.film_id, row.task_id, row.user_id, row.number, row.parent, row.kind,
        row.origin, row.mask, row.side, row.reason, row.active_ms, row.conflict, row.created,
    )  # fmt: skip
