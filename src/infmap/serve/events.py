"""What happened to a job, one row an event, in the order in which clients are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from infmap.core.files import Json, parse_json
from infmap.serve.schema import events as table

Kind = Literal["item", "done"]
Happened = tuple[Kind, Mapping[str, object]]
"""Kind and JSON's values of an event that is to be noted."""
MOST = 500
"""Events that are read at once."""


@dataclass(frozen=True)
class Event:
    """Something that a client of a job is told.

    Attributes:
        seq: rises; a client that lost its connection asks for all after its last.
        kind: "item", one of the job's films changed; "done", the job has ended.
        data: JSON's values.
    """

    seq: int
    kind: Kind
    data: dict[str, Json]


def add(c: Connection, happened: Mapping[str, Sequence[Happened]]) -> None:
    """Note what happened to jobs.

    Args:
        c: a writing transaction that holds the jobs' rows (``jobs.lock``): in PostgreSQL a later
            number could be seen before an earlier one otherwise, which would then be missed.
        happened: by the job's identifier, kind and JSON's values of each, in order.
    """
    rows = [
        {"job_id": job, "kind": kind, "data": json.dumps(data)}
        for job, told in happened.items()
        for kind, data in told
    ]
    if rows:
        c.execute(table.insert(), rows)


def of_item(
    position: int,
    name: str,
    model: str,
    state: str,
    film: str | None,
    status: str | None,
    reason: str | None,
) -> Happened:
    """The event of an item that ended; the arguments are those of ``jobs.Item``."""
    return "item", {
        "position": position, "name": name, "model": model, "state": state, "film": film,
        "status": status, "reason": reason,
    }  # fmt: skip


def after(c: Connection, job: str, seq: int = 0, most: int = MOST) -> list[Event]:
    """Events of a job after a number, in order, at most so many."""
    query = select(table).where(table.c.job_id == job, table.c.seq > seq)
    made = []
    for row in c.execute(query.order_by(table.c.seq).limit(most)):
        data = parse_json(row.data)
        made.append(Event(row.seq, row.kind, data if isinstance(data, dict) else {}))
    return made
