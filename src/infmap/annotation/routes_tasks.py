"""The queue, tasks and decisions."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from infmap.annotation import decisions, drafts, films, tasks
from infmap.annotation.answers import (
    DeadlineAnswer,
    DraftAnswer,
    RevisionAnswer,
    TaskAnswer,
    conflict_answer,
    draft_answer,
    octets,
    seconds_left,
    task_answer,
)
from infmap.annotation.bodies import Begin, Decision, IdInPath, SideInPath, Version
from infmap.annotation.callers import AtDesk, Calling, GuardedRoute
from infmap.annotation.decisions import Conflict
from infmap.annotation.drafts import open as open_draft
from infmap.annotation.errors import NotFound
from infmap.annotation.store import get_mask, now

router = APIRouter(route_class=GuardedRoute)


@router.post(
    "/api/projects/{project}/next",
    response_model=TaskAnswer,
    responses={204: {"description": "nothing is left"}},
)
def next_task(project: IdInPath, caller: Calling, desk: AtDesk) -> TaskAnswer | Response:
    """The task that the reader has, or else the next one; 204 where nothing is left."""
    with desk.store.begin() as c:
        task = tasks.lease(c, project, caller.user, now())
        if task is None:
            return Response(status_code=204)
        return task_answer(c, task)


@router.get("/api/projects/{project}/upcoming")
def upcoming(project: IdInPath, caller: Calling, desk: AtDesk) -> list[str]:
    """Films that come after the present one, to be fetched early."""
    with desk.store.begin() as c:
        return tasks.upcoming(c, project, caller.user, now())


@router.get("/api/tasks/{task}")
def get_task(task: IdInPath, caller: Calling, desk: AtDesk) -> TaskAnswer:
    """A task."""
    with desk.store.read() as c:
        return task_answer(c, tasks.get(c, task, caller.user))


@router.post("/api/tasks/{task}/renew")
def renew(task: IdInPath, body: Version, caller: Calling, desk: AtDesk) -> DeadlineAnswer:
    """Keep a task for longer."""
    with desk.store.begin() as c:
        deadline = tasks.renew(c, task, caller.user, body.version, now())
    return {"deadline_s": seconds_left(deadline)}


@router.post("/api/tasks/{task}/release", status_code=204)
def release(task: IdInPath, body: Version, caller: Calling, desk: AtDesk) -> None:
    """Give a task back undecided."""
    with desk.store.begin() as c:
        tasks.release(c, task, caller.user, body.version)


@router.get("/api/tasks/{task}/candidates/{side}", response_class=Response)
def candidate(task: IdInPath, side: SideInPath, caller: Calling, desk: AtDesk) -> Response:
    """One candidate, IMK1."""
    with desk.store.read() as c:
        return octets(tasks.candidate(c, task, side, caller.user))


@router.get("/api/tasks/{task}/lungs", response_class=Response)
def lungs(task: IdInPath, caller: Calling, desk: AtDesk) -> Response:
    """The lungs of the film, IMK1, for brushes that stay inside."""
    with desk.store.read() as c:
        digest = films.get(c, tasks.get(c, task, caller.user).film).lungs
        if digest is None:
            raise NotFound("mask")
        return octets(get_mask(c, digest))


@router.post("/api/tasks/{task}/draft")
def begin(task: IdInPath, body: Begin, caller: Calling, desk: AtDesk) -> DraftAnswer:
    """The reader's draft of a task, made where there is none."""
    with desk.store.begin() as c:
        return draft_answer(open_draft(c, task, caller.user.id, body.base, body.tab))


@router.post("/api/tasks/{task}/decision", response_model=RevisionAnswer)
def decide(
    task: IdInPath, body: Decision, caller: Calling, desk: AtDesk
) -> RevisionAnswer | Response:
    """Decide a task; 409 with both decisions where another one counts."""
    replayed = None
    if body.draft is not None:
        with desk.store.read() as c:
            replayed = drafts.replayed(c, body.draft, caller.user.id, body.seq)
    with desk.store.begin() as c:
        made = decisions.decide(
            c,
            task,
            caller.user,
            body.version,
            body.kind,
            side=body.side,
            draft=body.draft,
            seq=body.seq,
            parent=body.parent,
            reason=body.reason,
            active_ms=body.active_ms,
            replayed=replayed,
        )
    # A conflict is answered after the end of the transaction: both revisions are kept.
    if isinstance(made, Conflict):
        text = "another decision was made meanwhile; both are kept, look at them and decide again"
        return JSONResponse({"error": text, **conflict_answer(made, caller.user)}, 409)
    return {"revision": made.id}
