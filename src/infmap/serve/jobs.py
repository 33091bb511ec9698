"""Jobs: films that were sent together, each to be read by one or more models."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, delete, exists, func, select, update

from infmap.core.errors import UsageError
from infmap.core.files import parse_json
from infmap.serve import events, registry, results, uploads
from infmap.serve.errors import NotFound
from infmap.serve.names import shown
from infmap.serve.registry import Registered
from infmap.serve.schema import items as item_table
from infmap.serve.schema import jobs as table
from infmap.web.columns import TableRow
from infmap.web.database import new_id, now

JobState = Literal["open", "done", "cancelled"]
ItemState = Literal["waiting", "queued", "leased", "done", "failed", "cancelled"]
STATES: tuple[ItemState, ...] = ("waiting", "queued", "leased", "done", "failed", "cancelled")
UNDER_WAY: tuple[ItemState, ...] = ("waiting", "queued", "leased")
"""States of items that a job waits for."""
MOST_ITEMS = 100_000
"""Items of one job: more are several jobs, so that no single answer holds them all."""
# What every film asks of the database is built once: building costs as much as running it.
_NEW, _NEW_ITEM = table.insert(), item_table.insert()
_ONE = select(table).where(table.c.id == bindparam("of"))
_ITEMS = select(item_table).filter_by(job_id=bindparam("of")).order_by(item_table.c.position)


@dataclass(frozen=True)
class NewFilm:
    """A film that a job is to have.

    Attributes:
        name: what the client calls it; shown, never used as a path.
        sha256: of its bytes, hexadecimal; None where it was refused.
        refused: why it will not be read, one line; None for films that will be.

    Raises:
        UsageError: neither a checksum nor a reason.
    """

    name: str
    sha256: str | None
    refused: str | None = None

    def __post_init__(self) -> None:
        if self.refused is None:
            uploads.checked(self.sha256 or "")


@dataclass(frozen=True)
class Job:
    """Films that were sent together.

    Attributes:
        id: random text.
        key_id: of the API key that sent it; None on the machine itself.
        state: "open" while an item is under way, then "done"; or "cancelled".
        models: names of the models that each film is read by.
        threshold: of infection; None for each model's own.
        created: UTC milliseconds since 1970.
        ended: the same; None while it is open.
    """

    id: str
    key_id: str | None
    state: JobState
    models: tuple[str, ...]
    threshold: float | None
    created: int
    ended: int | None


@dataclass(frozen=True)
class Item:
    """One film of a job with one model.

    Attributes:
        id: random text.
        position: 0, 1, ... in the job.
        name: of the film, as the client calls it.
        sha256: of its bytes; None where it was refused.
        model: name.
        state: "waiting" for its bytes, "queued", "leased" by a worker, "done", "failed" (rejected
            as well, see ``status``), "cancelled".
        film: identifier of the result; None where there is none.
        status: of the result: "ok", "rejected" or "failed"; None before.
        reason: why it was not read, one line.
    """

    id: str
    position: int
    name: str
    sha256: str | None
    model: str
    state: ItemState
    film: str | None
    status: str | None
    reason: str | None


def create(
    c: Connection,
    films: Sequence[NewFilm],
    models: Sequence[str],
    *,
    threshold: float | None = None,
    key: str | None = None,
    priority: int = 0,
    note: str = "",
    id: str | None = None,
    brought: bool = False,
    unseen: bool = False,
) -> Job:
    """Make a job. Films whose bytes are kept are queued at once; those with a result are done.

    To an API key, bytes are kept where it may see a result of them, or ``brought`` them: a checksum
    stands in reports and tables that are passed on, and is no proof that one has the film.

    Args:
        c: a writing transaction.
        films: what it is to have, in order; each gets an item a model.
        models: names of models.
        threshold: of infection instead of the models' own, in (0, 1).
        key: identifier of the API key that sends it.
        priority: the highest is read first.
        note: for the record.
        id: chosen by the client, so that a repeated request is the same job; random without it.
        brought: the bytes of all films came with this request.
        unseen: they are new to the server: there is no result of them to look for.

    Raises:
        UsageError: no such model, no films or too many, or the threshold is out of range.
    """
    if threshold is not None and not 0.0 < threshold < 1.0:
        raise UsageError(f"threshold: expected above 0 and below 1, got {threshold:g}")
    chosen = registry.named(c, list(models))
    if not films:
        raise UsageError("job: expected one or more films, got none")
    job = Job(id or new_id(), key, "open", tuple(m.name for m in chosen), threshold, now(), None)
    row = {"id": job.id, "key_id": key, "state": job.state, "created": job.created, "note": note}
    asked = {"models": json.dumps(job.models), "threshold": threshold, "priority": priority}
    c.execute(_NEW, {**row, **asked})
    # What came with this request is there: films that are sent one by one ask for no query twice.
    there = _digests(films) if brought else uploads.known(c, _digests(films))
    if key is not None and not brought:
        there = results.seen(c, there, key)
    return get(c, job.id) if _add(c, job, chosen, films, priority, there, 0, unseen) else job


def add(c: Connection, job: str, films: Sequence[NewFilm]) -> list[int]:
    """Give an open job more films, whose bytes its owner brought; returns their positions.

    Raises:
        NotFound: there is no such job.
        UsageError: it has ended, or has too many.
    """
    priority = lock(c, [job])[job]
    found = get(c, job)
    if found.state != "open":
        raise UsageError(f"job: expected an open one, it is {found.state}; make a new job")
    chosen = registry.named(c, list(found.models))
    i = item_table
    last = c.execute(select(func.max(i.c.position)).where(i.c.job_id == job)).scalar()
    first = 0 if last is None else last + 1
    _add(c, found, chosen, films, priority, uploads.known(c, _digests(films)), first)
    return list(range(first, first + len(films) * len(chosen)))


def expand(c: Connection, job: str, sha256: str, films: Sequence[NewFilm]) -> list[int]:
    """Put the members of an archive in the place of its own items; returns their positions.

    The same archive again changes nothing more: its items are gone.
    """
    lock(c, [job])
    i = item_table
    own = (i.c.job_id == job) & (i.c.sha256 == sha256) & (i.c.state == "waiting")
    if not c.execute(delete(i).where(own)).rowcount:
        return []
    return add(c, job, films)


def attach(c: Connection, job: str, sha256: str) -> list[int]:
    """The bytes of a checksum have come: items that waited for them are queued.

    Returns:
        Positions of the job's items of this checksum, those that waited or not.

    Raises:
        NotFound: there is no such job, or these bytes are not kept.
    """
    lock(c, [job])
    if not uploads.known(c, [sha256]):
        raise NotFound("upload")
    i = item_table
    own = (i.c.job_id == job) & (i.c.sha256 == sha256)
    waiting = [_item(row) for row in c.execute(select(i).where(own, i.c.state == "waiting"))]
    if waiting:
        have = _have(c, get(c, job), registry.every(c), [sha256])
        told = []
        for item in waiting:
            at_once = have.get((sha256, item.model))
            values: dict[str, object] = {"state": "queued", "queued": now()}
            if at_once is not None:
                values = _done(at_once)
                told.append(_told(item.position, item.name, item.model, at_once))
            c.execute(update(i).where(i.c.id == item.id).values(values))
        events.add(c, {job: told})
        close_finished(c, [job])
    return list(c.execute(select(i.c.position).where(own).order_by(i.c.position)).scalars())


def get(c: Connection, job: str, key: str | None = None) -> Job:
    """The job of an identifier.

    Args:
        c: a transaction.
        job: identifier.
        key: identifier of the API key that asks; None where all jobs may be seen.

    Raises:
        NotFound: there is none, or it is another key's.
    """
    row = c.execute(_ONE, {"of": job}).one_or_none()
    if row is None or (key is not None and row.key_id != key):
        raise NotFound("job")
    return _job(row)


def of_key(c: Connection, key: str | None, most: int = 100) -> list[Job]:
    """Jobs of an API key, the newest first; of everybody where the key is None."""
    query = select(table).order_by(table.c.created.desc(), table.c.id).limit(most)
    if key is not None:
        query = query.where(table.c.key_id == key)
    return [_job(row) for row in c.execute(query)]


def items(c: Connection, job: str) -> list[Item]:
    """All items of a job, by position."""
    return [_item(row) for row in c.execute(_ITEMS, {"of": job})]


def wanted(c: Connection, job: str) -> list[str]:
    """Checksums of a job whose bytes have not come yet, each once."""
    i = item_table
    query = select(i.c.sha256).where(i.c.job_id == job, i.c.state == "waiting").distinct()
    return sorted(c.execute(query).scalars())


def counts(c: Connection, jobs: Sequence[str]) -> dict[str, dict[ItemState, int]]:
    """Number of items in every state, by job."""
    i = item_table
    query = select(i.c.job_id, i.c.state, func.count()).where(i.c.job_id.in_(jobs))
    found = {job: dict.fromkeys(STATES, 0) for job in jobs}
    for job, state, number in c.execute(query.group_by(i.c.job_id, i.c.state)):
        found[job][state] = int(number)
    return found


def cancel(c: Connection, job: str) -> None:
    """End a job: what is not read yet will not be; one that has ended stays as it is.

    Raises:
        NotFound: there is no such job.
    """
    lock(c, [job])
    if get(c, job).state != "open":
        return
    i, ended = item_table, now()
    under_way = update(i).where(i.c.job_id == job, i.c.state.in_(UNDER_WAY))
    # The token goes as well: a worker that has it already may not finish it any more.
    c.execute(under_way.values(state="cancelled", token=None, owner=None, ended=ended))
    c.execute(update(table).where(table.c.id == job).values(state="cancelled", ended=ended))
    events.add(c, {job: [("done", {"counts": counts(c, [job])[job]})]})


def lock(c: Connection, jobs: Iterable[str], *, all_there: bool = True) -> dict[str, int]:
    """Hold the rows of some jobs until the transaction ends; returns the priority of each.

    Two workers that finish a job's last items would else both see the other's as under way. In one
    order, so that they never wait for each other.

    Raises:
        NotFound: there is no such job; not without ``all_there``, for work on deleted ones.
    """
    wanted = sorted(set(jobs))
    query = select(table.c.id, table.c.priority).where(table.c.id.in_(wanted))
    held = query.order_by(table.c.id).with_for_update()
    found = {row.id: row.priority for row in c.execute(held)}
    if all_there and len(found) != len(wanted):
        raise NotFound("job")
    return found


def close_finished(c: Connection, jobs: Iterable[str]) -> None:
    """Those of some jobs, which the caller holds, that wait for no item any more are done."""
    # All of a batch's jobs in one statement each: films that come one by one have a job each.
    i = item_table
    under_way = exists().where(i.c.job_id == table.c.id, i.c.state.in_(UNDER_WAY))
    query = select(table.c.id).where(table.c.id.in_(sorted(set(jobs))), table.c.state == "open")
    over = list(c.execute(query.where(~under_way).order_by(table.c.id)).scalars())
    if over:
        c.execute(update(table).where(table.c.id.in_(over)).values(state="done", ended=now()))
        events.add(c, {job: [("done", {"counts": of})] for job, of in counts(c, over).items()})


def _add(
    c: Connection,
    job: Job,
    models: Sequence[Registered],
    films: Sequence[NewFilm],
    priority: int,
    there: Collection[str],
    first: int,
    unseen: bool = False,
) -> bool:
    """Write a job's items, from position ``first`` on; returns whether all ended at once."""
    if first + len(films) * len(models) > MOST_ITEMS:
        raise UsageError(f"job: expected at most {MOST_ITEMS} films; send several jobs")
    have = {} if unseen else _have(c, job, models, there)
    rows: list[dict[str, object]] = []
    told: list[events.Happened] = []
    created = now()
    for film in films:
        for model in models:
            position, name = first + len(rows), shown(film.name)
            row: dict[str, object] = {
                "id": new_id(), "job_id": job.id, "position": position, "name": name,
                "sha256": film.sha256, "model": model.name, "priority": priority,
                "state": "waiting", "queued": None, "attempts": 0, "claims": 0, "status": None,
                "reason": None, "film_id": None, "created": created, "ended": None,
            }  # fmt: skip
            at_once = have.get((film.sha256 or "", model.name))
            if film.refused is not None:
                row |= {"state": "failed", "status": "failed", "reason": film.refused}
                row["ended"] = created
                ended = position, name, model.name, "failed", None, "failed", film.refused
                told.append(events.of_item(*ended))
            elif at_once is not None:
                row |= _done(at_once)
                told.append(_told(position, name, model.name, at_once))
            elif film.sha256 in there:
                row |= {"state": "queued", "queued": created}
            rows.append(row)
    if rows:
        c.execute(_NEW_ITEM, rows)
    events.add(c, {job.id: told})
    if len(told) == len(rows):  # else one of them at least is still to be read
        close_finished(c, [job.id])
    return len(told) == len(rows)


