"""What requests bring, checked before any of it is used."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field

# Identifiers that the station makes have 22 characters.
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
MOST_STROKES = 100
"""Strokes of one request: each may span the film, and all are checked in one transaction."""
MOST_AT_ONCE = 500
"""Audit entries of one answer."""


def _plain(text: str) -> str:
    # PostgreSQL takes no NUL in text, and half a surrogate pair is no character at all.
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise ValueError("expected text without control characters")
    return text


Plain = Annotated[str, AfterValidator(_plain)]
Name = Annotated[Plain, Field(min_length=1, max_length=64)]
# As ``users.add`` takes them; longer ones are not even hashed.
Password = Annotated[Plain, Field(min_length=1, max_length=256)]
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Side = Annotated[str, Field(pattern=r"^[A-H]$")]
Tab = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
NetworkName = Annotated[Plain, Field(min_length=1, max_length=128)]
Round = Annotated[int, Field(ge=1, le=2**31 - 1)]
Role = Literal["administrator", "senior", "reader", "observer"]

IdInPath = Annotated[str, Path(pattern=ID_PATTERN)]
NameInPath = Annotated[Name, Path()]
SideInPath = Annotated[str, Path(pattern=r"^[A-H]$")]
After = Annotated[int, Query(ge=0, le=2**31 - 1)]


class Body(BaseModel):
    """A JSON object with the keys of its fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(Body):
    """A name and its password."""

    name: Name
    password: Password


class NewPassword(Body):
    """The password that a user has, and the one that the user wants."""

    password: Password
    new: Password


class Version(Body):
    """The version of a task that a page knows."""

    version: Whole


class Begin(Body):
    """What a draft starts from, and in which tab."""

    base: Side | None = None
    tab: Tab


class TakeOver(Body):
    """The tab that takes a draft over."""

    tab: Tab


class StrokeBody(Body):
    """One stroke; see ``strokes.Stroke``, which checks it further."""

    uuid: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    seq: Whole
    tool: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    label: Annotated[int, Field(ge=0, le=5)]
    rect: Annotated[list[Whole], Field(min_length=4, max_length=4)]
    active_ms: Whole
    runs: str


class Strokes(Body):
    """Strokes that follow those that the server is known to have."""

    epoch: Whole
    expected_seq: Whole
    strokes: Annotated[list[StrokeBody], Field(max_length=MOST_STROKES)]


class Decision(Body):
    """A decision on a task; see ``decisions.decide``."""

    version: Whole
    kind: Literal["choose", "edit", "draw", "reject"]
    side: Side | None = None
    draft: Id | None = None
    seq: Whole | None = None
    parent: Id | None = None
    reason: Annotated[Plain, Field(max_length=500)] | None = None
    active_ms: Annotated[int, Field(ge=0, lt=2**53)] = 0


class NewUser(Body):
    """An account; the station makes a one-time password where none is given."""

    name: Name
    role: Role
    password: Password | None = None


class ChangedUser(Body):
    """What changes of an account; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None
    new_password: bool = False


class Rules(Body):
    """The rules of a project; see ``projects.Settings``."""

    stage: Literal[1, 2] = 1
    readers_per_film: Annotated[int, Field(ge=1, le=5)] = 1
    candidates: Annotated[int, Field(ge=1, le=7)] = 1
    repeat_share: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    unaided_share: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    agreement_dice: Annotated[float, Field(ge=0, le=1)] = 0.7
    order: Literal["disagreement", "random"] = "disagreement"
    lease_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    seed: Whole = 0


class NewProject(Body):
    """A project."""

    name: Annotated[Plain, Field(min_length=1, max_length=128)]
    labels: Annotated[list[Plain], Field(min_length=1, max_length=6)] | None = None
    settings: Rules = Rules()


class NewProposal(Body):
    """A network's mask of a film; ``mask`` and ``lungs`` are IMK1 as base64."""

    film: Id
    network: NetworkName
    round: Round
    mask: Base64Bytes
    lungs: Base64Bytes | None = None


class Part(Body):
    """A member's part in a project."""

    role: Literal["senior", "reader", "observer"]
