"""What readers make of each network's proposals, and how long a film takes them.

A high win rate with a high overturn rate is a warning: readers accept what a senior then changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from infmap.metrics import Bootstrap, Estimate, film_mean, film_median, rate
from infmap.web.masks import Mask


@dataclass(frozen=True)
class Choice:
    """A decision on a task that showed proposals.

    Attributes:
        film: identifier.
        patient: identifier, the same for all films of one patient.
        round: of the proposals.
        shown: network (name@version) of every candidate that a network made.
        candidates: number of candidates, a hand-drawn one included.
        picked: network whose proposal was kept or edited; None: another candidate, or none.
        edited: ``edit_distance`` from the picked proposal to what the reader kept.
        overturned: a senior approved another mask than the reader kept.
    """

    film: str
    patient: str
    round: int
    shown: tuple[str, ...]
    candidates: int
    picked: str | None = None
    edited: float = 0.0
    overturned: bool = False


@dataclass(frozen=True)
class NetworkFigures:
    """How one network's proposals fare.

    Attributes:
        network: name@version.
        round: of the proposals; None for all rounds together.
        win_rate: share of decisions on films that showed its proposal in which it was picked.
        by_chance: win rate of a candidate picked by lot.
        as_it_is: share of its picked proposals that were not edited.
        edit_distance: changed share of the marked pixels of its picked proposals, [0, 1].
        overturn_rate: share of its picked proposals whose mask a senior then changed.
    """

    network: str
    round: int | None
    win_rate: Estimate
    by_chance: float
    as_it_is: Estimate
    edit_distance: Estimate
    overturn_rate: Estimate


@dataclass(frozen=True)
class Timing:
    """A reader's decision on one film.

    Attributes:
        patient: identifier, the same for all films of one patient.
        reader: name.
        kind: of the task: "draw", "compare", "choose" or "adjudicate".
        seconds: that the reader was active on it.
    """

    patient: str
    reader: str
    kind: str
    seconds: float


@dataclass(frozen=True)
class TimeFigures:
    """How long a kind of task takes a reader.

    Attributes:
        reader: name, or "all".
        kind: of the task.
        median: seconds a film.
        minutes: in all.
    """

    reader: str
    kind: str
    median: Estimate
    minutes: float


def edit_distance(before: Mask, after: Mask) -> float:
    """Changed share of the pixels that either mask, uint8 (H, W), marks, [0, 1]; 0 without marks.

    A pixel counts as changed where any of its labels is: 0 is an untouched proposal, 1 one of
    which no pixel was kept.
    """
    marked = int(np.count_nonzero(before | after))
    return int(np.count_nonzero(before != after)) / marked if marked else 0.0


def network_figures(
    choices: Iterable[Choice], *, draws: int = 1000, seed: int = 0
) -> list[NetworkFigures]:
    """Figures of every network, over all rounds and then by round, with intervals by patient."""
    groups: dict[tuple[str, int], list[Choice]] = defaultdict(list)
    for choice in choices:
        # A network of two proposals, as in two rounds, counts once a decision.
        for network in set(choice.shown):
            groups[network, -1].append(choice)
            groups[network, choice.round].append(choice)
    return [
        _figures(network, None if number < 0 else number, groups[network, number], draws, seed)
        for network, number in sorted(groups)
    ]


def time_figures(
    timings: Iterable[Timing], *, draws: int = 1000, seed: int = 0
) -> list[TimeFigures]:
    """Time a film by kind of task, of all readers and then of each, with intervals by patient."""
    groups: dict[tuple[bool, str, str], list[Timing]] = defaultdict(list)
    for timing in timings:
        groups[False, "all", timing.kind].append(timing)
        groups[True, timing.reader, timing.kind].append(timing)
    rows = []
    for _, reader, kind in sorted(groups):
        group = groups[(reader != "all"), reader, kind]
        seconds = np.array([timing.seconds for timing in group])
        bootstrap = Bootstrap([timing.patient for timing in group], draws, seed)
        minutes = float(seconds.sum()) / 60
        rows.append(TimeFigures(reader, kind, film_median(seconds, bootstrap), minutes))
    return rows


def _figures(
    network: str, number: int | None, choices: Sequence[Choice], draws: int, seed: int
) -> NetworkFigures:
    patients = [choice.patient for choice in choices]
    wins = [choice.picked == network for choice in choices]
    picked = [choice for choice, won in zip(choices, wins, strict=True) if won]
    of_picked = [choice.patient for choice in picked]
    edited = np.array([choice.edited for choice in picked], np.float64)
    nothing = Estimate(np.nan, np.nan, np.nan, 0)
    return NetworkFigures(
        network=network,
        round=number,
        win_rate=rate(wins, patients),
        by_chance=float(np.mean([1 / choice.candidates for choice in choices])),
        as_it_is=rate(edited == 0, of_picked) if picked else nothing,
        edit_distance=film_mean(edited, Bootstrap(of_picked, draws, seed)) if picked else nothing,
        overturn_rate=rate([c.overturned for c in picked], of_picked) if picked else nothing,
    )
