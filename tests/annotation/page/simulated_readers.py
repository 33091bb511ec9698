"""Ann and ben read all films of a running room, without a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage
from sqlalchemy import Connection

from infmap.annotation import decisions, drafts, films, planning, projects, tasks, users
from infmap.annotation.store import Store, now
from infmap.annotation.tasks import Task
from infmap.annotation.users import User
from infmap.phantom import render
from infmap.web.masks import Mask, decode
from infmap.web.strokes import Stroke, changes

from .desk import Room


def read_all(room: Room, unaided: float) -> None:
    """Two readers a film, hidden repeats, a share of films without proposals.

    On every third film ben marks one region only, so that a senior is called.
    """
    store = room.store()
    with store.begin() as c:
        (project,) = projects.every(c)
        rules = replace(
            project.settings, readers_per_film=2, repeat_share=0.2, unaided_share=unaided
        )
        projects.change(c, project.id, rules)
        planning.plan(c, project.id)
    for name in ("ann", "ben"):
        _read(store, project.id, name)
    store.close()


def _read(store: Store, project: str, name: str) -> None:
    rng = np.random.default_rng(len(name) + ord(name[0]))
    with store.read() as c:
        user = users.named(c, name)
    assert user is not None
    while True:
        with store.begin() as c:
            task = tasks.lease(c, project, user, now())
            if task is None:
                return
            number = int(films.get(c, task.film).source.split(".")[0])
            if task.kind == "choose" and number % 3:
                seconds = int(rng.integers(20, 45))
                decisions.decide(
                    c, task.id, user, task.version, "choose", side=_nearest(c, task, user, number),
                    active_ms=1000 * seconds,
                )  # fmt: skip
            else:
                _draw(c, task, user, _meant(number, name), int(rng.integers(60, 120)))


def _truth(number: int, size: int) -> np.ndarray:
    return render(max(number, 1), size=size, opacities=2 + number % 2).infection


def _meant(number: int, name: str) -> np.ndarray:
    """Ann draws a little out; ben a little in, and of every third film one region only."""
    truth = _truth(number, 128)
    if name == "ann":
        return ndimage.binary_dilation(truth)
    if number % 3 == 0:
        parts, _ = ndimage.label(truth)
        return np.asarray(parts == 1)
    return ndimage.binary_erosion(truth)


def _nearest(c: Connection, task: Task, user: User, number: int) -> str:
    """The side whose mask has the most pixels in common with what there is to see."""
    truth = _truth(number, 128)

    def common(side: str) -> int:
        mask = decode(tasks.candidate(c, task.id, side, user))
        return int(((mask & 1) == truth).sum())

    return max(task.candidates, key=common)


def _draw(c: Connection, task: Task, user: User, meant: np.ndarray, seconds: int) -> None:
    draft = drafts.open(c, task.id, user.id, None, "tab")
    empty: Mask = np.zeros(meant.shape, np.uint8)
    found = changes(empty, meant.astype(np.uint8), 0)
    assert found is not None
    rect, runs = found
    stroke = Stroke(f"{draft.id}-1", 1, "polygon", 0, rect, 1000 * seconds, runs)
    drafts.append(c, draft.id, draft.epoch, 0, [stroke])
    decisions.decide(
        c, task.id, user, task.version, "draw", draft=draft.id, active_ms=1000 * seconds
    )
