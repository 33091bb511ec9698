"""Projects: which films are read for which labels, by whom, and by which rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from infmap.annotation import audit, schema
from infmap.annotation.errors import NotFound
from infmap.annotation.store import new_id, now
from infmap.annotation.users import User
from infmap.core.errors import UsageError
from infmap.web.columns import TableRow
from infmap.web.masks import LABELS

MEMBER_ROLES = ("senior", "reader", "observer")
MOST_CANDIDATES = 7
"""Of eight sides one is left for the hand-drawn mask."""


@dataclass(frozen=True)
class Settings:
    """The rules of a project.

    Attributes:
        stage: 1: films are outlined by hand and compared with networks; 2: networks propose.
        readers_per_film: 1 to 5.
        candidates: networks' proposals that a film shows at most, 1 to ``MOST_CANDIDATES``: see
            ``ranking``.
        repeat_share: share of a reader's films that come a second time, unannounced, 0 to 0.5.
        unaided_share: share of films that are drawn without proposals though there are some, 0 to
            0.5: they show what proposals make readers accept.
        agreement_dice: two readers whose masks have a lower Dice coefficient disagree, 0 to 1.
        order: "disagreement": films whose proposals differ most come first; "random".
        lease_minutes: a film that a reader neither saves nor renews for so long goes to another.
        seed: of every draw.
    """

    stage: int = 1
    readers_per_film: int = 1
    # One: of simulated readers it saves the most time, and costs no Dice (docs/annotation.md).
    candidates: int = 1
    repeat_share: float = 0.05
    unaided_share: float = 0.05
    # 0.7: the agreement of radiologists on COVID-19 opacities lies at 0.7 to 0.8 in most studies.
    agreement_dice: float = 0.7
    order: Literal["disagreement", "random"] = "disagreement"
    lease_minutes: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("stage", 1, 2),
            ("readers_per_film", 1, 5),
            ("candidates", 1, MOST_CANDIDATES),
            ("repeat_share", 0, 0.5),
            ("unaided_share", 0, 0.5),
            ("agreement_dice", 0, 1),
            ("lease_minutes", 1, 1440),
            ("seed", 0, 2**31 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"{name}: expected {low} to {high}, got {value}")
        if self.order not in ("disagreement", "random"):
            raise UsageError(f"order: expected disagreement or random, got {self.order!r}")

    @property
    def lease_ms(self) -> int:
        """A lease's life, milliseconds."""
        return self.lease_minutes * 60_000


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        id: random text.
        name: for people.
        labels: names out of ``masks.LABELS``, in that order.
        settings: its rules.
        round: of the newest proposals; 0 before any.
    """

    id: str
    name: str
    labels: tuple[str, ...]
    settings: Settings
    round: int = 0


@dataclass(frozen=True)
class Member:
    """A user's part in a project."""

    user: User
    role: str


def create(
    c: Connection,
    name: str,
    labels: Sequence[str] = LABELS,
    settings: Settings | None = None,
    by: str | None = None,
) -> Project:
    """Make a project.

    Args:
        c: a writing transaction.
        name: 1 to 128 characters, not taken.
        labels: one or more of ``masks.LABELS``.
        settings: its rules.
        by: name of who makes it; None for the station itself.

    Raises:
        UsageError: one of these is not as said.
    """
    settings = settings or Settings()
    if not 1 <= len(name.strip()) <= 128:
        raise UsageError("project: expected a name of 1 to 128 characters")
    unknown = [label for label in labels if label not in LABELS]
    if unknown or not labels:
        raise UsageError(f"labels: expected some of {', '.join(LABELS)}, got {list(labels)}")
    if named(c, name) is not None:
        raise UsageError(f"project: {name} is there already; choose another name")
    ordered = tuple(label for label in LABELS if label in labels)
    project = Project(new_id(), name, ordered, settings)
    c.execute(
        schema.projects.insert().values(
            id=project.id, name=name, labels=json.dumps(ordered), settings=_text(settings),
            round=0, created=now(),
        )
    )  # fmt: skip
    audit.note(c, by, "create project", project.id, {"stage": settings.stage})
    return project


