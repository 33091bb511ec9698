"""The models that a server's workers have, by the name that clients ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, select

from infmap.core.errors import UsageError
from infmap.inference import Manifest, read_deployable
from infmap.serve.schema import models as table
from infmap.web.database import now

_EVERY = select(table).order_by(table.c.name)


@dataclass(frozen=True)
class Registered:
    """A model that films can be read with.

    Attributes:
        name: what clients ask for.
        label: name@version of the model folder.
        sha256: checksum of the model folder.
        threshold: of infection, where a job names none, in (0, 1).
    """

    name: str
    label: str
    sha256: str
    threshold: float


def register(c: Connection, models: Mapping[str, Path], *, alone: bool = True) -> None:
    """As ``enter``, of folders.

    Raises:
        ModelError: a folder is missing or damaged.
        UsageError: as of ``enter``.
    """
    enter(c, {name: read_deployable(folder) for name, folder in models.items()}, alone=alone)


def enter(c: Connection, models: Mapping[str, Manifest], *, alone: bool = True) -> None:
    """Make these the server's models.

    Args:
        c: a writing transaction.
        models: manifest by name; its folder's files are known to be those of its checksums.
        alone: nobody else works on the server's films; else the others' models stay beside these.

    Raises:
        UsageError: another one at work has another model of one of these names.
    """
    rows = [
        {
            "name": name,
            "label": manifest.label,
            "sha256": manifest.sha256,
            "threshold": manifest.thresholds.infection,
            "registered": now(),
        }
        for name, manifest in models.items()
    ]
    theirs = {} if alone else {model.name: model for model in every(c)}
    for row in rows:
        other = theirs.get(str(row["name"]))
        # Whoever claims an item goes by the name: it has to mean the same to all.
        if other is not None and other.sha256 != row["sha256"]:
            raise UsageError(
                f"model {other.name}: expected {other.label}, which another server or node at "
                f"work on this folder has by this name, got {row['label']} or other files of it; "
                "give yours another name, or choose another folder"
            )
    c.execute(delete(table) if alone else delete(table).where(table.c.name.in_(models)))
    if rows:
        c.execute(table.insert(), rows)


def every(c: Connection) -> list[Registered]:
    """All models, by name."""
    rows = c.execute(_EVERY)
    return [Registered(row.name, row.label, row.sha256, row.threshold) for row in rows]


def named(c: Connection, names: list[str]) -> list[Registered]:
    """The models of some names, in their order.

    Raises:
        UsageError: the server has no such model.
    """
    known = {model.name: model for model in every(c)}
    if not names or not set(names) <= set(known):
        raise UsageError(f"models: expected one or more of {', '.join(known) or 'none'}")
    return [known[name] for name in dict.fromkeys(names)]
