"""Names of films as clients give them: for people to read, never part of a path."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, tuple_

from infmap.serve.schema import items

MOST_LETTERS = 512
"""Of a name that are kept: a path within a folder that was sent."""


def shown(name: str) -> str:
    """A name as it is kept: printable, not too long, its end kept where the file's name is."""
    # Surrogates and control characters are no text to PostgreSQL, to JSON or to a terminal.
    plain = "".join(letter if letter.isprintable() else "_" for letter in name).strip()
    return plain[-MOST_LETTERS:] or "film"


def of_jobs(c: Connection, jobs: Sequence[str]) -> dict[str, str]:
    """The name of each job's first film, by job; a job without films has none."""
    own = items.c.job_id.in_(jobs)
    first = select(items.c.job_id, func.min(items.c.position)).where(own)
    at_first = tuple_(items.c.job_id, items.c.position).in_(first.group_by(items.c.job_id))
    return {row.job_id: row.name for row in c.execute(select(items).where(own, at_first))}
