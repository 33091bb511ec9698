"""Who may do what: one table of all endpoints, and the one place that looks into it.

What a user may not know of does not exist: a foreign project, task or film is 404 and not 403. A
member whose part does not allow it gets 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from infmap.annotation import films, projects, schema
from infmap.annotation.errors import NotFound
from infmap.annotation.users import User
from infmap.core.errors import InfmapError

Scope = Literal["public", "own", "station", "project", "task", "draft", "film", "revision"]
"""What a rule looks at: nothing; the signed-in user, also one whose password has to be changed; the
account; or the account and its part in the project of the thing that is asked for."""

RANKS = {"observer": 0, "reader": 1, "senior": 2, "administrator": 3}
ALL = frozenset(RANKS)
DRAWING = frozenset({"senior", "reader"})
WATCHING = frozenset({"administrator", "senior", "observer"})
ADMINISTRATOR = frozenset({"administrator"})


class Forbidden(InfmapError):
    """A member whose part does not allow this."""

    def __init__(self) -> None:
        super().__init__("your part in this project does not allow it; ask an administrator")


@dataclass(frozen=True)
class Rule:
    """Who may call one endpoint.

    Attributes:
        scope: what is looked at.
        roles: who may. In a project an administrator is one everywhere, and besides this what a
            member is.
    """

    scope: Scope
    roles: frozenset[str] = ALL


PUBLIC = Rule("public")
OWN = Rule("own")
STATION = Rule("station")
ADMINISTERS = Rule("station", ADMINISTRATOR)
DRAWS = Rule("task", DRAWING)
DRAFTS = Rule("draft", DRAWING)
WATCHES = Rule("project", WATCHING)
SEES_FILM = Rule("film", ADMINISTRATOR | DRAWING)

TABLE: Mapping[str, Rule] = {
    "GET /": PUBLIC,
    "GET /{page}": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    # Besides administrators, whoever asks from this machine: that is how Prometheus comes.
    "GET /metrics": PUBLIC,
    "POST /api/session": PUBLIC,
    "DELETE /api/session": OWN,
    "GET /api/me": OWN,
    "POST /api/password": OWN,
    "GET /api/projects": STATION,
    "POST /api/projects": ADMINISTERS,
    "GET /api/projects/{project}": WATCHES,
    "GET /api/projects/{project}/agreement": WATCHES,
    "GET /api/projects/{project}/export.zip": Rule("project", ADMINISTRATOR),
    "GET /api/projects/{project}/unproposed": Rule("project", ADMINISTRATOR),
    "POST /api/projects/{project}/proposals": Rule("project", ADMINISTRATOR),
    "POST /api/projects/{project}/plan": Rule("project", ADMINISTRATOR),
    "PUT /api/projects/{project}/members/{name}": Rule("project", ADMINISTRATOR),
    "POST /api/projects/{project}/next": Rule("project", DRAWING),
    "GET /api/projects/{project}/upcoming": Rule("project", DRAWING),
    "GET /api/tasks/{task}": DRAWS,
    "POST /api/tasks/{task}/renew": DRAWS,
    "POST /api/tasks/{task}/release": DRAWS,
    "GET /api/tasks/{task}/candidates/{side}": DRAWS,
    "GET /api/tasks/{task}/lungs": DRAWS,
    "POST /api/tasks/{task}/draft": DRAWS,
    "POST /api/tasks/{task}/decision": DRAWS,
    "POST /api/drafts/{draft}/take-over": DRAFTS,
    "POST /api/drafts/{draft}/strokes": DRAFTS,
    "GET /api/drafts/{draft}/strokes": DRAFTS,
    "GET /api/drafts/{draft}/mask": DRAFTS,
    "GET /api/revisions/{revision}/mask": Rule("revision", ADMINISTRATOR | DRAWING),
    "GET /api/films/{film}/preview.jpg": SEES_FILM,
    "GET /api/films/{film}/full": SEES_FILM,
    "GET /api/films/{film}/priors": SEES_FILM,
    "GET /api/users": ADMINISTERS,
    "POST /api/users": ADMINISTERS,
    "PATCH /api/users/{name}": ADMINISTERS,
    "GET /api/audit": ADMINISTERS,
}
"""Method and path of every endpoint to its rule. An endpoint that is not in it cannot be built."""


def admit(c: Connection, rule: Rule, user: User, path: Mapping[str, str]) -> None:
    """Let a signed-in user pass, or raise.

    Args:
        c: a transaction.
        rule: of the endpoint.
        user: who asks.
        path: the path's parameters: identifiers as sent.

    Raises:
        NotFound: there is no such thing for this user.
        Forbidden: there is, and the user's part does not allow the endpoint.
    """
    if rule.scope in ("public", "own"):
        return
    if rule.scope == "station":
        if user.role not in rule.roles:
            raise Forbidden
        return
    identifier = path[rule.scope]
    roles = _roles(c, _project_of(c, rule.scope, identifier, user), user)
    if not roles:
        raise NotFound(rule.scope)
    if not roles & rule.roles:
        raise Forbidden
    oversees = bool(roles & {"administrator", "senior"})
    seen = (
        oversees
        or (rule.scope == "film" and films.visible(c, identifier, user.id))
        or (rule.scope == "revision" and _decided_with(c, identifier, user))
        or rule.scope not in ("film", "revision")
    )
    if not seen:
        raise NotFound(rule.scope)


def role_in(c: Connection, project: str, user: User) -> str | None:
    """What a user is in a project: the member's role, but never more than the account's."""
    part = projects.role_of(c, project, user)
    return min((part, user.role), key=RANKS.__getitem__) if part is not None else None


def _roles(c: Connection, project: str | None, user: User) -> frozenset[str]:
    if project is None:
        return frozenset()
    part = role_in(c, project, user)
    above = ADMINISTRATOR if user.role == "administrator" else frozenset[str]()
    return above | (frozenset({part}) if part is not None else frozenset())


def _project_of(c: Connection, scope: Scope, identifier: str, user: User) -> str | None:
    """Project of a thing; None where it is not there, or is another reader's task or draft."""
    t, f, r = schema.tasks, schema.films, schema.revisions
    if scope == "task":
        given = schema.leases
        query = select(t.c.project_id).join(given, given.c.task_id == t.c.id)
        query = query.where(t.c.id == identifier, given.c.user_id == user.id)
    elif scope == "draft":
        d = schema.drafts
        query = select(t.c.project_id).join(d, d.c.task_id == t.c.id)
        query = query.where(d.c.id == identifier, d.c.user_id == user.id)
    elif scope == "film":
        query = select(f.c.project_id).where(f.c.id == identifier)
    elif scope == "revision":
        query = select(f.c.project_id).join(r, r.c.film_id == f.c.id).where(r.c.id == identifier)
    else:
        query = select(schema.projects.c.id).where(schema.projects.c.id == identifier)
    project: str | None = c.execute(query.limit(1)).scalar()
    return project


def _decided_with(c: Connection, revision: str, user: User) -> bool:
    """Whether a revision is the user's own, or of a task that the user has decided as well.

    Two readers who decide one task see both masks, and none before the own decision is made.
    """
    r = schema.revisions
    own = r.alias()
    query = select(r.c.id).join(own, own.c.task_id == r.c.task_id)
    query = query.where(r.c.id == revision, own.c.user_id == user.id).limit(1)
    return c.execute(query).first() is not None
