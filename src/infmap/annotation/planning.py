"""Which films are to be read next: tasks made of films and proposals.

A film is read first by hand or from proposals (reading 1), by as many readers as the project says.
In stage I a film that was outlined by hand is read again (reading 2) once there are proposals: hand
and machine side by side, without saying which is which. New proposals make new tasks of those that
nobody has begun. Of several networks' proposals a film shows those that ``ranking`` picks; how much
all of them differ orders the queue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from infmap.annotation import audit, schema
from infmap.annotation.errors import NotFound
from infmap.annotation.overlap import disagreement
from infmap.annotation.projects import Project
from infmap.annotation.projects import get as project_of
from infmap.annotation.ranking import Record, record_of, shown
from infmap.annotation.settling import settle
from infmap.annotation.store import Store, get_mask
from infmap.annotation.task_rows import SIDES, Candidate, Wanted, insert, uniform, withdraw
from infmap.core.errors import UsageError
from infmap.web.columns import TableRow
from infmap.web.masks import decode


@dataclass(frozen=True)
class Planned:
    """What a planning did: numbers of tasks made and withdrawn."""

    made: int
    withdrawn: int


def plan(c: Connection, project: str, by: str | None = None) -> Planned:
    """Make the tasks of all films of a project that are not yet approved.

    Call it after films or proposals came in, or the project's settings changed; after proposals
    ``measure`` first. Tasks that somebody has begun stay as they are.

    Args:
        c: a writing transaction.
        project: identifier.
        by: name of who asks; None for the station itself.

    Raises:
        NotFound: there is no such project.
        UsageError: a film has more proposals of one round than there are sides.
    """
    table = schema.projects
    if (
        c.execute(
            select(table.c.id).where(table.c.id == project).with_for_update(key_share=True)
        ).first()
        is None
    ):
        raise NotFound("project")
    rules = project_of(c, project)
    proposals = _proposals(c, project)
    tasks = _tasks(c, project)
    # Read only where there is a choice: it takes as long as a look at some twenty films.
    several = any(len(of) > rules.settings.candidates for of in proposals.values())
    record = record_of(c, project, rules.labels[0]) if several else {}
    done = Planned(0, 0)
    for film in c.execute(select(schema.films).where(schema.films.c.project_id == project)).all():
        reading, wanted = _wanted(c, rules, film, proposals[film.id], record)
        if wanted is None:
            continue
        if film.reading != reading:
            f = schema.films
            c.execute(update(f).where(f.c.id == film.id).values(reading=reading))
        score = _score(c, rules, film, proposals[film.id])
        here = [t for t in tasks[film.id] if t.reading == reading and t.repeat_of is None]
        change = _of_film(c, rules, film, reading, wanted, score, here)
        done = Planned(done.made + change.made, done.withdrawn + change.withdrawn)
        # With fewer readers than before the decisions that are there may be all that is wanted.
        if any(t.state == "decided" for t in here) and not change.made:
            settle(c, film.id, reading)
    detail = {"made": done.made, "withdrawn": done.withdrawn, "round": rules.round}
    audit.note(c, by, "plan", project, detail)
    return done


def measure(store: Store, project: str) -> int:
    """Compute how much the proposals of each film differ, where that is not known yet.

    ``plan`` would do it too, but in its own transaction, for which all writers wait: masks of a
    thousand films take minutes.

    Args:
        store: an open station.
        project: identifier.

    Returns:
        The number of films that were computed.
    """
    with store.read() as c:
        rules, proposals = project_of(c, project), _proposals(c, project)
        f = schema.films
        query = select(f.c.id).where(f.c.project_id == project, f.c.disagreement.is_(None))
        unknown = [film for film in c.execute(query).scalars() if proposals[film]]
    for film in unknown:
        with store.read() as c:
            value = _disagreement(c, rules, proposals[film])
        with store.begin() as c:
            # Proposals that came in meanwhile are newer: another run computes them.
            if [p.id for p in _proposals(c, project, film)[film]] == [
                p.id for p in proposals[film]
            ]:
                c.execute(update(f).where(f.c.id == film).values(disagreement=value))
    return len(unknown)


def _wanted(
    c: Connection,
    rules: Project,
    film: TableRow,
    proposals: Sequence[TableRow],
    record: Record,
) -> tuple[int, Wanted | None]:
    """The reading that a film is in, and what its tasks should be; None where it needs none."""
    if len(proposals) >= len(SIDES):  # one side is left for the hand-drawn mask
        raise UsageError(
            f"plan: expected at most {len(SIDES) - 1} proposals a film and round, "
            f"got {len(proposals)}; propose with fewer networks"
        )
    # All are of one round, the film's newest.
    newest = proposals[0].round if proposals else 0
    candidates = _candidates(rules, film, proposals, newest, record)
    if film.state == "open" and film.reading == 1:
        if not candidates:
            return 1, Wanted("draw")
        seed, share = rules.settings.seed, rules.settings.unaided_share
        if uniform(seed, "unaided", film.sha256) < share:
            return 1, Wanted("draw", newest, unaided=True)
        return 1, Wanted("choose", newest, candidates=candidates)
    again = film.reading == 2 and film.settled == 1 and film.state != "disputed"
    first = film.state == "approved" and film.reading == 1 and rules.settings.stage == 1
    if not candidates or not (again or first):
        return film.reading, None
    hand = _by_hand(c, film)
    if not hand:
        return film.reading, None
    return 2, Wanted("compare", newest, candidates=hand + candidates)


def _candidates(
    rules: Project, film: TableRow, proposals: Sequence[TableRow], newest: int, record: Record
) -> tuple[Candidate, ...]:
    """The proposals that a film shows, all of its newest round."""
    of = {p.name: Candidate(p.mask, p.name, proposal=p.id) for p in proposals}

    def lot(what: str) -> float:
        return uniform(rules.settings.seed, "shown", film.sha256, newest, what)

    return tuple(of[name] for name in shown(list(of), record, rules.settings.candidates, lot))


def _by_hand(c: Connection, film: TableRow) -> tuple[Candidate, ...]:
    """The hand-drawn mask of a film's first reading; nothing where proposals had a part in it."""
    r, t = schema.revisions, schema.tasks
    query = (
        select(r.c.id, r.c.mask, r.c.origin, t.c.slot, t.c.kind)
        .join(t, t.c.head == r.c.id)
        .where(t.c.film_id == film.id, t.c.reading == 1, t.c.repeat_of.is_(None))
        .order_by(t.c.slot, t.c.created.desc())
    )
    rows = [row for row in c.execute(query) if row.mask is not None]
    final = [row for row in rows if row.kind == "adjudicate"] or rows
    if not final or any(row.origin != "hand" for row in final):
        return ()
    # One mask stands for several readers: more than one would tell hand from machine by number.
    return (Candidate(final[0].mask, "hand", revision=final[0].id),)


