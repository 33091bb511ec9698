"""The queue: items are claimed by workers for a time, and finished once.

A claim gives an item a token. Who finishes it shows the token, and whoever claimed it last has the
only one that counts: a worker that was thought dead and comes back changes nothing. An item whose
worker crashed is tried once more, alone, so that one film cannot take others down with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, select, update

from infmap.serve import events, jobs, results
from infmap.serve.results import Result
from infmap.serve.schema import items as table
from infmap.serve.schema import jobs as job_table
from infmap.serve.schema import uploads as upload_table
from infmap.web.database import new_id, now

SLACK_MS = 60_000
"""By which the clocks of two servers on one database may differ."""
LEASE_MS = 120_000
"""Time after which an item of a worker that says nothing is given to another: more than its batch
may take, each film as long as it may."""
MOST_CRASHES = 2
"""Crashes of the worker that has an item, after which it fails."""
MOST_CLAIMS = 10
"""Claims after which an item fails that nobody saw crash: it may end the whole server each time."""
BYTES_AT_ONCE = 8 << 20
"""Bytes of one claim's films: of large ones few, so that others see the first of them soon."""
CRASHED = "the film ended the program that read it; it is probably damaged, export it again"


@dataclass(frozen=True)
class Claimed:
    """An item that a worker has.

    Attributes:
        id: of the item.
        job: identifier.
        token: shown when it is finished.
        sha256: of the film's bytes.
        model: name.
        threshold: of infection; None for the model's own.
        attempts: crashes before.
    """

    id: str
    job: str
    token: str
    sha256: str
    model: str
    threshold: float | None
    attempts: int


@dataclass(frozen=True)
class Finishing:
    """A film that ends in the transaction that is open.

    Attributes:
        film: identifier of the result.
        sha256: of the film's bytes.
        status: "ok", "rejected" or "failed".
        job_ids: jobs whose item this was.
    """

    film: str
    sha256: str
    status: results.Status
    job_ids: tuple[str, ...]


def claim(
    c: Connection, owner: str, models: Collection[str], n: int, at: int, lease_ms: int = LEASE_MS
) -> list[Claimed]:
    """Take items off the queue: of the highest priority, then the oldest, all of one model.

    Args:
        c: a writing transaction.
        owner: who has them; see ``release``.
        models: names of the models that the worker has.
        n: most items.
        at: this moment, UTC milliseconds since 1970.
        lease_ms: time after which they are given to another.

    Returns:
        Items with one model and threshold; fewer than there are where their films are large. An
        item whose worker crashed comes alone.
    """
    expire(c, at)
    query = (
        select(table, job_table.c.threshold, upload_table.c.size)
        .join(job_table, job_table.c.id == table.c.job_id)
        .join(upload_table, upload_table.c.sha256 == table.c.sha256)
        .where(table.c.state == "queued", table.c.model.in_(sorted(models)))
        .order_by(table.c.priority.desc(), table.c.queued, table.c.position)
        .limit(n)
        .with_for_update(of=table, skip_locked=True)
    )
    taken: list[Claimed] = []
    size = 0
    for row in c.execute(query).all():
        size += row.size
        item = Claimed(
            row.id, row.job_id, new_id(), row.sha256, row.model, row.threshold, row.attempts
        )
        if taken and (not _alike(taken[0], item) or row.claims > 0 or size > BYTES_AT_ONCE):
            break
        taken.append(item)
        if row.claims > 0:
            break
    if taken:
        # One statement for all: building it costs more than running it.
        claimed = update(table).where(table.c.id == bindparam("of"))
        c.execute(
            claimed.values(
                state="leased", owner=owner, token=bindparam("new"), lease_until=at + lease_ms,
                claims=table.c.claims + 1,
            ),
            [{"of": item.id, "new": item.token} for item in taken],
        )  # fmt: skip
    return taken


def renew(c: Connection, tokens: Collection[str], at: int, lease_ms: int = LEASE_MS) -> set[str]:
    """Lengthen leases; returns the tokens that still count."""
    own = _leased(tokens)
    c.execute(update(table).where(own).values(lease_until=at + lease_ms))
    return set(c.execute(select(table.c.token).where(own)).scalars())


def finish(c: Connection, made: Sequence[tuple[Claimed, Result]]) -> list[Finishing]:
    """End items with their results; those whose token does not count any more stay as they are.

    Args:
        c: a writing transaction.
        made: items and what came of them; folders of results are on the disk.

    Returns:
        What was ended, one a result.
    """
    jobs.lock(c, {item.job for item, _ in made}, all_there=False)
    leased = select(table.c.token).where(_leased([item.token for item, _ in made]))
    valid = set(c.execute(leased.with_for_update()).scalars())
    ours = [(item, result) for item, result in made if item.token in valid]
    if ours:
        ended = update(table).where(table.c.token == bindparam("shown"))
        c.execute(
            ended.values(
                state=bindparam("to"), status=bindparam("how"), reason=bindparam("why"),
                film_id=bindparam("film"), ended=now(), token=None, owner=None,
            ),
            [
                {"shown": item.token, "to": "done" if result.status == "ok" else "failed",
                 "how": result.status, "why": result.reason, "film": result.film}
                for item, result in ours
            ],
        )  # fmt: skip
    by_film: dict[str, tuple[Result, list[str]]] = {}
    for item, result in ours:
        by_film.setdefault(result.film, (result, []))[1].append(item.job)
    results.keep(c, *(result for result, _ in by_film.values()))
    _tell(c, [item.id for item, _ in ours])
    return [
        Finishing(film, result.sha256, result.status, tuple(dict.fromkeys(of)))
        for film, (result, of) in by_film.items()
    ]


