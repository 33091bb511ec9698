"""Drafts: what a reader draws, stroke by stroke, until a decision is made of it.

A reader has one draft a task. A stroke that was answered is on the disk. Strokes are numbered, so
that none is missed, and have a uuid, so that one that is sent again counts once. The tab that
opened a draft last may write to it: every taking over raises the draft's epoch, and strokes of an
earlier epoch are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select, update

from infmap.annotation import schema
from infmap.annotation.errors import Fenced, NotFound, WrongSequence
from infmap.annotation.projects import get as project_of
from infmap.annotation.store import get_mask, new_id, now
from infmap.core.errors import UsageError
from infmap.web.columns import TableRow
from infmap.web.masks import LABELS, Mask, decode, encode
from infmap.web.strokes import Stroke, replay


@dataclass(frozen=True)
class Draft:
    """A draft.

    Attributes:
        id: random text.
        task: identifier.
        user: identifier.
        base: side of the candidate that it starts from; None for an empty mask.
        epoch: 1, and one more each time that a tab takes it over.
        seq: number of the last stroke; 0 before any.
    """

    id: str
    task: str
    user: str
    base: str | None
    epoch: int
    seq: int


@dataclass(frozen=True)
class Replayed:
    """What a draft's strokes come to.

    Attributes:
        draft: identifier.
        seq: number of the last stroke that counts.
        mask: IMK1.
    """

    draft: str
    seq: int
    mask: bytes


def open(  # noqa: A001
    c: Connection, task: str, user: str, base: str | None, tab: str
) -> Draft:
    """The user's draft of a task, made where there is none.

    Args:
        c: a writing transaction.
        task: identifier of a task that the user was given.
        user: identifier.
        base: side to start from; None for an empty mask. A draft that has strokes keeps the base
            that they were drawn on.
        tab: name of the browser's tab; a tab other than the last one takes the draft over.

    Raises:
        NotFound: no such task, or never given to this user.
        UsageError: the task has no such side.
    """
    check_given(c, task, user)
    if base is not None:
        _base_mask(c, task, base)
    # The task's row stands for a draft that is not there yet: two tabs make one draft, not two.
    c.execute(
        select(schema.tasks.c.id).where(schema.tasks.c.id == task).with_for_update(key_share=True)
    )
    table = schema.drafts
    query = select(table).where(table.c.task_id == task, table.c.user_id == user)
    row = c.execute(query.with_for_update(key_share=True)).one_or_none()
    if row is None:
        draft = Draft(new_id(), task, user, base, 1, 0)
        c.execute(
            table.insert().values(
                id=draft.id, task_id=task, user_id=user, base=base, tab=tab, epoch=1, seq=0,
                created=now(),
            )
        )  # fmt: skip
        return draft
    epoch = row.epoch if row.tab == tab else row.epoch + 1
    base = base if row.seq == 0 else row.base
    values = {"epoch": epoch, "base": base, "tab": tab}
    c.execute(update(table).where(table.c.id == row.id).values(values))
    return Draft(row.id, task, user, base, epoch, row.seq)


def get(c: Connection, draft: str, user: str | None = None) -> Draft:
    """The draft of an identifier; with a user, only where it is that user's.

    Raises:
        NotFound: there is none.
    """
    return _of(_row(c, draft, user))


def of_task(c: Connection, task: str, user: str) -> Draft | None:
    """The user's draft of a task; None before any."""
    table = schema.drafts
    query = select(table).where(table.c.task_id == task, table.c.user_id == user)
    row = c.execute(query).one_or_none()
    return _of(row) if row is not None else None


def take_over(c: Connection, draft: str, tab: str) -> Draft:
    """Let a tab write to the draft, and no other from here on.

    Raises:
        NotFound: there is no such draft.
    """
    row = _row(c, draft, lock=True)
    table = schema.drafts
    c.execute(update(table).where(table.c.id == draft).values(epoch=row.epoch + 1, tab=tab))
    return Draft(row.id, row.task_id, row.user_id, row.base, row.epoch + 1, row.seq)


def append(c: Connection, draft: str, epoch: int, expected_seq: int, new: Sequence[Stroke]) -> int:
    """Add strokes; those whose uuid is there already count once.

    Args:
        c: a writing transaction.
        draft: identifier.
        epoch: of the tab that drew them.
        expected_seq: number of the last stroke that the tab knows to be kept.
        new: strokes, numbered without a gap.

    Returns:
        The number of the draft's last stroke.

    Raises:
        NotFound: there is no such draft.
        Fenced: another tab has taken it over.
        WrongSequence: strokes before these are missing, or others have their numbers.
        UsageError: a stroke leaves the film, or its label is not the project's.
    """
    row = _row(c, draft, lock=True)
    if epoch != row.epoch:
        raise Fenced(row.epoch)
    if expected_seq > row.seq:
        raise WrongSequence(row.seq)
    table = schema.strokes
    wanted = [stroke.uuid for stroke in new]
    query = select(table.c.uuid).where(table.c.draft_id == draft, table.c.uuid.in_(wanted))
    known = {r.uuid for r in c.execute(query)}
    fresh = [stroke for stroke in new if stroke.uuid not in known]
    if not fresh:
        return int(row.seq)
    numbers = list(range(row.seq + 1, row.seq + 1 + len(fresh)))
    if [stroke.seq for stroke in fresh] != numbers or len(set(wanted)) != len(wanted):
        raise WrongSequence(row.seq)
    _check(c, row.task_id, fresh)
    received = now()
    c.execute(table.insert(), [_values(draft, epoch, stroke, received) for stroke in fresh])
    c.execute(update(schema.drafts).where(schema.drafts.c.id == draft).values(seq=numbers[-1]))
    return numbers[-1]


