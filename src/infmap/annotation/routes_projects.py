"""Projects: who works in them, how far they are, and what comes out."""

from __future__ import annotations

from fastapi import APIRouter

from infmap.annotation import planning, projects, tasks, users
from infmap.annotation.access import RANKS, role_in
from infmap.annotation.answers import NewProjectAnswer, PlannedAnswer, ProjectAnswer
from infmap.annotation.bodies import IdInPath, NameInPath, NewProject, Part
from infmap.annotation.callers import AtDesk, Calling, GuardedRoute
from infmap.annotation.errors import NotFound
from infmap.annotation.progress import Progress, progress
from infmap.annotation.store import now
from infmap.core.errors import UsageError
from infmap.web.masks import LABELS

router = APIRouter(route_class=GuardedRoute)


@router.get("/api/projects")
def list_projects(caller: Calling, desk: AtDesk) -> list[ProjectAnswer]:
    """The user's projects; an administrator's are all."""
    user = caller.user
    with desk.store.read() as c:
        if user.role == "administrator":
            found = projects.every(c)
        else:
            found = [project for project, _ in projects.of_user(c, user)]
        answers: list[ProjectAnswer] = []
        for project in found:
            counts = tasks.counts(c, project.id, user, now())
            answers.append(
                {
                    "id": project.id,
                    "name": project.name,
                    "role": role_in(c, project.id, user),
                    "stage": project.settings.stage,
                    "labels": list(project.labels),
                    "done": counts.done,
                    "left": counts.left,
                }
            )
    return answers


@router.post("/api/projects", status_code=201)
def create_project(body: NewProject, caller: Calling, desk: AtDesk) -> NewProjectAnswer:
    """Make a project without members or films."""
    settings = projects.Settings(**body.settings.model_dump())
    with desk.store.begin() as c:
        labels = body.labels or LABELS
        made = projects.create(c, body.name, labels, settings, by=caller.user.name)
    return {"id": made.id}


@router.get("/api/projects/{project}")
def get_project(project: IdInPath, caller: Calling, desk: AtDesk) -> Progress:
    """How far a project is."""
    with desk.store.read() as c:
        return progress(c, project)


@router.put("/api/projects/{project}/members/{name}", status_code=204)
def set_member(
    project: IdInPath, name: NameInPath, body: Part, caller: Calling, desk: AtDesk
) -> None:
    """Make a user a member, or give a member another part."""
    with desk.store.begin() as c:
        user = users.named(c, name)
        if user is None:
            raise NotFound("user")
        if RANKS[body.role] > RANKS[user.role]:
            raise UsageError(
                f"role: {name} is a {user.role} and cannot be {body.role}; change the account first"
            )
        projects.member(c, project, user, body.role, by=caller.user.name)


@router.post("/api/projects/{project}/plan")
def plan(project: IdInPath, caller: Calling, desk: AtDesk) -> PlannedAnswer:
    """Make the tasks of films and proposals that came in since."""
    planning.measure(desk.store, project)
    with desk.store.begin() as c:
        planned = planning.plan(c, project, by=caller.user.name)
    return {"made": planned.made, "withdrawn": planned.withdrawn}