def _of_film(
    c: Connection,
    rules: Project,
    film: TableRow,
    reading: int,
    wanted: Wanted,
    score: float,
    here: Sequence[TableRow],
) -> Planned:
    """Make and withdraw the tasks of one film's reading."""
    free = [t for t in here if t.state == "open" and t.user_id is None and t.assigned_to is None]
    fit = [t for t in free if _fits(t, wanted)]
    taken = {t.slot for t in here if t not in free}
    left = max(0, rules.settings.readers_per_film - len(taken))
    keep, drop = fit[:left], [t.id for t in free if t not in fit[:left]]
    withdrawn = withdraw(c, drop) if drop else 0
    if keep:
        t = schema.tasks
        # Tasks that others hold at this moment are passed over: waiting could be for each other.
        query = select(t.c.id).where(t.c.id.in_([k.id for k in keep]))
        query = query.with_for_update(skip_locked=True, key_share=True)
        here_now = [row.id for row in c.execute(query)]
        c.execute(update(t).where(t.c.id.in_(here_now)).values(score=score))
    # Tasks that were given out while this runs stay, and take the place of a new one.
    missing = left - len(keep) - (len(drop) - withdrawn)
    used = taken | {t.slot for t in keep}
    slots = [n for n in range(len(used) + left) if n not in used][: max(0, missing)]
    for slot in slots:
        insert(c, rules, film, wanted, reading=reading, slot=slot, score=score)
    return Planned(len(slots), withdrawn)


def _fits(task: TableRow, wanted: Wanted) -> bool:
    return (task.kind, task.round, task.unaided, task.shown) == (
        wanted.kind, wanted.round, wanted.unaided, len(wanted.candidates),
    )  # fmt: skip


def _score(
    c: Connection,
    rules: Project,
    film: TableRow,
    proposals: Sequence[TableRow],
) -> float:
    """How much the proposals of a film differ, computed once a round and kept."""
    if rules.settings.order == "random":
        return 0.0
    if film.disagreement is None:
        value = _disagreement(c, rules, proposals)
        f = schema.films
        c.execute(update(f).where(f.c.id == film.id).values(disagreement=value))
        return value
    return float(film.disagreement)


def _disagreement(c: Connection, rules: Project, proposals: Sequence[TableRow]) -> float:
    masks = [decode(get_mask(c, p.mask)) for p in proposals]
    return disagreement(masks, rules.labels[0])


def _proposals(
    c: Connection, project: str, film: str | None = None
) -> defaultdict[str, list[TableRow]]:
    """The proposals of each film's newest round, by network; of one film where it is named."""
    p, f, n = schema.proposals, schema.films, schema.networks
    query = (
        select(p, n.c.name)
        .join(f, f.c.id == p.c.film_id)
        .join(n, n.c.id == p.c.network_id)
        .where(f.c.project_id == project)
        .order_by(p.c.film_id, p.c.round.desc(), n.c.name)
    )
    if film is not None:
        query = query.where(f.c.id == film)
    found: defaultdict[str, list[TableRow]] = defaultdict(list)
    for row in c.execute(query):
        if not found[row.film_id] or found[row.film_id][0].round == row.round:
            found[row.film_id].append(row)
    return found


def _tasks(c: Connection, project: str) -> defaultdict[str, list[TableRow]]:
    """All tasks of each film but adjudications, with the number of candidates shown."""
    t, s = schema.tasks, schema.presentations
    shown = select(func.count()).where(s.c.task_id == t.c.id).scalar_subquery()
    query = (
        select(t, shown.label("shown"))
        .where(t.c.project_id == project, t.c.kind != "adjudicate")
        .order_by(t.c.slot, t.c.created)
    )
    return _by_film(c.execute(query))


def _by_film(
    rows: Iterable[TableRow],
) -> defaultdict[str, list[TableRow]]:
    found: defaultdict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        found[row.film_id].append(row)
    return found