def strokes(c: Connection, draft: str, after: int = 0, upto: int | None = None) -> list[Stroke]:
    """Strokes of a draft in order.

    Args:
        c: a transaction.
        draft: identifier.
        after: number of the last stroke that is left out.
        upto: number of the last one that is given; all by default.
    """
    s = schema.strokes
    query = select(s).where(s.c.draft_id == draft, s.c.seq > after).order_by(s.c.seq)
    if upto is not None:
        query = query.where(s.c.seq <= upto)
    return [
        Stroke(
            r.uuid, r.seq, r.tool, r.label, (r.x, r.y, r.width, r.height), r.active_ms,
            bytes(r.runs),
        )
        for r in c.execute(query)
    ]  # fmt: skip


def mask(c: Connection, draft: str, upto: int | None = None) -> bytes:
    """IMK1 of what is drawn: the base with the strokes applied in order.

    Args:
        c: a transaction.
        draft: identifier.
        upto: number of the last stroke that counts; all by default.

    Raises:
        NotFound: there is no such draft.
    """
    row = _row(c, draft)
    if row.base is not None:
        base: Mask = decode(_base_mask(c, row.task_id, row.base))
    else:
        base = np.zeros(_shape(c, row.task_id), np.uint8)
    return encode(replay(base, strokes(c, draft, upto=upto)))


def replayed(c: Connection, draft: str, user: str, seq: int | None = None) -> Replayed | None:
    """What is drawn up to a stroke, for a decision whose transaction others then wait for less.

    Strokes are only ever added, so that it holds later too. None where the draft is not the user's
    or has no such stroke: the decision says so.
    """
    table = schema.drafts
    row = c.execute(select(table).where(table.c.id == draft, table.c.user_id == user)).one_or_none()
    last = row.seq if row is not None and seq is None else seq
    if row is None or last is None or not 0 < last <= row.seq:
        return None
    return Replayed(draft, last, mask(c, draft, last))


def check_given(c: Connection, task: str, user: str) -> None:
    """Hold that a user was given a task.

    Raises:
        NotFound: never.
    """
    given = schema.leases.c
    query = select(given.task_id).where(given.task_id == task, given.user_id == user).limit(1)
    if c.execute(query).first() is None:
        raise NotFound("task")


def _row(c: Connection, draft: str, user: str | None = None, lock: bool = False) -> TableRow:
    table = schema.drafts
    query = select(table).where(table.c.id == draft)
    if user is not None:
        query = query.where(table.c.user_id == user)
    row = c.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise NotFound("draft")
    return row


def _of(row: TableRow) -> Draft:
    return Draft(row.id, row.task_id, row.user_id, row.base, row.epoch, row.seq)


def _base_mask(c: Connection, task: str, side: str) -> bytes:
    shown = schema.presentations.c
    query = select(shown.mask).where(shown.task_id == task, shown.side == side)
    digest: str | None = c.execute(query).scalar()
    if digest is None:
        raise UsageError(f"base: the task has no candidate {side!r}; start from one it shows")
    return get_mask(c, digest)


def _shape(c: Connection, task: str) -> tuple[int, int]:
    """(height, width) of a task's film."""
    f, t = schema.films, schema.tasks
    query = select(f.c.height, f.c.width).join(t, t.c.film_id == f.c.id).where(t.c.id == task)
    height, width = c.execute(query).one()
    return height, width


def _check(c: Connection, task: str, new: Sequence[Stroke]) -> None:
    """Refuse strokes that could not be replayed: they would spoil the whole draft later."""
    query = select(schema.tasks.c.project_id).where(schema.tasks.c.id == task)
    labels = project_of(c, c.execute(query).scalar_one()).labels
    shape = _shape(c, task)
    for stroke in new:
        if LABELS[stroke.label] not in labels:
            raise UsageError(
                f"stroke: expected a label of the project ({', '.join(labels)}), "
                f"got {LABELS[stroke.label]}"
            )
        # Fresh zeros cost no memory until they are written to, and only the rectangle is.
        stroke.apply(np.zeros(shape, np.uint8))


def _values(draft: str, epoch: int, stroke: Stroke, received: int) -> dict[str, object]:
    x, y, width, height = stroke.rect
    return {
        "draft_id": draft, "seq": stroke.seq, "uuid": stroke.uuid, "epoch": epoch,
        "tool": stroke.tool, "label": stroke.label, "x": x, "y": y, "width": width,
        "height": height, "active_ms": stroke.active_ms, "runs": stroke.runs, "received": received,
    }  # fmt: skip
