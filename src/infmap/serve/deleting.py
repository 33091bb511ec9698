"""Deleting films and jobs with all that was made of them, on request or by age.

Rows go first, in one transaction: from then on nothing is seen any more. Files follow; what a crash
leaves of them has no row, and ``infmap.serve.housekeeping`` finds it.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, exists, select, text

from infmap.core.files import parse_json
from infmap.serve import days, jobs, results, uploads
from infmap.serve.schema import events as event_table
from infmap.serve.schema import items as item_table
from infmap.serve.schema import jobs as job_table
from infmap.serve.schema import outbox, received
from infmap.serve.schema import results as result_table
from infmap.serve.schema import uploads as upload_table
from infmap.serve.store import Store
from infmap.web.database import new_id, portions

LOG = logging.getLogger("infmap.web")
AT_ONCE = 200
"""Films of one transaction that deletes by age: others write in between."""


@dataclass(frozen=True)
class Deleted:
    """What has no row any more, and whose files are to be discarded.

    Attributes:
        items: how many films of jobs.
        jobs: identifiers of jobs that lost some, or are gone.
        films: checksums of bytes.
        results: identifiers.
    """

    items: int = 0
    jobs: frozenset[str] = field(default_factory=frozenset)
    films: frozenset[str] = field(default_factory=frozenset)
    results: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.items or self.films or self.results)


def film(c: Connection, name: str, key: str | None) -> Deleted:
    """Delete a film: its bytes and all results of them, in all jobs of the caller.

    What is being read of it is given up. Where another key has sent the same film, that key's
    results stay, and nothing of them is seen by this one.

    Args:
        c: a writing transaction.
        name: identifier of one of its results.
        key: identifier of the caller's API key; None where all films are the caller's.

    Raises:
        NotFound: there is no such film.
    """
    i = item_table
    own = i.c.sha256 == results.get(c, name).sha256
    if key is not None:
        own &= i.c.job_id.in_(select(job_table.c.id).where(job_table.c.key_id == key))
    return _remove(c, own)


def job(c: Connection, name: str) -> Deleted:
    """Delete a job and what no other job has of its films; one that is open is ended.

    Raises:
        NotFound: there is no such job.
    """
    jobs.cancel(c, name)
    made = _remove(c, item_table.c.job_id == name)
    _remove_job(c, name)  # of a job without films nothing was removed
    return Deleted(made.items, made.jobs | {name}, made.films, made.results)


def aged(c: Connection, before: int, kept: Sequence[int] = ()) -> Deleted:
    """Delete films that no job has named since; some of them, until there are none.

    Those that are read, or wait to be sent on, are kept.

    Args:
        c: a writing transaction.
        before: UTC milliseconds since 1970.
        kept: days whose films are kept all the same, since 1970; see ``infmap.serve.days``.
    """
    i, u = item_table, upload_table

    def young(moment: ColumnElement[int]) -> ColumnElement[bool]:
        return (moment >= before) | days.on(moment, kept)

    fresh = young(i.c.created) | young(i.c.ended) | i.c.state.in_(("queued", "leased"))
    unsent = exists().where(
        result_table.c.sha256 == u.c.sha256, outbox.c.film_id == result_table.c.film_id,
        outbox.c.state.in_(("waiting", "stored")),
    )  # fmt: skip
    unplanned = exists().where(received.c.sha256 == u.c.sha256, received.c.planned.is_(None))
    old = (
        select(u.c.sha256)
        .where(~young(u.c.created), ~exists().where(i.c.sha256 == u.c.sha256, fresh))
        .where(~unsent, ~unplanned)
        .limit(AT_ONCE)
    )
    digests = list(c.execute(old).scalars())
    if digests:
        return _remove(c, i.c.sha256.in_(digests), digests)
    # Films that never came, or were refused: their names are kept as long.
    without = i.c.sha256.is_(None) | ~exists().where(u.c.sha256 == i.c.sha256)
    query = select(i.c.id).where(~young(i.c.created), i.c.state.not_in(("queued", "leased")))
    ids = list(c.execute(query.where(without).limit(AT_ONCE)).scalars())
    c.execute(delete(received).where(received.c.job_id.is_(None), ~young(received.c.came)))
    return _remove(c, i.c.id.in_(ids)) if ids else Deleted()


def discard(store: Store, deleted: Deleted) -> None:
    """Remove the files of what was deleted, unless it has come again meanwhile."""
    for some in portions(sorted(deleted.films)):
        _discard_films(store, some)
    for some in portions(sorted(deleted.results)):
        _discard_results(store, some)


def audit(by: str, deleted: Deleted) -> None:
    """A line in the log: who deleted how much. No film, patient or file is named.

    Args:
        by: identifier of the key, "this machine" or "age".
        deleted: what.
    """
    counted = {"films": deleted.items, "uploads": len(deleted.films)}
    LOG.info(json.dumps({"deleted": counted | {"results": len(deleted.results)}, "by": by}))


def _remove(c: Connection, which: ColumnElement[bool], digests: Iterable[str] = ()) -> Deleted:
    """Remove items, and what no other item has of their films."""
    i = item_table
    query = select(i.c.job_id, i.c.position, i.c.sha256, i.c.film_id).where(which)
    rows = c.execute(query).all()
    by_job: dict[str, set[int]] = {}
    for row in rows:
        by_job.setdefault(row.job_id, set()).add(row.position)
    jobs.lock(c, by_job)
    c.execute(delete(i).where(which))
    for one, positions in by_job.items():
        if c.execute(select(i.c.id).where(i.c.job_id == one).limit(1)).first() is None:
            _remove_job(c, one)
        else:
            _forget(c, one, positions)
    jobs.close_finished(c, by_job)
    named = {row.sha256 for row in rows if row.sha256 is not None} | set(digests)
    films, read = _unused(c, named, {row.film_id for row in rows if row.film_id is not None})
    return Deleted(len(rows), frozenset(by_job), frozenset(films), frozenset(read))


def _unused(c: Connection, digests: set[str], read: set[str]) -> tuple[set[str], set[str]]:
    """Delete the rows of bytes and results that no item has any more."""
    i, r = item_table, result_table
    for some in portions(digests):
        digests -= set(c.execute(select(i.c.sha256).where(i.c.sha256.in_(some))).scalars())
    for some in portions(read):
        read -= set(c.execute(select(i.c.film_id).where(i.c.film_id.in_(some))).scalars())
    for some in portions(digests):
        read |= set(c.execute(select(r.c.film_id).where(r.c.sha256.in_(some))).scalars())
        c.execute(delete(upload_table).where(upload_table.c.sha256.in_(some)))
        c.execute(delete(received).where(received.c.sha256.in_(some)))
    for some in portions(read):
        c.execute(delete(r).where(r.c.film_id.in_(some)))
        c.execute(delete(outbox).where(outbox.c.film_id.in_(some)))
    return digests, read


def _remove_job(c: Connection, name: str) -> None:
    c.execute(delete(event_table).where(event_table.c.job_id == name))
    c.execute(delete(received).where(received.c.job_id == name))
    c.execute(delete(job_table).where(job_table.c.id == name))


def _forget(c: Connection, job: str, positions: set[int]) -> None:
    """Remove the events of some items: they hold the names of films."""
    e = event_table
    query = select(e.c.seq, e.c.data).where(e.c.job_id == job, e.c.kind == "item")
    gone = []
    for row in c.execute(query):
        data = parse_json(row.data)
        if isinstance(data, dict) and data.get("position") in positions:
            gone.append(row.seq)
    for some in portions(gone):
        c.execute(delete(e).where(e.c.seq.in_(some)))


def _lock(c: Connection, table: str) -> None:
    # Whoever notes a film or result meanwhile waits, and then sees that its file is gone; SQLite
    # has one writer anyway.
    if c.dialect.name == "postgresql":
        c.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))


def _discard_films(store: Store, digests: list[str]) -> None:
    with store.begin() as c:
        _lock(c, "upload")
        for digest in set(digests) - uploads.known(c, digests):
            uploads.path(store, digest).unlink(missing_ok=True)


def _discard_results(store: Store, names: list[str]) -> None:
    aside = []
    with store.begin() as c:
        _lock(c, "result")
        for name in set(names) - results.known(c, names):
            part = store.results / f".{new_id()}.part"
            with suppress(FileNotFoundError):  # of a film that could not be read there is none
                results.folder(store, name).rename(part)
                aside.append(part)
    for part in aside:
        shutil.rmtree(part, ignore_errors=True)
