"""The readers of the simulated study: what they draw, keep and edit, and how long it takes them.

A reader means a mask: the hidden truth with a boundary that wanders smoothly (a new draw every
time the film is seen) and lies a little out or in, as this reader always draws. The reader sees
how well a candidate overlaps with what is meant, with an error, keeps it where it is as good as a
second drawing of one's own would be, draws where nothing is near, and edits otherwise: what is off
by more than a tolerance is drawn anew, the rest of the candidate stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from collaboration_networks import SIDE, Films, dice
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.bool_]
SMOOTH = 6.0
"""Length over which a drawn boundary wanders, pixels of 128."""
TOLERANCE = 3.0
"""A boundary that is off by less, pixels of 128, is left alone in an edited mask: about 8 mm, and
less than two drawings of one film by one reader differ."""
JUDGING = 0.05
"""Standard deviation of the error in judging a candidate's Dice."""
NOTHING_NEAR = 0.4
"""Perceived Dice below which a reader draws."""


@dataclass(frozen=True)
class Reader:
    """How one reader draws and keeps.

    Attributes:
        outward: pixels of 128 by which the reader draws out (or in, where negative).
        wander: standard deviation of the boundary, pixels of 128 (each about 2.7 mm).
        keeps: perceived Dice from which a candidate is kept as it is.
    """

    outward: float
    wander: float
    keeps: float


@dataclass(frozen=True)
class Times:
    """What a reader's work takes, seconds.

    Attributes:
        look: to read the film.
        outline: to outline a region of median circumference.
        judge: to judge one candidate.
        edit: time of an edited outline over that of a drawn one of equal length.
        begin: to pick a tool and the place, once an edited film.
    """

    look: float
    outline: float
    judge: float
    edit: float
    begin: float


# Look: a radiologist's mean time for a chest film without assistance is 14.8 s (Shin et al. 2023,
# npj Digital Medicine 6:82). Outline: 22 worker hours for 1,000 objects of COCO (Lin et al. 2014).
# Nothing measured is known to us for judging and beginning: 5 s are assumed.
STATED = Times(look=15, outline=79, judge=5, edit=1, begin=5)
# The pessimistic one: drawing goes twice as fast, judging takes twice as long, and an edited
# outline takes half as long again as a drawn one.
PESSIMISTIC = Times(look=15, outline=40, judge=10, edit=1.5, begin=5)
MODELS = {"stated": STATED, "pessimistic": PESSIMISTIC}


@dataclass(frozen=True, eq=False)
class Work:
    """One film read.

    Attributes:
        mask: bool (128, 128), what was kept.
        kind: "choose", "edit" or "draw".
        picked: number of the candidate that was kept or edited; -1 where the film was drawn.
        looks: times that the film was read.
        judged: candidates judged.
        drawn: pixels of outline drawn.
        edited: pixels of outline edited.
    """

    mask: Plane
    kind: str
    picked: int = -1
    looks: int = 1
    judged: int = 0
    drawn: float = 0.0
    edited: float = 0.0

    def seconds(self, times: Times, region: float) -> float:
        """Time it took; ``region`` is the median outline of a region, pixels."""
        outline = times.outline / region
        edit = times.begin + times.edit * outline * self.edited if self.edited else 0.0
        return times.look * self.looks + times.judge * self.judged + outline * self.drawn + edit


class Room:
    """The readers, before the films of the study."""

    def __init__(self, films: Films, readers: list[Reader], seed: int) -> None:
        self.films, self.readers = films, readers
        self._rng = np.random.default_rng([seed, 1])
        self._of_film = self._rng.integers(0, len(readers), len(films))
        self._depth = np.stack([_depth(mask) for mask in films.truth])

    def draw(self, film: int) -> Work:
        """Outline a film by hand."""
        mask = self._meant(film)
        return Work(mask, "draw", drawn=outline(mask))

    def compare(self, film: int, hand: Plane, candidates: list[Plane]) -> Work:
        """Keep the better of the hand-drawn mask and networks' masks, seen side by side."""
        seen = self._seen(self._meant(film), [hand, *candidates])
        best = int(np.argmax(seen))
        mask = [hand, *candidates][best]
        return Work(mask, "choose", picked=best - 1, judged=len(seen))

    def choose(self, film: int, candidates: list[Plane]) -> Work:
        """Keep the best candidate, edit it, or draw."""
        meant = self._meant(film)
        seen = self._seen(meant, candidates)
        best, judged = int(np.argmax(seen)), len(candidates)
        if seen[best] >= self.readers[self._of_film[film]].keeps:
            return Work(candidates[best], "choose", best, judged=judged)
        if seen[best] < NOTHING_NEAR:
            return Work(meant, "draw", judged=judged, drawn=outline(meant))
        mask, length = edit(candidates[best], meant)
        if length >= outline(meant):
            return Work(meant, "draw", judged=judged, drawn=outline(meant))
        return Work(mask, "edit", best, judged=judged, edited=length)

    def _meant(self, film: int) -> Plane:
        noise = ndimage.gaussian_filter(self._rng.standard_normal((SIDE, SIDE)), SMOOTH)
        reader = self.readers[self._of_film[film]]
        noise *= reader.wander / noise.std()
        depth = self._depth[film] + noise + reader.outward
        return np.asarray((depth > 0) & self.films.lungs[film])

    def _seen(self, meant: Plane, candidates: list[Plane]) -> NDArray[np.float64]:
        truth = np.broadcast_to(meant, (len(candidates), SIDE, SIDE))
        return dice(np.stack(candidates), truth) + self._rng.normal(0, JUDGING, len(candidates))


def edit(candidate: Plane, meant: Plane) -> tuple[Plane, float]:
    """What editing makes of a candidate, and the length of the outlines that it takes, pixels.

    The length is that of the new outline, and of the outline of what is erased.
    """
    near = np.abs(_depth(meant)) <= TOLERANCE
    mask = np.where(near, candidate, meant)
    changed = mask != candidate
    if not changed.any():
        return candidate, 0.0
    around = ndimage.binary_dilation(changed, iterations=2)
    drawn = np.count_nonzero(_border(meant) & around)
    erased = np.count_nonzero(_border(candidate) & changed & ~meant)
    return np.asarray(mask), float(drawn + erased)


def outline(mask: Plane) -> float:
    """Pixels on the border of a mask."""
    return float(np.count_nonzero(_border(mask)))


def region_outline(truth: NDArray[np.bool_]) -> float:
    """Median outline of the regions of all masks, pixels; specks below 8 pixels left out."""
    lengths = []
    for mask in truth:
        numbered, count = ndimage.label(mask)
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)
        border = np.bincount(numbered[_border(mask)], minlength=count + 1)
        lengths += [border[n] for n in range(1, count + 1) if sizes[n] >= 8]
    return float(np.median(lengths))


def _border(mask: Plane) -> Plane:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))


def _depth(mask: Plane) -> NDArray[np.float32]:
    """Distance to the border, positive inside, pixels; far outside everywhere of an empty mask."""
    if not mask.any():
        return np.full(mask.shape, -SIDE, np.float32)
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    return np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32)