def fail(c: Connection, items: Sequence[Claimed], reason: str) -> list[str]:
    """End items without a result, so that the same films are tried again when they come again.

    Returns:
        The jobs whose items these were.
    """
    jobs.lock(c, {item.job for item in items}, all_there=False)
    failed = []
    for item in items:
        own = (table.c.token == item.token) & (table.c.state == "leased")
        if c.execute(update(table).where(own).values(_failed(reason))).rowcount:
            failed.append(item)
    _tell(c, [item.id for item in failed])
    return sorted({item.job for item in failed})


def crashed(c: Connection, culprits: Sequence[Claimed], reason: str = CRASHED) -> list[str]:
    """The worker that had these items ended; they are queued again, or fail at the second time.

    Returns:
        The jobs with an item that failed.
    """
    jobs.lock(c, {item.job for item in culprits}, all_there=False)
    last = [item for item in culprits if item.attempts + 1 >= MOST_CRASHES]
    again = [item.token for item in culprits if item.attempts + 1 < MOST_CRASHES]
    c.execute(
        update(table)
        .where(_leased(again))
        .values(state="queued", token=None, owner=None, attempts=table.c.attempts + 1)
    )
    return fail(c, last, reason) if last else []


def give_back(c: Connection, tokens: Collection[str]) -> None:
    """Queue items again that were claimed and not begun: it costs them nothing."""
    c.execute(
        update(table)
        .where(_leased(tokens))
        .values(state="queued", token=None, owner=None, claims=table.c.claims - 1)
    )


def owners(c: Connection) -> list[str]:
    """All who have items."""
    query = select(table.c.owner).where(table.c.state == "leased").distinct()
    return list(c.execute(query).scalars())


def release(c: Connection, dead: Iterable[str]) -> None:
    """Queue the items again of owners that are known to have ended."""
    for owner in dead:
        c.execute(
            update(table)
            .where(table.c.state == "leased", table.c.owner == owner)
            .values(state="queued", token=None, owner=None)
        )
    _too_often(c)


def expire(c: Connection, at: int) -> None:
    """Queue items again whose lease ran out, or was given at a time that is still to come."""
    # Where the clock was put back by a day, a lease of two minutes would last for a day as well.
    early = table.c.lease_until > at + LEASE_MS + SLACK_MS
    run_out = (table.c.state == "leased") & ((table.c.lease_until < at) | early)
    # Rows that another transaction holds are being finished: they are left to it.
    query = select(table.c.id).where(run_out).with_for_update(skip_locked=True)
    ids = c.execute(query).scalars().all()
    if ids:
        released = update(table).where(table.c.id.in_(ids))
        c.execute(released.values(state="queued", token=None, owner=None))
        _too_often(c)


def lost(c: Connection) -> None:
    """Fail queued items whose bytes are not kept: nobody would ever claim them."""
    kept = exists().where(upload_table.c.sha256 == table.c.sha256)
    query = select(table.c.id, table.c.job_id).where(table.c.state == "queued", ~kept)
    _fail_queued(c, query, "its bytes are gone from the disk; send it again")


def waiting(c: Connection, most: int) -> int:
    """Number of items that are queued, counted up to ``most``: a long queue is not counted out."""
    some = select(table.c.id).where(table.c.state == "queued").limit(most).subquery()
    return int(c.execute(select(func.count()).select_from(some)).scalar_one())


def queue(c: Connection) -> Mapping[str, int]:
    """Number of items that are queued and leased."""
    query = select(table.c.state, func.count()).where(table.c.state.in_(("queued", "leased")))
    found = {row[0]: int(row[1]) for row in c.execute(query.group_by(table.c.state))}
    return {state: found.get(state, 0) for state in ("queued", "leased")}


def _alike(one: Claimed, other: Claimed) -> bool:
    return (one.model, one.threshold) == (other.model, other.threshold)


def _leased(tokens: Collection[str]) -> ColumnElement[bool]:
    return table.c.token.in_(sorted(tokens)) & (table.c.state == "leased")


def _failed(reason: str) -> dict[str, object]:
    return {"state": "failed", "status": "failed", "reason": reason, "ended": now(),
            "token": None, "owner": None}  # fmt: skip


def _too_often(c: Connection) -> None:
    """Fail queued items that were claimed too often without an end."""
    query = select(table.c.id, table.c.job_id).where(
        table.c.state == "queued", table.c.claims >= MOST_CLAIMS
    )
    _fail_queued(c, query, CRASHED)


def _fail_queued(c: Connection, query: Select[tuple[str, str]], reason: str) -> None:
    found = c.execute(query).all()
    if found:
        jobs.lock(c, {row.job_id for row in found}, all_there=False)
        ids = [row.id for row in found]
        still = table.c.id.in_(ids) & (table.c.state == "queued")
        c.execute(update(table).where(still).values(_failed(reason)))
        _tell(c, ids)


def _tell(c: Connection, ids: Sequence[str]) -> None:
    """Note the events of items that ended, and end jobs that wait for nothing any more."""
    rows = c.execute(
        select(table).where(table.c.id.in_(ids)).order_by(table.c.job_id, table.c.position)
    ).all()
    by_job: dict[str, list[events.Happened]] = {}
    for row in rows:
        told = events.of_item(
            row.position, row.name, row.model, row.state, row.film_id, row.status, row.reason
        )
        by_job.setdefault(row.job_id, []).append(told)
    events.add(c, by_job)
    jobs.close_finished(c, by_job)
