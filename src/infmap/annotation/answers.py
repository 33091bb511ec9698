"""What answers hold, field by field: nothing of where a candidate comes from."""

from __future__ import annotations

from typing import NotRequired

from fastapi import Response
from sqlalchemy import Connection
from typing_extensions import TypedDict

from infmap.annotation import films, projects
from infmap.annotation.decisions import Conflict, Revision
from infmap.annotation.drafts import Draft
from infmap.annotation.store import now
from infmap.annotation.tasks import Task
from infmap.annotation.users import User

GUIDES = {
    "draw": "Outline what you see, label by label; reject the film if it cannot be read.",
    "compare": "Two masks, one drawn by hand and one by a network: choose the better one, edit it, "
    "or reject both with a reason.",
    "choose": "Choose the best mask, edit it, or reject all with a reason and draw your own.",
    "adjudicate": "The readers do not agree: choose the mask that is right, edit it, or draw.",
}
"""Kind of a task to one sentence on what to do."""


class UserAnswer(TypedDict):
    """An account."""

    name: str
    role: str
    must_change_password: bool


class SessionAnswer(TypedDict):
    """Who is signed in."""

    user: UserAnswer
    csrf: str


class AccountAnswer(UserAnswer):
    """An account as administrators see it; ``password`` once, where one was made."""

    disabled: bool
    password: NotRequired[str]


class DraftAnswer(TypedDict):
    """A draft."""

    draft: str
    epoch: int
    seq: int


class EpochAnswer(TypedDict):
    """A draft that was taken over."""

    epoch: int
    seq: int


class SeqAnswer(TypedDict):
    """Number of a draft's last stroke."""

    seq: int


class StrokeAnswer(TypedDict):
    """A stroke, as ``strokes.Stroke.to_json`` writes it."""

    uuid: str
    seq: int
    tool: str
    label: int
    rect: list[int]
    active_ms: int
    runs: str


class WindowAnswer(TypedDict):
    """A window, grey levels."""

    center: float
    width: float


class FilmAnswer(TypedDict):
    """A film."""

    id: str
    width: int
    height: int
    bits: int
    window: WindowAnswer
    invert: bool


class ProjectName(TypedDict):
    """The project of a task."""

    id: str
    name: str
    labels: list[str]


class TaskAnswer(TypedDict):
    """A task, as its reader sees it."""

    id: str
    kind: str
    version: int
    state: str
    project: ProjectName
    film: FilmAnswer
    candidates: list[str]
    draft: DraftAnswer | None
    lungs: bool
    priors: int
    guide: str
    deadline_s: int
    parent: str | None


class DeadlineAnswer(TypedDict):
    """Seconds until a lease ends."""

    deadline_s: int


class RevisionAnswer(TypedDict):
    """A decision that was made and counts."""

    revision: str


class OneOfTwo(TypedDict):
    """One of two decisions on one task."""

    revision: str
    kind: str
    side: str | None
    mask: bool
    mine: bool


class PriorAnswer(TypedDict):
    """An earlier film of the same patient."""

    film: str
    days_before: int


class ProjectAnswer(TypedDict):
    """A project in a user's list; ``role`` is null for an administrator who is no member."""

    id: str
    name: str
    role: str | None
    stage: int
    labels: list[str]
    done: int
    left: int


class NewProjectAnswer(TypedDict):
    """A project that was made."""

    id: str


class PlannedAnswer(TypedDict):
    """How many tasks a planning made and withdrew."""

    made: int
    withdrawn: int


class ProposalAnswer(TypedDict):
    """A proposal that was taken in."""

    proposal: str


class EntryAnswer(TypedDict):
    """An entry of the audit log."""

    seq: int
    at: int
    user: str
    verb: str
    subject: str
    detail: dict[str, str | int | float | bool | None]
    digest: str


class AuditAnswer(TypedDict):
    """Some entries of the audit log, and what its chain looks like."""

    entries: list[EntryAnswer]
    intact: bool
    broken: str | None


def octets(data: bytes) -> Response:
    """A mask as IMK1."""
    return Response(data, media_type="application/octet-stream")


def user_answer(user: User) -> UserAnswer:
    """An account."""
    return {"name": user.name, "role": user.role, "must_change_password": user.must_change}


def draft_answer(draft: Draft) -> DraftAnswer:
    """A draft."""
    return {"draft": draft.id, "epoch": draft.epoch, "seq": draft.seq}


def task_answer(c: Connection, task: Task) -> TaskAnswer:
    """A task with its film and project."""
    film, project = films.get(c, task.film), projects.get(c, task.project)
    return {
        "id": task.id,
        "kind": task.kind,
        "version": task.version,
        "state": task.state,
        "project": {"id": project.id, "name": project.name, "labels": list(project.labels)},
        "film": {
            "id": film.id,
            "width": film.width,
            "height": film.height,
            "bits": film.bits,
            "window": {"center": film.window_center, "width": film.window_width},
            "invert": False,  # a film is kept as it is displayed
        },
        "candidates": list(task.candidates),
        "draft": draft_answer(task.draft) if task.draft is not None else None,
        "lungs": film.lungs is not None,
        "priors": len(films.priors(c, film.id)),
        "guide": GUIDES[task.kind],
        "deadline_s": seconds_left(task.deadline),
        "parent": task.head,
    }


def seconds_left(deadline: int | None) -> int:
    """Whole seconds until a deadline, UTC milliseconds; 0 where there is none or it is over."""
    return max(0, (deadline - now()) // 1000) if deadline is not None else 0


def conflict_answer(conflict: Conflict, user: User) -> dict[str, OneOfTwo | None]:
    """Both decisions of a conflict."""
    theirs = conflict.theirs
    return {
        "yours": _one_of_two(conflict.yours, user),
        "theirs": _one_of_two(theirs, user) if theirs is not None else None,
    }


def _one_of_two(revision: Revision, user: User) -> OneOfTwo:
    return {
        "revision": revision.id,
        "kind": revision.kind,
        "side": revision.side,
        "mask": revision.mask is not None,
        "mine": revision.user == user.id,
    }
