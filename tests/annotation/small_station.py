"""A small station that the tests share."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from sqlalchemy import select, update

from infmap.annotation import decisions, drafts, films, planning, projects, schema, tasks
from infmap.annotation.decisions import Conflict, Revision
from infmap.annotation.films import NewFilm
from infmap.annotation.store import LAYOUT, Store, new_id, put_mask
from infmap.annotation.tasks import Task
from infmap.annotation.users import User
from infmap.web.masks import Mask, bit, decode, encode
from infmap.web.strokes import Stroke, changes

HEIGHT, WIDTH = 40, 48
PASSWORD = "long enough"
NOON = 1_800_000_000_000
"""A moment, UTC milliseconds."""
LABELS = ("infection", "lungs")


def box(top: int, left: int, bottom: int, right: int, label: str = "infection") -> Mask:
    """A mask with one rectangle, uint8 (HEIGHT, WIDTH)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = bit(label)
    return mask


def digest(name: str) -> str:
    """SHA-256 of a name, for a film's file."""
    return hashlib.sha256(name.encode()).hexdigest()


def stroke(number: int, before: Mask, after: Mask, label: int = 0, uuid: str = "") -> Stroke:
    """The stroke between two masks."""
    change = changes(before, after, label)
    assert change is not None
    rect, runs = change
    return Stroke(uuid or f"stroke-{number}", number, "brush", label, rect, 250, runs)


def new_store(folder: Path, url: str | None = None) -> Store:
    """An empty station; SQLite's is a copy, for to make the tables takes longer than a test."""
    if url is not None:
        return Store.open(folder, url)
    folder.mkdir(parents=True)
    shutil.copyfile(_blank(), folder / LAYOUT.file)
    return Store.connect(folder)


@cache
def _blank() -> Path:
    """A database with all tables and no rows."""
    folder = Path(tempfile.mkdtemp(prefix="infmap-blank-"))
    atexit.register(shutil.rmtree, folder)
    Store.open(folder).close()
    return folder / LAYOUT.file


class Station:
    """A project with two readers, a senior, an observer and, once added, small films.

    Rules: readers are not repeated, no film is unaided, unless a test asks for it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.begin() as c:
            settings = projects.Settings(stage=2, candidates=7, repeat_share=0, unaided_share=0)
            self.project = projects.create(c, "chest", LABELS, settings).id
            self.admin = self._user(c, "admin", "administrator", None)
            self.ann = self._user(c, "ann", "reader", "reader")
            self.ben = self._user(c, "ben", "reader", "reader")
            self.sue = self._user(c, "sue", "senior", "senior")
            self.olga = self._user(c, "olga", "observer", "observer")

    def _user(self, c, name: str, role: str, member: str | None) -> User:
        # Hashing takes 50 ms on purpose, and most tests sign nobody in.
        user = User(new_id(), name, role)
        c.execute(
            schema.users.insert().values(
                id=user.id, name=name, role=role, password="none", disabled=False,
                must_change=False, created=NOON,
            )
        )  # fmt: skip
        if member is not None:
            projects.member(c, self.project, user, member)
        return user

    def new_reader(self, name: str) -> User:
        """One more reader."""
        with self.store.begin() as c:
            return self._user(c, name, "reader", "reader")

    def rules(self, **changes: object) -> None:
        """Change some of the project's settings."""
        with self.store.begin() as c:
            settings = projects.get(c, self.project).settings
            projects.change(c, self.project, replace(settings, **changes))

    def film(self, name: str = "a", **fields: object) -> str:
        """Add a film."""
        new = NewFilm(digest(name), WIDTH, HEIGHT, 12, 2047.5, 4095.0, source=f"/films/{name}")
        with self.store.begin() as c:
            return films.add(c, self.project, replace(new, **fields))

    def propose(self, film: str, masks: Sequence[Mask], round: int = 1) -> list[str]:
        """Add one proposal a mask, of the networks net0@1, net1@1, ..."""
        with self.store.begin() as c:
            made = []
            for k, mask in enumerate(masks):
                n = schema.networks
                name = f"net{k}@1"
                network = c.execute(select(n.c.id).where(n.c.name == name)).scalar()
                if network is None:
                    network = new_id()
                    c.execute(n.insert().values(id=network, name=name))
                made.append(new_id())
                c.execute(
                    schema.proposals.insert().values(
                        id=made[-1], film_id=film, network_id=network, round=round,
                        mask=put_mask(c, encode(mask)), created=NOON,
                    )
                )  # fmt: skip
            f, p = schema.films, schema.projects
            c.execute(update(f).where(f.c.id == film).values(disagreement=None))
            c.execute(update(p).where(p.c.id == self.project).values(round=round))
        return made

    def plan(self) -> planning.Planned:
        """Plan the project."""
        with self.store.begin() as c:
            return planning.plan(c, self.project)

    def next(self, user: User, now: int = NOON) -> Task | None:
        """The next task of a user."""
        with self.store.begin() as c:
            return tasks.lease(c, self.project, user, now)

    def draw(self, task: Task, user: User, mask: Mask, base: str | None = None) -> str:
        """Draw one stroke up to a mask; returns the draft."""
        with self.store.begin() as c:
            draft = drafts.open(c, task.id, user.id, base, "tab")
            before = decode(drafts.mask(c, draft.id))
            if not np.array_equal(before, mask):
                one = stroke(draft.seq + 1, before, mask)
                drafts.append(c, draft.id, draft.epoch, draft.seq, [one])
        return draft.id

    def decide(self, task: Task, user: User, kind: str, **given: object) -> Revision | Conflict:
        """Decide a task as the user knows it."""
        with self.store.begin() as c:
            return decisions.decide(c, task.id, user, task.version, kind, **given)

    def read(self, user: User, mask: Mask | None, now: int = NOON) -> Task | None:
        """Take the next task and draw a mask, or reject the film with None."""
        task = self.next(user, now)
        if task is None:
            return None
        if mask is None:
            self.decide(task, user, "reject", reason="not a chest film")
        else:
            self.decide(task, user, "draw", draft=self.draw(task, user, mask))
        return task

    def state(self, film: str) -> str:
        """A film's state."""
        with self.store.read() as c:
            return films.get(c, film).state

    def origins(self, task: Task) -> dict[str, str]:
        """Side to proposal or revision, which no reader is told."""
        s = schema.presentations
        with self.store.read() as c:
            query = select(s).where(s.c.task_id == task.id)
            return {row.side: row.proposal_id or row.revision_id for row in c.execute(query)}