def get(c: Connection, project: str) -> Project:
    """The project of an identifier.

    Raises:
        NotFound: there is none.
    """
    row = c.execute(select(schema.projects).where(schema.projects.c.id == project)).one_or_none()
    if row is None:
        raise NotFound("project")
    return _of(row)


def named(c: Connection, name: str) -> Project | None:
    """The project of a name."""
    row = c.execute(select(schema.projects).where(schema.projects.c.name == name)).one_or_none()
    return _of(row) if row is not None else None


def every(c: Connection) -> list[Project]:
    """All projects by name."""
    return [_of(row) for row in c.execute(select(schema.projects).order_by(schema.projects.c.name))]


def of_user(c: Connection, user: User) -> list[tuple[Project, str]]:
    """A user's projects by name, each with the user's role in it."""
    p, m = schema.projects, schema.members
    query = (
        select(p, m.c.role.label("role"))
        .join(m, m.c.project_id == p.c.id)
        .where(m.c.user_id == user.id)
        .order_by(p.c.name)
    )
    return [(_of(row), row.role) for row in c.execute(query)]


def role_of(c: Connection, project: str, user: User) -> str | None:
    """What a user is in a project; None for who is no member."""
    m = schema.members
    query = select(m.c.role).where(m.c.project_id == project, m.c.user_id == user.id)
    role: str | None = c.execute(query).scalar()
    return role


def members(c: Connection, project: str) -> list[Member]:
    """Who is in a project, by name."""
    u, m = schema.users.c, schema.members
    query = (
        select(u.id, u.name, u.role, u.disabled, u.must_change, m.c.role)
        .join(m, m.c.user_id == u.id)
        .where(m.c.project_id == project)
        .order_by(u.name)
    )
    return [Member(User(*row[:5]), row[5]) for row in c.execute(query)]


def member(c: Connection, project: str, user: User, role: str, by: str | None = None) -> None:
    """Make a user a member, or give a member another role.

    Raises:
        UsageError: the role is none of ``MEMBER_ROLES``.
        NotFound: there is no such project.
    """
    if role not in MEMBER_ROLES:
        raise UsageError(f"role: expected one of {', '.join(MEMBER_ROLES)}, got {role!r}")
    get(c, project)
    m = schema.members
    c.execute(delete(m).where(m.c.project_id == project, m.c.user_id == user.id))
    c.execute(m.insert().values(project_id=project, user_id=user.id, role=role))
    audit.note(c, by, "set member", project, {"user": user.name, "role": role})


def leave(c: Connection, project: str, user: User, by: str | None = None) -> None:
    """Take a user out of a project; the user's work stays."""
    m = schema.members
    c.execute(delete(m).where(m.c.project_id == project, m.c.user_id == user.id))
    audit.note(c, by, "remove member", project, {"user": user.name})


def change(c: Connection, project: str, settings: Settings, by: str | None = None) -> None:
    """Give a project other rules; ``tasks.plan`` applies them to films without a decision."""
    get(c, project)
    table = schema.projects
    c.execute(update(table).where(table.c.id == project).values(settings=_text(settings)))
    audit.note(c, by, "change project", project, asdict(settings))


def _text(settings: Settings) -> str:
    return json.dumps(asdict(settings), sort_keys=True)


def _of(row: TableRow) -> Project:
    known = {field.name for field in fields(Settings)}
    # A project from before there was a choice goes on showing all proposals.
    rules = {"candidates": MOST_CANDIDATES, **json.loads(row.settings)}
    stored = {key: value for key, value in rules.items() if key in known}
    return Project(row.id, row.name, tuple(json.loads(row.labels)), Settings(**stored), row.round)