def _digests(films: Sequence[NewFilm]) -> set[str]:
    return {film.sha256 for film in films if film.sha256 is not None and film.refused is None}


def _have(
    c: Connection, job: Job, models: Sequence[Registered], digests: Collection[str]
) -> dict[tuple[str, str], results.Result]:
    """Results that stand, by checksum and model's name; one that failed is tried again."""
    found = {}
    for model in models:
        named = job.threshold is not None
        at = job.threshold or model.threshold  # neither is 0
        for result in results.stored(c, digests, model.sha256, at, named):
            if result.status != "failed":
                found[result.sha256, model.name] = result
    return found


def _done(result: results.Result) -> dict[str, object]:
    state = "done" if result.status == "ok" else "failed"
    return {"state": state, "status": result.status, "reason": result.reason,
            "film_id": result.film, "ended": now()}  # fmt: skip


def _told(position: int, name: str, model: str, result: results.Result) -> events.Happened:
    """The event of an item that ended."""
    state = "done" if result.status == "ok" else "failed"
    return events.of_item(position, name, model, state, result.film, result.status, result.reason)


def _job(row: TableRow) -> Job:
    models = parse_json(row.models)
    names = tuple(str(name) for name in models) if isinstance(models, list) else ()
    return Job(row.id, row.key_id, row.state, names, row.threshold, row.created, row.ended)


def _item(row: TableRow) -> Item:
    return Item(
        row.id, row.position, row.name, row.sha256, row.model, row.state, row.film_id, row.status,
        row.reason,
    )  # fmt: skip
